"""Files in the encodings that people have: read rightly without being told, and the guess is said."""

import io
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from activeclust.datasets.loading import load
from activeclust.errors import DataFileError, InvalidInput
from activeclust.files.delimited import find_encoding
from activeclust.files.latin import likeliest_latin

TEXTS = {
    "Polish": ["zażółć gęślą jaźń", "Łódź", "świeży chleb", "pociąg do Gdańska spóźnił się"],
    "Czech": ["Příliš žluťoučký kůň úpěl ďábelské ódy", "člověk", "řeka", "město Brno"],
    "Hungarian": ["árvíztűrő tükörfúrógép", "köszönöm szépen", "őszi eső"],
    "Romanian": ["Mulţumesc foarte mult", "am fost la piaţă", "oraş", "fată frumoasă"],
    "Turkish": ["Dün pazara gittim ve taze ekmek aldım", "İstanbul çok güzel", "yağmur yağıyor", "şüphesiz"],
    "Lithuanian": ["nusipirkau šviežios duonos", "ačiū", "ėjo į miškų", "žąsis"],
    "German": ["schöne Grüße aus München", "Müller", "Straße", "es war „gut“ – wirklich"],
    "French": ["Hier je suis allé au marché", "élève", "garçon", "cœur", "l’école"],
    "Spanish": ["mañana", "¿Qué tal?", "corazón", "niño"],
    "Danish": ["rødgrød med fløde", "på markedet", "ære"],
    "Russian": ["Вчера я ходил на рынок и купил хлеб", "спасибо", "ёлка"],
    "Ukrainian": ["Вчора я ходив на ринок і купив хліб", "дякую", "їжа"],
    "Greek": ["Χθες πήγα στην αγορά και αγόρασα ψωμί", "ευχαριστώ", "όμορφη πόλη"],
    "Hebrew": ["אתמול הלכתי לשוק וקניתי לחם", "תודה רבה"],
    "Arabic": ["ذهبت أمس إلى السوق واشتريت خبزا", "شكرا جزيلا"],
    "Japanese": ["昨日、市場に行って新しいパンを買いました", "ありがとう", "カタカナ"],
    "Chinese": ["昨天我去市场买了面包", "谢谢", "美丽的城市"],
    "Korean": ["어제 시장에 가서 빵을 샀습니다", "감사합니다"],
}
ENCODINGS = {
    "Polish": ["cp1250", "iso8859_2", "cp852"],
    "Czech": ["cp1250", "iso8859_2"],
    "Hungarian": ["cp1250", "iso8859_2"],
    "Romanian": ["cp1250"],
    "Turkish": ["cp1254", "iso8859_9"],
    "Lithuanian": ["cp1257"],
    "German": ["cp1252", "mac_roman"],
    "French": ["cp1252", "mac_roman"],
    "Spanish": ["cp1252", "latin_1", "mac_roman", "cp850"],
    "Danish": ["cp1252", "latin_1"],
    "Russian": ["cp1251", "koi8_r", "cp866", "iso8859_5"],
    "Ukrainian": ["cp1251", "koi8_u"],
    "Greek": ["cp1253", "iso8859_7"],
    "Hebrew": ["cp1255"],
    "Arabic": ["cp1256"],
    "Japanese": ["shift_jis", "euc_jp"],
    "Chinese": ["gb18030", "gbk"],
    "Korean": ["euc_kr", "cp949"],
}


def table(language):
    lines = [f"{i},{text},{'ab'[i % 2]}" for i, text in enumerate(TEXTS[language] * 3)]
    return "\n".join(["id,text,label", *lines, ""])


@pytest.mark.parametrize(("language", "encoding"), [(k, e) for k, known in ENCODINGS.items() for e in known])
def test_an_encoding_is_found_and_said(language, encoding):
    raw = table(language).encode(encoding)
    found = find_encoding(io.BytesIO(raw), "t.csv")
    assert raw.decode(found.name) == table(language)
    assert "is not UTF-8 (line " in found.notes[0] and "--encoding names another" in found.notes[0]


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf_16_le", "utf_16_be", "utf-32"])
def test_unicode_is_found_with_and_without_a_mark(language, encoding):
    raw = table(language).encode(encoding)
    found = find_encoding(io.BytesIO(raw), "t.csv")
    assert raw.decode(found.name) == table(language)
    assert bool(found.notes) == (encoding in ("utf_16_le", "utf_16_be"))


@pytest.mark.parametrize("name", ["Müller", "José", "Søren", "Dvořák", "Łukasz", "Świątek"])
def test_a_single_name_is_enough(name):
    encoding = next(e for e in ("cp1252", "cp1250", "cp1254") if _fits(name, e))
    raw = f"id,name\n1,{name}\n".encode(encoding)
    assert raw.decode(find_encoding(io.BytesIO(raw), "t.csv").name).endswith(f"{name}\n")


def test_capitals_of_cyrillic_are_no_hebrew():
    raw = "\n".join(["МОСКВА", "САНКТ-ПЕТЕРБУРГ", "КРАСИВЫЙ ГОРОД"]).encode("cp1251")
    assert find_encoding(io.BytesIO(raw), "t.csv").name == "cp1251"


def test_names_from_all_over_western_europe_stay_western():
    raw = "\n".join(["Søren", "Müller", "José", "Ångström", "François", "João", "Þór"]).encode("cp1252")
    assert likeliest_latin(raw) == "cp1252"


def _fits(text, encoding):
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=200))
@example(raw=b"\xef")
@example(raw=b"\xef\xbb")
def test_any_bytes_are_text_or_a_sentence(raw):
    try:
        found = find_encoding(io.BytesIO(raw), "t.csv")
    except DataFileError as error:
        assert "--encoding" in str(error)
    else:
        unicodedata.normalize("NFC", raw.decode(found.name))


@settings(max_examples=80, deadline=None)
@given(
    raw=st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode)),
    asked=st.sampled_from(
        ["hex", "base64", "rot13", "zip", "idna", "punycode", "undefined", "mbcs", "utf-16", "utf-32", "utf-7", "ascii",
         "cp1252", "shift-jis", "cp037", "nothing", "", "é", "\0", "UTF8", "utf_8_sig", "unicode_escape",
         "raw_unicode_escape"]
    ),
)  # fmt: skip
@example(raw=b"\\\x00", asked="unicode_escape")
def test_a_wrong_encoding_is_a_sentence(raw, asked):
    try:
        found = find_encoding(io.BytesIO(raw), "t.csv", asked)
    except InvalidInput as error:
        assert "There is no encoding" in str(error)
    except DataFileError as error:
        assert "is not text in" in str(error) and "--encoding" in str(error)
    else:
        raw.decode(found.name)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_may_be_asked_for_without_a_mark(encoding):
    raw = table("Polish").encode(encoding)
    assert raw.decode(find_encoding(io.BytesIO(raw), "t.csv", "utf-16").name) == table("Polish")


def test_labels_of_a_polish_file_are_those_in_the_file(tmp_path):
    lines = [f"{i},{i % 7},{'żółty' if i % 2 else 'błękit'}" for i in range(30)]
    (tmp_path / "t.csv").write_bytes("\n".join(["a,b,label", *lines]).encode("cp1250"))
    data = load(tmp_path / "t.csv", label_column="label")
    assert set(data.y) == {"żółty", "błękit"}
    assert any("cp1250" in note for note in data.notes)

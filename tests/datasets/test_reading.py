"""Tables as people save them: encodings, separators, headers, codes, missing markers, spreadsheets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activeclust.datasets import load
from activeclust.datasets.reading import MARKERS, FileOptions, read_frame
from activeclust.errors import DataFileError, InvalidInput, UnknownName
from activeclust.files.delimited import find_separator


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


# ---------------------------------------------------------------- encodings


TEXTS = {
    "cp1252": "stadt,x\nZürich,1\nMünchen,2\nMünchen,3\nZürich,4\n",
    "cp1251": "город,x\nпривет мир,1\nсовсем другой,2\nпривет мир,3\n",
    "shift_jis": "本文,x\nこれは猫です,1\nこれは犬です,2\nこれは猫です,3\n",
    "gb18030": "文本,x\n今天天气很好我们去公园,1\n今天很糟糕,2\n今天很糟糕,3\n",
    "utf-16": "stadt,x\nZürich,1\nKöln,2\nZürich,3\n",
    "utf-16-le": "stadt,x\nZürich,1\nKöln,2\nZürich,3\n",
    "utf-8-sig": "stadt,x\nZürich,1\nKöln,2\nZürich,3\n",
    "utf-32": "stadt,x\nZürich,1\nKöln,2\nZürich,3\n",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_the_encoding_is_found_and_a_guess_is_said(tmp_path, encoding):
    path = write(tmp_path / "t.csv", TEXTS[encoding], encoding)
    data = load(path)
    head, first, *_ = TEXTS[encoding].splitlines()
    assert data.items[0] == {head.split(",")[0]: first.split(",")[0], "x": 1}
    guessed = encoding in ("cp1252", "cp1251", "shift_jis", "gb18030", "utf-16-le")
    assert any("--encoding names another" in note for note in data.notes) == guessed
    assert load(path, encoding=encoding).items[0] == data.items[0]


def test_an_encoding_that_does_not_fit_is_refused_with_the_line(tmp_path):
    path = write(tmp_path / "t.csv", "a,b\n1,2\n3,ü\n", "cp1252")
    with pytest.raises(DataFileError, match=r"not text in utf-8: line 3"):
        load(path, encoding="utf-8")
    with pytest.raises(InvalidInput, match="no encoding 'latin-99'"):
        load(path, encoding="latin-99")
    with pytest.raises(InvalidInput, match="--encoding is for"):
        load("digits", encoding="utf-8")


def test_labels_of_a_text_file_in_another_encoding(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(8.0).reshape(4, 2))
    write(tmp_path / "names.txt", "Katze\nKüche\n\nf\x1crei\n", "cp1252")
    data = load(tmp_path / "a.npy", labels=tmp_path / "names.txt")
    assert data.y.tolist() == ["Katze", "Küche", None, "f\x1crei"]
    assert "read as cp1252, as in 'Küche'" in data.notes[0]
    assert load(tmp_path / "a.npy", labels=tmp_path / "names.txt", encoding="cp1252").y.tolist()[1] == "Küche"


# ---------------------------------------------------------------- separators, cells, headers


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_within_quotes_and_fractions_do_not_count(tmp_path, separator):
    quoted = '"one; two, three\tfour"'
    lines = [("text", "a", "b"), (quoted, "1.5", "2"), (quoted, "3", "4"), ('"x"', "5", "6")]
    path = write(tmp_path / "t.csv", "".join(separator.join(line) + "\n" for line in lines))
    data = load(path, drop=["text"])
    assert data.items[1] == {"a": 3.0, "b": 4}
    with path.open() as file:
        assert find_separator(file) == separator


def test_decimal_commas(tmp_path):
    path = write(tmp_path / "t.csv", "a;b\n1,5;2\n2,5;4\n1,5;9\n")
    with pytest.raises(InvalidInput, match=r"'a' of t.csv holds numbers with decimal commas.*--decimal ,"):
        load(path)
    assert [load(path, decimal=",").items[i]["a"] for i in range(3)] == [1.5, 2.5, 1.5]


def test_cells_of_any_length(tmp_path):
    texts = ["word " * 60_000, "other text here " * 20_000, "a third text of words"]
    path = write(
        tmp_path / "t.csv", "text,label\n" + "".join(f'"{text}",{i}\n' for i, text in enumerate(texts))
    )
    assert [load(path).items[i]["text"] for i in range(3)] == texts


def test_names_of_columns(tmp_path):
    data = load(write(tmp_path / "t.csv", " a ,label , a\n1,x,5\n2,y,6\n4,x,6\n"))
    assert data.y.tolist() == ["x", "y", "x"]
    assert data.items[0] == {"a": 1, "a (2)": 5}
    assert "another one named 'a', is called 'a (2)'" in " ".join(data.notes)
    for twice in ("label,label", "label,label ", '"label",label'):
        with pytest.raises(DataFileError, match=r"two columns named 'label' \(columns 1 and 2\)"):
            load(write(tmp_path / "t.csv", f"{twice},a\nx,x,1\ny,y,2\n"))
    with pytest.raises(DataFileError, match="columns Label, LABEL: say which"):
        load(write(tmp_path / "t.csv", "Label,LABEL,a\nx,x,1\ny,y,2\n"))


def test_nameless_columns_that_programs_write(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2, 9], "c": ["u", "v", "u"]})
    frame.to_csv(tmp_path / "t.csv")
    data = load(tmp_path / "t.csv")
    assert data.items[0] == {"a": 1.5, "c": "u"} and "counts the rows: left out" in data.notes[0]
    frame.sample(frac=1, random_state=1).to_csv(tmp_path / "t.csv")
    assert list(load(tmp_path / "t.csv").items[0]) == ["a", "c"]
    assert load(write(tmp_path / "t.csv", "a,b,\n1,2,\n3,4,\n")).X.shape == (2, 2)
    named = load(write(tmp_path / "t.csv", ",a,b\nu,1,2\nv,3,4\nu,5,6\n"))
    assert named.items[0] == {"column0": "u", "a": 1, "b": 2}
    frame.assign(key=list("xyz")).set_index("key").to_parquet(tmp_path / "t.parquet")
    assert load(tmp_path / "t.parquet", id_column="key").row_ids.values == ("x", "y", "z")


def test_columns_are_dropped(tmp_path):
    path = write(tmp_path / "t.csv", "a,b,c\n1,2,x1\n3,4,x2\n5,7,x3\n")
    data = load(path, drop=["b", "c"])
    assert data.X.shape == (3, 1) and data.items[0] == {"a": 1}
    with pytest.raises(UnknownName, match="named 'd'"):
        load(path, drop=["d"])


def test_a_ragged_line_is_named_with_the_remedy(tmp_path):
    path = write(tmp_path / "t.csv", 'a,b\n"two\nlines",2\nx,y,z\n')
    with pytest.raises(DataFileError, match=r"line 1 has 2 fields, line 4 has 3\. .* in double quotes"):
        load(path)


# ---------------------------------------------------------------- what a cell is


def test_codes_are_no_numbers_and_integers_stay_integers(tmp_path):
    path = write(tmp_path / "t.csv", "zip,n,x\n01067,1,0.5\n10115,,1\n01067,2,2\n10115,9007199254740993,3\n")
    frame, _ = read_frame(path, FileOptions())
    assert frame["zip"].tolist() == ["01067", "10115", "01067", "10115"]
    assert [value for value in frame["n"].tolist() if value is not pd.NA] != [1.0]
    path = write(tmp_path / "u.csv", "n,x\n1,0.5\n,1\n200000000,2\n")
    data = load(path, impute=True)
    assert data.items[0]["n"] == 1 and isinstance(data.items[2]["n"], (int, np.integer))


def test_markers_are_missing_among_numbers_and_dates_and_names_elsewhere(tmp_path):
    path = write(
        tmp_path / "t.csv",
        "n,day,country\n1,2021-01-01,DE\nNA,2021-01-02,NA\n3,None,DE\n?,2021-02-01,NA\n5,2021-05-05,\n",
    )
    frame, notes = read_frame(path, FileOptions())
    assert frame.isna().to_numpy().tolist() == [
        [False, False, False], [True, False, False], [False, True, False], [True, False, False], [False, False, True],
    ]  # fmt: skip
    assert frame["country"].tolist()[:4] == ["DE", "NA", "DE", "NA"]
    assert any("'country'" in note and "2 cells" in note for note in notes)


blank = st.sampled_from(["", " "])
marker = st.sampled_from(sorted(MARKERS))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n=st.integers(3, 12))
def test_numbers_come_back_whatever_stands_between_them(tmp_path_factory, data, n):
    numbers = data.draw(
        st.lists(st.one_of(st.integers(-(10**15), 10**15), st.floats(allow_nan=False, allow_infinity=False)),
                 min_size=n, max_size=n)
    )  # fmt: skip
    missing = data.draw(st.lists(st.one_of(st.none(), marker, blank), min_size=n, max_size=n))
    path = tmp_path_factory.mktemp("t") / "t.csv"
    cells = [repr(number) if gap is None else gap for number, gap in zip(numbers, missing, strict=True)]
    write(path, "key,v\n" + "".join(f"k{i},{cell}\n" for i, cell in enumerate(cells)))
    column = read_frame(path, FileOptions())[0]["v"]
    if any(gap is None for gap in missing):
        assert column.isna().tolist() == [gap is not None for gap in missing]
        for found, number, gap in zip(column.tolist(), numbers, missing, strict=True):
            assert gap is not None or found == number
        whole = all(
            isinstance(number, int) for number, gap in zip(numbers, missing, strict=True) if gap is None
        )
        if whole and max(map(abs, numbers)) < 2**53:
            assert all(isinstance(found, int) for found in column.tolist() if found is not pd.NA)


words = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), n=st.integers(2, 8), separator=st.sampled_from([",", ";", "\t"]))
def test_labels_and_ids_are_the_texts_in_the_file(tmp_path_factory, data, n, separator):
    import csv

    labels, ids = (data.draw(st.lists(words, min_size=n, max_size=n)) for _ in range(2))
    path = tmp_path_factory.mktemp("t") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL)
        writer.writerows(
            [
                ["label", "id", "x"],
                *([one, other, i] for i, (one, other) in enumerate(zip(labels, ids, strict=True))),
            ]
        )
    found = load(path)
    for row in range(n):
        for text, value in ((labels[row], found.y[row]), (ids[row], found.items[row]["id"])):
            if not text.strip():
                assert value is None or value != value or not str(value).strip()
            else:
                assert str(value).strip() == text.strip()


# ---------------------------------------------------------------- spreadsheets


def test_a_spreadsheet_is_a_table(tmp_path):
    frame = pd.DataFrame(
        {"id": ["0002", "3", "x"], "n": [1, None, 3], "f": [0.5, 1, 2],
         "day": pd.to_datetime(["2021-01-01"] * 2 + ["2022-05-05"]), "word": ["NA", None, "NA"], "label": [1, None, 2]}
    )  # fmt: skip
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        frame.to_excel(book, sheet_name="rows", index=False)
        pd.DataFrame({"a": [1, 2]}).to_excel(book, sheet_name="other", index=False)
    data = load(tmp_path / "t.xlsx", impute=True)
    assert data.y.tolist() == [1, None, 2]
    assert data.row_ids.values == ("0002", "3", "x")
    assert (data.items[0]["n"], data.items[0]["word"]) == (1, "NA")
    assert data.items[2]["day"] == pd.Timestamp("2022-05-05")
    assert "Sheet 'rows', the first of 2: --sheet names another." in data.notes
    assert load(tmp_path / "t.xlsx", sheet="other").X.shape == (2, 1)
    with pytest.raises(UnknownName, match="Did you mean 'other'"):
        load(tmp_path / "t.xlsx", sheet="othr")
    with pytest.raises(InvalidInput, match="--decimal is for text"):
        load(tmp_path / "t.xlsx", decimal=",")
    write(tmp_path / "bad.xlsx", "no spreadsheet")
    with pytest.raises(DataFileError, match="cannot be read as a spreadsheet"):
        load(tmp_path / "bad.xlsx")

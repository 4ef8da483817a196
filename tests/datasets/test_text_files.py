"""Texts without a table: one on each line of a file, or a file each in a folder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activeclust import PFNClusterer
from activeclust.datasets import load
from activeclust.errors import DataFileError, InvalidInput

WORDS = "tf-idf"  # by words, whether or not a sentence model is installed
TOPICS = {
    "billing": "invoice payment refund card charge",
    "login": "password account email reset access",
    "parcel": "delivery courier tracking address delay",
}


def notes(n: int = 20) -> list[tuple[str, str]]:
    """Topic and text."""
    rng = np.random.default_rng(0)
    return [
        (topic, " ".join(rng.choice(words.split(), 3, replace=False)) + f" number {i}")
        for i in range(n)
        for topic, words in TOPICS.items()
    ]


def test_lines_are_texts_and_labels_have_a_file_of_their_own(tmp_path):
    told = notes()
    path = tmp_path / "notes.txt"
    path.write_text("\n".join(text for _, text in told) + "\n")
    (tmp_path / "topics.txt").write_text("\n".join(topic for topic, _ in told))
    found = load(path, embed=WORDS, labels=tmp_path / "topics.txt")
    assert [item["text"] for item in found.items] == [text for _, text in told]
    assert found.y.tolist() == [topic for topic, _ in told]
    assert found.name == "notes" and any("60 texts, one on each line." in note for note in found.notes)
    first = [found.y.tolist().index(topic) for topic in TOPICS]
    y = np.full(60, None, dtype=object)
    y[first] = list(TOPICS)
    assert PFNClusterer(device="cpu").fit(found.X, y).score(found.X, found.y) > 0.6  # chance: 0.33


lines = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")), min_size=1),
    min_size=2,
    max_size=9,
)


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("utf-16", "\n")])
@settings(max_examples=25, deadline=None)
@given(texts=lines)
def test_every_line_that_is_not_blank_is_a_text(tmp_path_factory, encoding, end, texts):
    path = tmp_path_factory.mktemp("t") / "t.txt"
    path.write_bytes(f" {end}{end.join(texts)}{end}".encode(encoding))
    from activeclust.datasets.tables import TableOptions
    from activeclust.datasets.texts import open_lines

    source = open_lines(path, TableOptions())
    kept = [text.strip() for text in texts if text.strip()]
    assert [item["text"] for item in source.items] == kept == list(source.texts)


def test_a_folder_of_texts_has_labels_from_its_subfolders(tmp_path):
    for i, (topic, text) in enumerate(notes(4)):
        (tmp_path / topic).mkdir(exist_ok=True)
        (tmp_path / topic / f"{i:02}.txt").write_text(text + "\n")
    (tmp_path / ".hidden.txt").write_text("not a text")
    found = load(tmp_path, embed=WORDS)
    assert len(found.X) == 12
    assert found.y.tolist() == sorted([*TOPICS] * 4)
    assert found.items[0] == {"file": "billing/00.txt", "text": notes(4)[0][1]}
    assert found.row_ids.named and found.row_ids.values[0] == "billing/00.txt"
    flat = tmp_path / "login"
    assert load(flat, embed=WORDS).y is None
    (flat / "names.txt").write_text("a\nb\na\nb\n")
    assert load(flat, embed=WORDS, labels=flat / "names.txt").y.tolist() == ["a", "b", "a", "b"]


def test_pictures_have_precedence_over_their_captions(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    for i in range(2):
        Image.fromarray(np.full((4, 4), 99 * i, dtype=np.uint8)).save(tmp_path / f"{i}.png")
        (tmp_path / f"{i}.txt").write_text("a caption")
    assert load(tmp_path).X.shape == (2, 16)


def test_other_files_and_options_are_refused(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("a\tb\n1\t2\n3\t4\n")
    with pytest.raises(DataFileError, match=r"is a table: every line has 2 fields .* ends in \.tsv"):
        load(path)
    path.write_text(" \n\n")
    with pytest.raises(DataFileError, match="holds no texts"):
        load(path)
    path.write_text("one text here\nanother text there\n")
    with pytest.raises(InvalidInput, match="--label-column is for tables"):
        load(path, label_column="x")
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    with pytest.raises(InvalidInput, match="3 labels for 2 rows"):
        load(path, labels=tmp_path / "labels.txt")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataFileError, match=r"holds no pictures .*, texts \(\.txt\) or \.parquet files"):
        load(empty)

"""Label and id columns of text files are the texts that stand in the file."""

import pytest

from activeclust.datasets import load


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        (["01", "1", "001"], ["01", "1", "001"]),
        (["NA", "None", "nan"], ["NA", "None", "nan"]),
        (["3", "", "5"], [3, None, 5]),
        (["3", "4", "-5"], [3, 4, -5]),
        (["1.0", "1", "2"], ["1.0", "1", "2"]),
    ],
)
def test_labels_are_the_texts_in_the_file(tmp_path, written, labels):
    path = tmp_path / "t.csv"
    path.write_text("x,Label,z\n" + "".join(f"{i}.5,{text},{i}\n" for i, text in enumerate(written)))
    found = load(path).y.tolist()
    assert found == labels
    assert [type(label) for label in found] == [type(label) for label in labels]


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        (["0002", "0010", "3"], ["0002", "0010", "3"]),
        (["9007199254740996", "", "9007199254740997"], [9007199254740996, None, 9007199254740997]),
        (["9007199254740993", "1", "2"], [9007199254740993, 1, 2]),
    ],
)
def test_ids_keep_their_zeros_and_digits(tmp_path, written, ids):
    path = tmp_path / "t.tsv"
    path.write_text("key\tx\tz\n" + "".join(f"{text}\t{i}.5\t{i * i}\n" for i, text in enumerate(written)))
    items = load(path, id_column="key").items
    found = [items[row]["key"] for row in range(3)]
    assert found == ids
    assert [type(key) for key in found] == [type(key) for key in ids]

"""Real files in, rows out; every kind of bad file refused in one sentence that names the place."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import warm
from hypothesis import given
from hypothesis import strategies as st

from activeclust.datasets import load
from activeclust.errors import ActiveClustError, DataFileError, InvalidInput, UnknownName
from activeclust.validation import check_rows


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


# ---------------------------------------------------------------- named sets


def test_mnist_is_5000_real_images_scaled_to_one():
    data = load("mnist")
    assert data.X.shape == (5000, 784)
    assert data.X.dtype == np.float32
    assert (data.X.min(), data.X.max()) == (0.0, 1.0)
    assert data.items[0].shape == (28, 28)
    assert np.bincount(data.oracle_labels()).tolist() == [500] * 10


def test_mnist70k_comes_from_the_named_folder(tmp_path, monkeypatch):
    np.savez(
        tmp_path / "mnist70k.npz",
        X=np.full((3, 784), 255, np.uint8) * np.eye(3, 784, dtype=np.uint8),
        y=np.arange(3, dtype=np.uint8),
    )
    monkeypatch.setenv("ACTIVECLUST_DATA", str(tmp_path))
    data = load("mnist70k")
    assert data.X.shape == (3, 784)
    assert data.X.max() == 1.0


def test_mnist70k_whole():
    folder = os.environ.get("ACTIVECLUST_DATA")
    if not folder or not (Path(folder) / "mnist70k.npz").is_file():
        pytest.skip("ACTIVECLUST_DATA names no folder with mnist70k.npz")
    data = load("mnist70k")
    assert data.X.shape == (70000, 784)
    assert len(set(data.oracle_labels().tolist())) == 10


def test_mnist70k_without_file_and_network_names_both_ways(tmp_path):
    # a process of its own: proxies are read from the environment, and this one leads nowhere
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    environment = os.environ | nowhere | {"SCIKIT_LEARN_DATA": str(tmp_path), "no_proxy": ""}
    environment.pop("ACTIVECLUST_DATA", None)
    code = "from activeclust.datasets import load\ntry: load('mnist70k')\nexcept OSError as e: print(e)"
    said = warm.run(["-c", code], cwd=tmp_path, env=environment).stdout
    assert "ACTIVECLUST_DATA" in said
    assert "fetch_openml" in said


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'mnist'"):
        load("mnst")


# ---------------------------------------------------------------- tables


def test_numbers_are_standardised_and_categories_one_hot(tmp_path):
    path = write(tmp_path / "flowers.csv", "id,width,colour,label\na,1,red,x\nb,2,blue,y\nc,3,red,x\n")
    data = load(path)
    assert data.X.shape == (3, 3)
    assert data.X[:, 0].mean() == pytest.approx(0, abs=1e-6)
    assert data.X[:, 0].std() == pytest.approx(1)
    assert data.X[:, 1:].tolist() == [[0, 1], [1, 0], [0, 1]]  # blue, red
    assert data.oracle_labels().tolist() == ["x", "y", "x"]
    assert data.items[1] == {"id": "b", "width": 2, "colour": "blue"}
    assert data.name == "flowers"
    assert "One-hot encoded: colour." in data.notes


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_read_from_the_file(tmp_path, separator):
    path = write(
        tmp_path / "t.csv",
        separator.join("ab") + "\n" + separator.join("12") + "\n" + separator.join("34") + "\n",
    )
    assert load(path).X.shape == (2, 2)


def test_a_file_without_header_keeps_its_first_row(tmp_path):
    data = load(write(tmp_path / "t.csv", "1,2\n3,4\n5,7\n"))
    assert data.X.shape == (3, 2)
    assert "read as a row" in data.notes[0]


def test_columns_are_chosen_by_name(tmp_path):
    path = write(tmp_path / "t.csv", "key,a,b,kind\n1,1,9,u\n2,2,8,v\n3,3,1,u\n")
    data = load(path, label_column="kind", id_column="key", features=["b"])
    assert data.X.shape == (3, 1)
    assert data.oracle_labels().tolist() == ["u", "v", "u"]
    with pytest.raises(UnknownName, match="Did you mean 'kind'"):
        load(path, label_column="kin")
    with pytest.raises(InvalidInput, match="cannot be features"):
        load(path, label_column="kind", features=["kind", "a"])


def test_a_table_without_labels_can_be_clustered_but_is_no_oracle(tmp_path):
    data = load(write(tmp_path / "t.csv", "a,b\n1,2\n3,4\n"))
    assert data.y is None
    with pytest.raises(InvalidInput, match="--label-column"):
        data.oracle_labels()


def test_parquet_equals_csv(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5, 9.0], "c": ["u", "v", "u"], "label": [1, 2, 1]})
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    one, other = load(tmp_path / "t.parquet"), load(tmp_path / "t.csv")
    np.testing.assert_array_equal(one.X, other.X)
    assert one.oracle_labels().tolist() == other.oracle_labels().tolist() == [1, 2, 1]


def test_gaps_are_refused_and_filled_only_when_asked(tmp_path):
    path = write(tmp_path / "t.csv", "a,b,c\n1,2,u\n,4,v\n5,6,\n9,8,u\n")
    with pytest.raises(InvalidInput, match=r"misses values in rows 1, 2 .*columns: a, c.*--impute"):
        load(path)
    filled = load(path, impute=True)
    assert filled.X.shape == (4, 4)
    assert np.isfinite(filled.X).all()


# ---------------------------------------------------------------- arrays


def test_npz_npy_and_labels_beside(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 2, 2)), np.array(["a", "b"] * 3)
    np.savez(tmp_path / "both.npz", X=X, y=y)
    np.save(tmp_path / "rows.npy", X)
    np.save(tmp_path / "rows.labels.npy", y)
    write(tmp_path / "names.txt", "\n".join("cdcdcd"))
    both, rows = load(tmp_path / "both.npz"), load(tmp_path / "rows.npy")
    np.testing.assert_array_equal(both.X, rows.X)
    assert both.X.shape == (6, 4)
    assert both.items[0].shape == (2, 2)
    assert both.oracle_labels().tolist() == rows.oracle_labels().tolist() == ["a", "b"] * 3
    named = load(tmp_path / "rows.npy", labels=tmp_path / "names.txt")
    assert named.oracle_labels().tolist() == list("cdcdcd")


def bad_array(tmp_path, name, **arrays):
    np.savez(tmp_path / name, **arrays)
    return tmp_path / name


rows6 = np.arange(12.0).reshape(6, 2)
BAD_FILES = {
    "missing": (lambda p: p / "none.csv", "There is no file"),
    "empty": (lambda p: write(p / "t.csv", ""), "is empty"),
    "empty array": (lambda p: write(p / "t.npz", ""), "is empty"),
    "header only": (lambda p: write(p / "t.csv", "a,b\n"), "holds no rows"),
    "folder": (lambda p: p, "holds no pictures"),
    "unknown kind": (lambda p: write(p / "t.docx", "x"), "cannot be read; expected a file ending in"),
    "ragged short": (lambda p: write(p / "t.csv", "a,b\n1,2\n3\n"), "line 1 has 2 fields, line 3 has 1"),
    "ragged long": (lambda p: write(p / "t.csv", "a,b\n1,2,3\n4,5,6\n"), "line 1 has 2 fields, line 2 has 3"),
    "prose": (lambda p: write(p / "t.csv", "a,b\n" + "".join(f"{i},text {i}\n" for i in range(40))),
              "'b' of t.csv is not numeric and holds 40 different values"),
    "a typo": (lambda p: write(p / "t.csv", "a,b\n1,2\n2,x\n3,5\n4,4\n"), "not numeric: 'x' in row 1 "),
    "infinite": (lambda p: write(p / "t.csv", "a,b\n1,2\ninf,3\n4,4\n"), "infinite values in row 1 "),
    "one row": (lambda p: write(p / "t.csv", "a,b\n1,2\n"), "has 1 row; clustering needs two"),
    "identical": (lambda p: write(p / "t.csv", "a,b\n1,2\n1,2\n1,2\n"), "All 3 rows of t.csv are identical"),
    "label only": (lambda p: write(p / "t.csv", "label\n1\n2\n"), "no column left"),
    "no text, one line": (lambda p: (p / "t.csv").write_bytes(bytes(range(128, 256)) * 3) and p / "t.csv",
                          "line 1 holds other bytes.*--encoding"),
    "no text": (lambda p: (p / "t.csv").write_bytes(b"a,b\n\xff\x00\xfe\x81,1\n") and p / "t.csv",
                "line 2 holds other bytes.*--encoding"),
    "no parquet": (lambda p: write(p / "t.parquet", "hello"), "cannot be read as a parquet file"),
    "no npz": (lambda p: write(p / "t.npz", "hello"), "cannot be read as a numpy file|not read because"),
    "objects": (lambda p: bad_array(p, "t.npz", X=np.array([[None, {}]], dtype=object)), "Python objects"),
    "no X": (lambda p: bad_array(p, "t.npz", Z=rows6), "no array named X; it has: Z"),
    "text rows": (lambda p: bad_array(p, "t.npz", X=np.array([["a"], ["b"]])), "is not numeric"),
    "nan": (lambda p: bad_array(p, "t.npz", X=np.where(rows6 == 4, np.nan, rows6)),
            "infinite values in row 2 "),
    "one axis": (lambda p: bad_array(p, "t.npz", X=np.arange(5)), "got 1 axis"),
    "labels too few": (lambda p: bad_array(p, "t.npz", X=rows6, y=np.arange(5)), "5 labels for 6 rows"),
    "labels in fractions": (lambda p: bad_array(p, "t.npz", X=rows6, y=rows6[:, 0] / 3), "got fractions"),
    "labels in a table": (lambda p: bad_array(p, "t.npz", X=rows6, y=rows6), "one label per row"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_refused_in_a_sentence(tmp_path, case):
    make, says = BAD_FILES[case]
    with pytest.raises((DataFileError, InvalidInput), match=says) as caught:
        load(make(tmp_path))
    assert isinstance(caught.value, ActiveClustError)


def test_options_of_one_kind_of_file_are_refused_on_another(tmp_path):
    with pytest.raises(InvalidInput, match="--label-column is for tables"):
        load(bad_array(tmp_path, "t.npz", X=rows6), label_column="a")
    with pytest.raises(InvalidInput, match="use --label-column"):
        load(write(tmp_path / "t.csv", "a,b\n1,2\n3,4\n"), labels="x.npy")
    with pytest.raises(InvalidInput, match="--impute is for files"):
        load("digits", impute=True)


# ---------------------------------------------------------------- rows


@given(
    st.lists(st.lists(st.floats(allow_nan=True, width=32), min_size=2, max_size=2), min_size=2, max_size=8)
)
def test_rows_are_accepted_exactly_when_finite_and_not_all_the_same(rows):
    array = np.array(rows)
    usable = bool(np.isfinite(array).all()) and not (array == array[0]).all()
    try:
        accepted = check_rows(rows)
    except InvalidInput as error:
        assert not usable, error
    else:
        assert usable
        np.testing.assert_array_equal(accepted, array.astype(np.float32))


def test_values_beyond_float32_are_kept():
    np.testing.assert_array_equal(check_rows([[0.0, 1.0], [1e300, 1.0]]), [[0.0, 1.0], [1e300, 1.0]])


def test_ragged_lists_are_refused():
    with pytest.raises(InvalidInput, match="different numbers of columns"):
        check_rows([[1, 2], [3]])

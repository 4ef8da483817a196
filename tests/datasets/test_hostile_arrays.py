"""Array files that are damaged or made to harm: refused in a sentence, before compiled code follows an index."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from activeclust.datasets import load
from activeclust.errors import ActiveClustError, DataFileError, NotEnoughMemory


def parts_of(path) -> dict:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


@settings(max_examples=80, deadline=None)
@given(data=st.data(), format=st.sampled_from(["csr", "csc", "coo", "bsr", "dia"]))
def test_a_damaged_sparse_matrix_is_refused_or_is_the_matrix_it_says(tmp_path_factory, data, format):
    path = tmp_path_factory.mktemp("s") / "m.npz"
    matrix = sp.random_array((12, 8), density=0.3, rng=0, format="coo")
    sp.save_npz(path, matrix.asformat(format))
    parts = parts_of(path)
    name = data.draw(st.sampled_from([name for name in parts if parts[name].dtype.kind == "i"]))
    array = parts[name].copy()
    at = data.draw(st.integers(0, array.size - 1))
    array.flat[at] = data.draw(st.sampled_from([-1, -(2**31), 2**31 - 1, 100, 7, 0]))
    parts[name] = array
    np.savez(path, **parts)
    try:
        found = load(path)
        assert len(found.items) == len(found.X) and len(found.items[0]) >= 0
    except ActiveClustError as error:
        assert "m.npz" in str(error)


@pytest.mark.parametrize("format", ["csr", "csc", "bsr"])
@pytest.mark.parametrize("last", [0, -1])
def test_pointers_are_checked_where_the_last_says_that_nothing_is_there(tmp_path, format, last):
    """SciPy's full check ends there, and what it then does writes beyond its arrays."""
    path = tmp_path / "m.npz"
    sp.save_npz(path, sp.random_array((12, 8), density=0.5, rng=0, format="coo").asformat(format))
    parts = parts_of(path)
    parts["indptr"][-1] = last
    np.savez(path, **parts)
    with pytest.raises(DataFileError, match=r"m\.npz cannot be read as a sparse matrix: its pointers"):
        load(path)


@pytest.mark.parametrize("format", ["csr", "csc", "coo", "bsr", "dia"])
def test_a_sound_matrix_of_any_format_is_read(tmp_path, format):
    matrix = sp.random_array((12, 8), density=0.4, rng=0, format="coo")
    sp.save_npz(tmp_path / "m.npz", matrix.asformat(format))
    sp.save_npz(tmp_path / "plain.npz", matrix.tocsr())
    found, plain = load(tmp_path / "m.npz"), load(tmp_path / "plain.npz")
    np.testing.assert_allclose(found.X, plain.X)
    assert list(found.items) == list(plain.items)


def test_an_index_out_of_range_is_named(tmp_path):
    sp.save_npz(tmp_path / "m.npz", sp.csr_array(np.eye(6)))
    parts = parts_of(tmp_path / "m.npz")
    parts["indices"][3] = 2**30
    np.savez(tmp_path / "m.npz", **parts)
    with pytest.raises(DataFileError, match=r"m\.npz cannot be read as a sparse matrix"):
        load(tmp_path / "m.npz")


def test_arrays_that_nobody_asks_for_are_not_inflated(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, X=np.arange(12.0).reshape(6, 2), y=np.arange(6))
    with zipfile.ZipFile(path, "a") as archive, archive.open("more.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**6)}
        )
    assert load(path).X.shape == (6, 2)
    with zipfile.ZipFile(path, "a") as archive, archive.open("labels.npy", "w") as file:
        file.write(b"no array")
    assert load(path).y.tolist() == list(range(6))
    large = tmp_path / "b.npz"
    with zipfile.ZipFile(large, "w") as archive, archive.open("X.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**6)}
        )
    with pytest.raises(NotEnoughMemory, match=r"The array X of b\.npz need"):
        load(large)

"""Array files: ``.npy`` (memory-mapped), ``.npz``, and scipy's sparse ``.npz``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.datasets.reduction import N_COLUMNS, SparseReduction
from activeclust.datasets.row_content import of_array, of_sparse
from activeclust.datasets.source import Source, check_labels, read_arrays, read_labels
from activeclust.errors import DataFileError
from activeclust.identities import by_content
from activeclust.resources.memory import require_memory
from activeclust.validation import check_rows

#: what scipy.sparse.save_npz writes in addition to the shape
_SPARSE = {"format", "shape", "data"}
_LARGE = "Take fewer rows or columns, or a machine with more memory."


def open_arrays(path: Path, labels: Path | None = None, encoding: str | None = None) -> Source:
    """Rows and labels of an array file.

    Parameters
    ----------
    path : Path
        ``.npz`` with ``X`` and optionally ``y``; a matrix of ``scipy.sparse.save_npz``; or
        ``.npy``. With three or four axes, rows are images.
    labels : Path, optional
        ``.npy``, or text with one name per line. Without it ``NAME.labels.npy`` or ``NAME_labels.npy``
        beside the file.
    encoding : str, optional
        Of the labels, where they are text.
    """
    arrays = read_arrays(path)
    if set(arrays) >= _SPARSE:
        return _open_sparse(path, arrays, labels, encoding)
    raw = pick(arrays, ("X", "x", "data", "features"), path)
    y = next((arrays[name] for name in ("y", "labels", "label", "target") if name in arrays), None)
    y, notes = _labels(path, labels, y, len(raw) if raw.ndim else 0, encoding)
    images = raw if raw.ndim in (3, 4) else None
    items = images if images is not None else raw
    return Source(
        items,
        y,
        lambda: (check_rows(raw, path.name), ()),
        pictures=images,
        notes=notes,
        make_ids=lambda: by_content(of_array(raw)),
    )


def open_vectors(path: Path) -> np.ndarray:
    """The rows of an array file given in addition to the items: embeddings."""
    if not path.is_file():
        raise DataFileError(f"There is no file {path} with the rows' vectors.")
    arrays = read_arrays(path)
    if set(arrays) >= _SPARSE:
        return SparseReduction(path.name).fit(_read_sparse(path, arrays))[0]
    only = next(iter(arrays.values())) if len(arrays) == 1 else None
    raw = only if only is not None else pick(arrays, ("X", "x", "embeddings", "features", "data"), path)
    return check_rows(raw, path.name)


def pick(arrays: Mapping[str, np.ndarray], names: Sequence[str], path: Path) -> np.ndarray:
    """The first array that has one of these names, or :class:`DataFileError` listing what there is."""
    for name in names:
        if name in arrays:
            return arrays[name]
    held = ", ".join(arrays) or "none"
    raise DataFileError(f"{path} has no array named {names[0]}; it has: {held}.")


def _labels(
    path: Path, labels: Path | None, y: np.ndarray | None, n_rows: int, encoding: str | None
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if labels is None and y is None:
        beside = (path.with_name(f"{path.stem}{ending}") for ending in (".labels.npy", "_labels.npy"))
        labels = next((file for file in beside if file.is_file()), None)
    if labels is not None:
        return read_labels(labels, n_rows, encoding)
    return None if y is None else check_labels(y, n_rows, path.name), ()


def _open_sparse(path: Path, arrays: Mapping[str, Any], labels: Path | None, encoding: str | None) -> Source:
    matrix = _read_sparse(path, arrays)
    y, notes = _labels(path, labels, None, matrix.shape[0], encoding)
    return Source(
        SparseItems(matrix),
        y,
        lambda: SparseReduction(path.name).fit(matrix),
        notes=notes,
        make_ids=lambda: by_content(of_sparse(matrix)),
    )


def _read_sparse(path: Path, arrays: Mapping[str, Any]):
    """The matrix as CSR, without duplicate entries; every index is checked before compiled code uses it."""
    import scipy.sparse as sp

    try:
        for name in arrays:
            arrays[name]  # each is checked for its size
        matrix = sp.load_npz(path)
        if matrix.ndim != 2:
            raise ValueError(f"it has {matrix.ndim} axes")
        n, d = matrix.shape
        _check_indices(matrix)
        # memory of the reduction to a few columns
        require_memory(
            (n + d) * 8 * (N_COLUMNS + 10) + matrix.nnz * 16,
            f"The {n:,} x {d:,} cells of {path.name}",
            _LARGE,
        )
        rows = sp.csr_array(matrix)
        rows.sum_duplicates()
        return rows
    except (
        OSError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        NotImplementedError,
    ) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(f"{path} cannot be read as a sparse matrix: {error}.") from error


def _check_indices(matrix: Any) -> None:
    """Raise ValueError if an index lies outside the matrix or its arrays.

    SciPy's own ``check_format(full_check=True)`` stops if the last pointer says that there are no entries, and ``dia``
    has no such check.
    """
    n, d = matrix.shape
    if matrix.format == "coo":
        _check_range(matrix.coords[0], n, "row")
        _check_range(matrix.coords[1], d, "column")
    elif matrix.format == "dia":
        if not ((matrix.offsets > -n) & (matrix.offsets < d)).all():
            raise ValueError(f"a diagonal lies outside its {n:,} x {d:,} cells")
    elif matrix.format in ("csr", "csc", "bsr"):
        high, wide = matrix.blocksize if matrix.format == "bsr" else (1, 1)
        if n % high or d % wide:
            raise ValueError(f"its {n:,} x {d:,} cells are no whole number of blocks of {high} x {wide}")
        major, minor = (d, n) if matrix.format == "csc" else (n // high, d // wide)
        pointers = matrix.indptr.astype(np.int64)
        stored = min(len(matrix.indices), len(matrix.data))
        if len(pointers) != major + 1 or pointers[0] != 0 or pointers[-1] > stored:
            raise ValueError("its pointers do not fit its entries")
        if (np.diff(pointers) < 0).any():
            raise ValueError("its pointers go back")
        _check_range(matrix.indices[: pointers[-1]], minor, "row" if matrix.format == "csc" else "column")
    else:
        raise ValueError(
            f"its format is {matrix.format}; save it with scipy.sparse.save_npz(FILE, X.tocsr())"
        )


def _check_range(indices: np.ndarray, size: int, what: str) -> None:
    if len(indices) and (indices.min() < 0 or indices.max() >= size):
        raise ValueError(f"a {what} index lies outside 0 to {size - 1:,}")


class SparseItems(Sequence):
    """Rows of a sparse matrix as dicts of their largest values, created when they are read."""

    shown = 20  #: columns of a row that are shown

    def __init__(self, matrix) -> None:
        self.matrix = matrix

    def __len__(self) -> int:
        return self.matrix.shape[0]

    def __getitem__(self, row):
        row = range(len(self))[int(row)]
        part = slice(self.matrix.indptr[row], self.matrix.indptr[row + 1])
        columns, values = self.matrix.indices[part], self.matrix.data[part]
        largest = np.argsort(-np.abs(values), kind="stable")[: self.shown]
        return {f"column {columns[i]}": values[i].item() for i in largest}

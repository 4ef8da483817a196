"""Array files: ``.npy`` (memory-mapped), ``.npz``, and scipy's sparse ``.npz``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from activeclust.datasets.reduction import SparseReduction
from activeclust.datasets.row_content import of_array, of_sparse
from activeclust.datasets.source import Source, check_labels, read_arrays, read_labels
from activeclust.errors import DataFileError
from activeclust.identities import by_content
from activeclust.validation import check_rows

#: what scipy.sparse.save_npz writes beside the shape
_SPARSE = {"format", "shape", "data"}


def open_arrays(path: Path, labels: Path | None = None) -> Source:
    """Rows and labels of an array file.

    Parameters
    ----------
    path : Path
        ``.npz`` with ``X`` and, where there are labels, ``y``; a matrix of ``scipy.sparse.save_npz``; or
        ``.npy``. With three or four axes, rows are images.
    labels : Path, optional
        ``.npy``, or text with one name a line. Without it ``NAME.labels.npy`` or ``NAME_labels.npy``
        beside the file.
    """
    arrays = read_arrays(path)
    if set(arrays) >= _SPARSE:
        return _open_sparse(path, labels)
    raw = pick(arrays, ("X", "x", "data", "features"), path)
    y = next((arrays[name] for name in ("y", "labels", "label", "target") if name in arrays), None)
    y = _labels(path, labels, y, len(raw) if raw.ndim else 0)
    images = raw if raw.ndim in (3, 4) else None
    items = images if images is not None else raw
    return Source(
        items,
        y,
        lambda: (check_rows(raw, path.name), ()),
        pictures=images,
        make_ids=lambda: by_content(of_array(raw)),
    )


def open_vectors(path: Path) -> np.ndarray:
    """The rows of an array file that stands beside the items: embeddings."""
    if not path.is_file():
        raise DataFileError(f"There is no file {path} with the rows' vectors.")
    arrays = read_arrays(path)
    if set(arrays) >= _SPARSE:
        return SparseReduction(path.name).fit(_read_sparse(path))[0]
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


def _labels(path: Path, labels: Path | None, y: np.ndarray | None, n_rows: int) -> np.ndarray | None:
    if labels is None and y is None:
        beside = (path.with_name(f"{path.stem}{ending}") for ending in (".labels.npy", "_labels.npy"))
        labels = next((file for file in beside if file.is_file()), None)
    if labels is not None:
        return read_labels(labels, n_rows)
    return None if y is None else check_labels(y, n_rows, path.name)


def _open_sparse(path: Path, labels: Path | None) -> Source:
    matrix = _read_sparse(path)
    y = _labels(path, labels, None, matrix.shape[0])
    return Source(
        SparseItems(matrix),
        y,
        lambda: SparseReduction(path.name).fit(matrix),
        make_ids=lambda: by_content(of_sparse(matrix)),
    )


def _read_sparse(path: Path):
    import scipy.sparse as sp

    try:
        return sp.csr_array(sp.load_npz(path))
    except (OSError, KeyError, ValueError, NotImplementedError) as error:
        raise DataFileError(f"{path} cannot be read as a sparse matrix: {error}") from error


class SparseItems(Sequence):
    """Rows of a sparse matrix as dicts of the largest values, made when looked at."""

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

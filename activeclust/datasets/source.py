"""What a loader of files hands on: what a person looks at, the labels, and how numbers are made of it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.errors import DataFileError, InvalidInput
from activeclust.identities import RowIds
from activeclust.labels import compact, labels_of, written_labels
from activeclust.validation import counted


@dataclass(frozen=True)
class Source:
    """Rows before they are numbers.

    Attributes
    ----------
    items : sequence of length n
        What a person looks at: a Path of a picture, an image (h, w) or (h, w, 3), a dict of columns.
    y : ndarray (n,) or None
        True labels.
    make_rows : callable
        Gives (X (n, d) of float, notes): the numbers where the user names no model and no array for them.
    pictures, texts : sequence of length n, or None
        What a model of images or of text would embed.
    notes : tuple of str
        What was done on the way to here, one sentence each.
    make_ids : callable or None
        Gives the rows' ids.
    """

    items: Sequence[Any] | np.ndarray
    y: np.ndarray | None
    make_rows: Callable[[], tuple[np.ndarray, tuple[str, ...]]]
    pictures: Sequence[Any] | np.ndarray | None = None
    texts: Sequence[str] | None = None
    notes: tuple[str, ...] = ()
    make_ids: Callable[[], RowIds] | None = None


def read_arrays(path: Path, *, mapped: bool = True) -> Mapping[str, np.ndarray]:
    """Arrays by name; that of an ``.npy`` file is ``"X"`` and stays on disk until it is read.

    Raises
    ------
    DataFileError
        For a file that is empty, damaged, or holds Python objects.
    """
    if path.stat().st_size == 0:
        raise DataFileError(f"{path} is empty.")
    try:
        # pickled objects are refused: reading them would run code from the file
        loaded = np.load(path, allow_pickle=False, mmap_mode="r" if mapped else None)
        if isinstance(loaded, np.ndarray):
            return {"X": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error) or "Python objects" in str(error):
            raise DataFileError(
                f"{path} holds Python objects, which are not read because reading them can run code; "
                "save numbers (float or int) and labels as strings or integers."
            ) from error
        raise DataFileError(f"{path} cannot be read as a numpy file: {error}") from error


def read_labels(path: Path, n_rows: int) -> np.ndarray:
    """Labels of ``n_rows`` rows from an ``.npy`` file, or from text with one name a line."""
    if not path.is_file():
        raise DataFileError(f"There is no labels file {path}.")
    if path.suffix.lower() == ".npy":
        raw = next(iter(read_arrays(path, mapped=False).values()))
    else:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise DataFileError(f"{path} is neither .npy nor text in UTF-8 with one label a line.") from error
        raw = written_labels(lines)
    return check_labels(raw, n_rows, path.name)


def check_labels(raw: Any, n_rows: int, holder: str) -> np.ndarray:
    """One label per row, as :func:`activeclust.labels.labels_of` gives them; int64 where all are integers."""
    y = compact(labels_of(raw, f"Labels in {holder}"))
    if len(y) != n_rows:
        raise InvalidInput(
            f"{holder} holds {counted(len(y), 'label')} for {counted(n_rows, 'row')}; "
            "expected one label per row."
        )
    return y

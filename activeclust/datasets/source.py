"""The result of a file loader: the items that a person sees, the labels, and a function that computes the rows."""

from __future__ import annotations

import contextlib
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.errors import DataFileError, InvalidInput
from activeclust.files.delimited import decoded, split_lines
from activeclust.identities import RowIds
from activeclust.labels import compact, labels_of, written_labels
from activeclust.resources.memory import require_memory
from activeclust.validation import counted


@dataclass(frozen=True)
class Source:
    """Rows before they are encoded as numbers.

    Attributes
    ----------
    items : sequence of length n
        What a person sees: the Path of a picture, an image (h, w) or (h, w, 3), a dict of columns.
    y : ndarray (n,) or None
        True labels.
    make_rows : callable
        Returns (X (n, d) of float, notes): the rows if the user names neither a model nor an array for them.
    pictures, texts : sequence of length n, or None
        What an image or text model would embed.
    notes : tuple of str
        What was done so far, one sentence per step.
    make_ids : callable or None
        Returns the identities of the rows.
    id_column : str or None
        The column of ``items`` that holds the rows' ids.
    """

    items: Sequence[Any] | np.ndarray
    y: np.ndarray | None
    make_rows: Callable[[], tuple[np.ndarray, tuple[str, ...]]]
    pictures: Sequence[Any] | np.ndarray | None = None
    texts: Sequence[str] | None = None
    notes: tuple[str, ...] = ()
    make_ids: Callable[[], RowIds] | None = None
    id_column: str | None = None


def read_arrays(path: Path, *, mapped: bool = True) -> Mapping[str, np.ndarray]:
    """Arrays by name, each read on access; the array of an ``.npy`` file is ``"X"``, and stays on disk.

    Raises
    ------
    DataFileError
        For a file that is empty or damaged, and, on access, for an array that holds Python objects.
    """
    if path.stat().st_size == 0:
        raise DataFileError(f"{path} is empty.")
    with _named(path):
        # pickled objects are refused: reading them would run code from the file
        loaded = np.load(path, allow_pickle=False, mmap_mode="r" if mapped else None)
        if isinstance(loaded, np.ndarray):
            return {"X": loaded}
        with loaded:
            return _Archive(path, tuple(loaded.files))


class _Archive(Mapping[str, np.ndarray]):
    """The arrays of an ``.npz`` file, decompressed on access; an array that is too large for memory is refused."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.path, self.names = path, names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> np.ndarray:
        with _named(self.path), np.load(self.path, allow_pickle=False) as archive:
            size = _stated_size(archive.zip, name)
            require_memory(size, f"The array {name} of {self.path.name}", "Take a machine with more memory.")
            return archive[name]


def _stated_size(archive: zipfile.ZipFile, name: str) -> int:
    """Size of an array in bytes, from its header alone."""
    member = name if name in archive.namelist() else f"{name}.npy"
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
    return math.prod(shape) * dtype.itemsize


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """The error for what numpy raises on a file, with the file's name."""
    try:
        yield
    except DataFileError:
        raise
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error) or "Python objects" in str(error):
            raise DataFileError(
                f"{path} holds Python objects, which are not read because reading them can run code; "
                "save numbers (float or int) and labels as strings or integers."
            ) from error
        raise DataFileError(f"{path} cannot be read as a numpy file: {error}") from error


def read_labels(path: Path, n_rows: int, encoding: str | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of ``n_rows`` rows from an ``.npy`` file, or text with one name per line, and notes on the encoding."""
    if not path.is_file():
        raise DataFileError(f"There is no labels file {path}.")
    if path.suffix.lower() == ".npy":
        return check_labels(next(iter(read_arrays(path, mapped=False).values())), n_rows, path.name), ()
    text, notes = decoded(path.read_bytes(), path.name, encoding)
    lines = split_lines(text)
    if len(lines) != n_rows and not lines[-1]:  # the end of the last line; else its label is blank
        lines.pop()
    return check_labels(written_labels(lines), n_rows, path.name), notes


def check_labels(raw: Any, n_rows: int, holder: str) -> np.ndarray:
    """One label per row, as :func:`activeclust.labels.labels_of` gives them; int64 where all are integers."""
    y = compact(labels_of(raw, f"Labels in {holder}"))
    if len(y) != n_rows:
        raise InvalidInput(
            f"{holder} holds {counted(len(y), 'label')} for {counted(n_rows, 'row')}; "
            "expected one label per row."
        )
    return y

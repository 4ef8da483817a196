"""Folders of files, each file a row: their order, their names, and labels from the subfolders' names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from activeclust.datasets.source import read_labels
from activeclust.identities import RowIds
from activeclust.validation import counted


def find_files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Paths of the files with such endings under a folder, ordered by their parts.

    Files and folders whose name begins with a dot are ignored.
    """
    found = (file for file in folder.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
    shown = (f for f in found if not any(part.startswith(".") for part in f.relative_to(folder).parts))
    return sorted(shown, key=lambda file: file.relative_to(folder).parts)


def file_names(files: Sequence[Path], folder: Path) -> tuple[str, ...]:
    """The files' paths within the folder, as printable texts."""
    names = (file.relative_to(folder).as_posix().encode("utf-8", "surrogateescape") for file in files)
    return tuple(name.decode("utf-8", "backslashreplace") for name in names)


def file_ids(files: Sequence[Path], folder: Path) -> RowIds:
    """Identities of the rows: :func:`file_names`."""
    return RowIds("file", file_names(files, folder))


def labels_of_files(
    files: Sequence[Path], folder: Path, labels: Path | None, encoding: str | None
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels of the files, and notes.

    They are those of the file ``labels``; without it, if every file lies in a direct subfolder, the subfolders' names,
    as in torchvision's ``ImageFolder`` and scikit-learn's ``load_files``; else None.
    """
    if labels is not None:
        return read_labels(labels, len(files), encoding)
    parents = [file.relative_to(folder).parts[:-1] for file in files]
    if not all(len(parts) == 1 for parts in parents):
        return None, ()
    y = np.empty(len(files), dtype=object)
    y[:] = [parts[0] for parts in parents]
    return y, (f"Labels: the names of the {counted(len(set(y.tolist())), 'subfolder')}.",)

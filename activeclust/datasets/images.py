"""A folder of pictures as rows: the files are shown, the rows are computed from the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.datasets.folders import file_ids, find_files, labels_of_files
from activeclust.datasets.source import Source
from activeclust.errors import DataFileError
from activeclust.files.pictures import SUFFIXES, is_grey, opened, read_picture
from activeclust.resources.progress import report
from activeclust.validation import counted

SIDE = 32  #: pictures of different or large sizes become squares of this many pixels
LARGEST_KEPT = 64  #: pictures of one common size, at most this many pixels per side, are not scaled


def open_folder(
    folder: Path, files: Sequence[Path], labels: Path | None = None, encoding: str | None = None
) -> Source:
    """The pictures in a folder and its subfolders, in the order of their paths.

    If every picture lies in a direct subfolder, the subfolders' names are the labels, as in torchvision's
    ``ImageFolder``. Files and folders whose name begins with a dot are ignored.

    Parameters
    ----------
    folder : Path
    files : sequence of Path
        From :func:`find_pictures`.
    labels : Path, optional
        One label per picture, in the same order, instead of the subfolders' names.
    encoding : str, optional
        Of the labels' file.

    Returns
    -------
    Source
        Its items are the pictures' paths.
    """
    if not files:
        raise DataFileError(
            f"{folder} holds no pictures ({', '.join(SUFFIXES)}), texts (.txt) or .parquet files."
        )
    y, said = labels_of_files(files, folder, labels, encoding)
    return Source(
        files,
        y,
        lambda: pixels(files),
        pictures=files,
        notes=(f"{counted(len(files), 'picture')} in {folder}, in the order of their paths.", *said),
        make_ids=lambda: file_ids(files, folder),
    )


def find_pictures(folder: Path) -> list[Path]:
    """Paths of the picture files under a folder, ordered by their parts."""
    return find_files(folder, SUFFIXES)


def pixels(pictures: Sequence[Any]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Grey values or colours from 0 to 1: (n, h * w) or (n, h * w * 3) float32, and a note on the size.

    Pictures (paths, or images of Pillow's) of one common size of at most 64 pixels per side keep it, others are scaled
    to 32 x 32. If all are grey, one channel is kept.
    """
    sizes, grey = set(), True
    for row in range(len(pictures)):
        with opened(pictures[row]) as image:
            sizes.add(image.size)
            grey = grey and is_grey(image)
    one_size = len(sizes) == 1 and max(next(iter(sizes))) <= LARGEST_KEPT
    size = next(iter(sizes)) if one_size else (SIDE, SIDE)
    X = np.empty((len(pictures), size[0] * size[1] * (1 if grey else 3)), dtype=np.float32)
    for row in range(len(pictures)):
        if row % 200 == 0:
            report("pictures", row, len(pictures))
        X[row] = (
            np.asarray(read_picture(pictures[row], size=size, grey=grey), dtype=np.float32).ravel() / 255.0
        )
    report("pictures", 1, 1)
    kind = "grey values" if grey else "colours"
    scaled = "" if one_size else "scaled to "
    return X, (
        f"Pictures compared by the {kind} of their pixels ({scaled}{size[0]} x {size[1]}); for photographs "
        "name a model with --embed, or your own vectors with --features FILE.npy.",
    )

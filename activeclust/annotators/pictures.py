"""Pictures among the items: which items are pictures, reading their files, and writing PNG."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.files import pictures as files

if TYPE_CHECKING:
    import PIL.Image


def is_picture_file(item: Any) -> bool:
    """Whether an item is the Path of a picture file.

    A text is never taken for a path: the content of a table must not decide which files are read.

    Examples
    --------
    >>> is_picture_file(Path("cat.JPG")), is_picture_file("cat.jpg")
    (True, False)
    """
    return isinstance(item, Path) and item.suffix.lower() in files.SUFFIXES


def open_picture(path: Path, widest: int) -> PIL.Image.Image:
    """A picture file in grey or colour, as the features are computed from it.

    Parameters
    ----------
    path : Path
    widest : int
        Maximum number of pixels per side.

    Raises
    ------
    DataFileError
        For a file that is missing, damaged, or far too large.
    """
    return files.read_picture(path, widest=widest)


def read_picture(path: Path, widest: int) -> np.ndarray:
    """(h, w) or (h, w, 3) bytes of a picture file, at most ``widest`` pixels a side."""
    return np.asarray(open_picture(path, widest))


def is_image(item: Any) -> bool:
    """Whether an item is a picture: (h, w), (h, w, 3) or (h, w, 4) numbers.

    Examples
    --------
    >>> is_image(np.zeros((8, 8))), is_image(np.zeros(64)), is_image("cat.png")
    (True, False, False)
    """
    if not isinstance(item, np.ndarray) or item.dtype.kind not in "uifb" or 0 in item.shape:
        return False
    return item.ndim == 2 or (item.ndim == 3 and item.shape[2] in (3, 4))


def image_png(image: np.ndarray) -> bytes:
    """A picture as PNG; grey values are stretched to the picture's own range."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    pixels = image if image.dtype == np.uint8 else np.clip(files.unit_range(image), 0, 1)
    imsave(buffer, pixels, cmap="gray", format="png")
    return buffer.getvalue()

"""Pictures among the items: which items are pictures, reading their files, and writing PNG."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import PIL.Image

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def is_picture_file(item: Any) -> bool:
    """Whether an item is the Path of a picture file.

    A text is never taken for a path: what stands in a table must not choose files to be read.

    Examples
    --------
    >>> is_picture_file(Path("cat.JPG")), is_picture_file("cat.jpg")
    (True, False)
    """
    return isinstance(item, Path) and item.suffix.lower() in PICTURES


def open_picture(path: Path, widest: int) -> PIL.Image.Image:
    """A picture file, turned as its camera says, in grey or colours, with transparency or without.

    Parameters
    ----------
    path : Path
    widest : int
        Pixels that will be looked at: a large JPEG is decoded small.

    Raises
    ------
    OSError, ValueError
        For a file that is missing, damaged, or far too large.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (widest, widest))
            turned = ImageOps.exif_transpose(opened)
            return turned if turned.mode in ("L", "RGB", "RGBA") else turned.convert("RGBA")
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error


def read_picture(path: Path, widest: int) -> np.ndarray:
    """(h, w) or (h, w, 3 or 4) bytes of a picture file, at most about ``widest`` pixels a side."""
    picture = open_picture(path, widest)
    picture.thumbnail((widest, widest))
    return np.asarray(picture)


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
    pixels = image if image.dtype == np.uint8 else np.clip(to_unit(image), 0, 1)
    imsave(buffer, pixels, cmap="gray", format="png")
    return buffer.getvalue()


def to_unit(image: np.ndarray) -> np.ndarray:
    """Values scaled to 0..1, from 0..255 or from whatever range they have."""
    values = np.asarray(image, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return values
    if low >= 0 and high <= 255 and image.dtype.kind in "ui":
        return values / 255
    return (values - low) / ((high - low) or 1.0)

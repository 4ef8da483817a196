"""Reads picture files: 8 bits of grey or colour, rotated as their EXIF data say, on white, of limited size.

The page, the terminal and the features use the same function, so all of them use the same picture.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.errors import DataFileError, MissingDependency

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
#: maximum number of pixels; a JPEG may have more, since it is decoded at a reduced size
MOST_PIXELS = 90_000_000
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_ORIENTATION = 0x0112  #: the EXIF tag of the orientation


def read_picture(
    picture: Path | Image,
    *,
    widest: int | None = None,
    size: tuple[int, int] | None = None,
    grey: bool | None = None,
) -> Image:
    """A picture in mode ``"L"`` or ``"RGB"``, rotated as its EXIF data say, on white if it is transparent.

    Parameters
    ----------
    picture : Path or PIL.Image.Image
    widest : int, optional
        Maximum number of pixels per side.
    size : (int, int), optional
        Width and height to scale to.
    grey : bool, optional
        Convert to grey (True) or colour (False); None leaves it unchanged.

    Raises
    ------
    DataFileError
        For a file that is missing, damaged, of a kind that cannot be read, or too large.
    """
    from PIL import Image as images

    with _named(picture), opened(picture) as image:
        smallest = (widest, widest) if widest else (2 * size[0], 2 * size[1]) if size else None
        if smallest is not None and hasattr(image, "draft"):
            image.draft("RGB", smallest)  # a large JPEG is decoded at a reduced size
        if image.width * image.height > MOST_PIXELS:
            raise DataFileError(
                f"The picture {picture} has {image.width:,} x {image.height:,} pixels, and at most {MOST_PIXELS:,} "
                "are read: make it smaller."
            )
        image.load()  # loading rotates a TIFF
        turned = image.getexif().get(_ORIENTATION, 1)
        plain = eight_bits(image)
        if grey is not None:
            plain = plain.convert("L" if grey else "RGB")
        if widest is not None:
            plain = plain.copy() if plain is image else plain
            plain.thumbnail((widest, widest))
        if turned in _TURNS:
            plain = plain.transpose(images.Transpose(_TURNS[turned]))
        if size is not None and plain.size != size:
            plain = plain.resize(size, images.Resampling.BOX)
        return plain


#: EXIF orientation -> Pillow's transposition that undoes it
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}


@contextmanager
def opened(picture: Path | Image) -> Iterator[Image]:
    """Pillow's image of a path, with its pixels not yet read; a Pillow image is returned unchanged.

    Raises
    ------
    DataFileError
        For a file that is not a picture.
    MissingDependency
        Where Pillow is not installed.
    """
    if not isinstance(picture, Path):
        yield picture
        return
    try:
        from PIL import Image as images
    except ImportError as error:
        raise MissingDependency(
            "Reading pictures needs Pillow: pip install 'activeclust[images]'."
        ) from error
    with _named(picture):
        with warnings.catch_warnings():  # the size is checked when the pixels are read
            warnings.simplefilter("ignore", images.DecompressionBombWarning)
            image = images.open(picture)
        with image:
            yield image


@contextmanager
def _named(picture: Any) -> Iterator[None]:
    """The error for what Pillow raises, with the name of the picture."""
    try:
        yield
    except (DataFileError, MissingDependency):
        raise
    except Exception as error:  # a damaged file can raise many kinds of errors
        if not isinstance(
            error, (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError)
        ) and (type(error).__module__.split(".")[0] not in ("PIL", "struct", "zlib")):
            raise
        raise DataFileError(
            f"The picture {picture} cannot be read ({error}): repair it or remove it from the folder."
        ) from error


def is_grey(image: Image) -> bool:
    """Whether a picture has no colours, by its mode."""
    return image.mode in _GREY


def eight_bits(image: Image) -> Image:
    """A picture of any mode in ``"L"`` or ``"RGB"``, on white if it is transparent. Of 16 bits the upper 8 are kept.
    Fractions from 0 to 1 are scaled to 0..255; other 32-bit values are scaled by their own range.

    Examples
    --------
    >>> from PIL import Image
    >>> deep = Image.fromarray(np.array([[0, 0x80FF, 0xFFFF]], dtype=np.uint16))
    >>> np.asarray(eight_bits(deep)).tolist()
    [[0, 128, 255]]
    """
    from PIL import Image as images

    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return images.fromarray(_scaled(np.asarray(image)))
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        through = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)
        clear = (image.convert(through) if through else image).convert("RGBA")
        whole = images.alpha_composite(images.new("RGBA", clear.size, "white"), clear)
        return whole.convert("L" if is_grey(image) else "RGB")
    if image.mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
        assert converted is not None
        return converted
    return image.convert("L" if image.mode == "1" else "RGB")


def _scaled(values: np.ndarray) -> np.ndarray:
    """Grey values of more than 8 bits as bytes."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return (values >> 8).astype(np.uint8)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if values.dtype.kind in "iu" and low >= 0 and high <= 0xFFFF:
        return (values >> 8).astype(np.uint8)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    with np.errstate(invalid="ignore"):
        unit = np.clip((values.astype(np.float64) - low) / ((high - low) or 1.0), 0, 1)
    return np.round(np.nan_to_num(unit) * 255).astype(np.uint8)


def unit_range(image: np.ndarray) -> np.ndarray:
    """The values of an array of pixels scaled to 0..1, from 0..255 or from their own range.

    Examples
    --------
    >>> unit_range(np.array([[0, 51, 255]], dtype=np.uint8)).tolist()
    [[0.0, 0.2, 1.0]]
    """
    values = np.asarray(image, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return values
    if low >= 0 and high <= 255 and image.dtype.kind in "ui":
        return values / 255
    return (values - low) / ((high - low) or 1.0)

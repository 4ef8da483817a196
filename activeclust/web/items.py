"""A row as the page shows it: a picture by its row number, or text, columns and numbers as JSON."""

from __future__ import annotations

import io
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.annotators.pictures import is_image, is_picture_file, open_picture
from activeclust.annotators.printable import shown
from activeclust.errors import DataFileError
from activeclust.files.pictures import unit_range
from activeclust.resources.memory import require_memory

WIDEST = 1_600  #: pixels of a picture that is sent
LONGEST = 20_000  #: characters of a text that is sent
#: for what never changes; its address holds the data's hash
KEPT = {"Cache-Control": "private, max-age=86400, immutable"}
MOST_COLUMNS, MOST_NUMBERS = 100, 64
WIDTHS = (160, 480, WIDEST)  #: pixels that pictures are sent in: tiles, cards, the question
MOST_KEPT = 64_000_000  #: bytes of pictures that are kept made
LARGE = 4_000_000  #: pixels from which on one picture is decoded at a time
BYTES_A_PIXEL = 20  #: the pixels as the file has them, in colours, and turned
ORIENTATION = 0x0112  #: how the camera was held, in the picture's EXIF
SMALL = 200  #: pixels below which a picture is drawn with sharp edges


def is_picture(item: Any) -> bool:
    """Whether a row is shown as a picture: an array, or the Path of a picture file.

    A text is never taken for a path: what stands in a table must not choose files to be read.

    Examples
    --------
    >>> is_picture(np.zeros((8, 8))), is_picture(Path("cat.jpg")), is_picture("cat.jpg")
    (True, True, False)
    """
    return is_image(item) or is_picture_file(item)


def picture(item: Any, widest: int = WIDEST) -> bytes:
    """A picture as PNG, made from its pixels, so that nothing else in its file reaches the browser."""
    from PIL import Image

    if isinstance(item, Path):
        image = _read(item, widest)
    else:
        pixels = item if item.dtype == np.uint8 else np.round(np.clip(unit_range(item), 0, 1) * 255)
        image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.uint8))
    image.thumbnail((widest, widest))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _read(path: Path, widest: int) -> Any:
    try:
        return open_picture(path, widest)
    except (OSError, ValueError) as error:
        raise DataFileError(f"The picture {shown_name(path)} cannot be shown: {error}") from error


def shown_name(path: Path) -> str:
    """A file's name as text; bytes that are not UTF-8 are shown as replacement characters.

    Examples
    --------
    >>> shown_name(Path("caf\\udce9.png")) == "caf\\ufffd.png"
    True
    """
    return os.fsencode(path.name).decode("utf-8", "replace")


def picture_size(item: Any) -> tuple[int, int] | None:
    """(width, height) of a picture without reading its pixels; None where its file cannot be read."""
    if not isinstance(item, Path):
        return int(item.shape[1]), int(item.shape[0])
    from PIL import Image

    try:
        with Image.open(item) as opened:
            width, height = opened.size
            turned = opened.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return (height, width) if turned else (width, height)


class Pictures:
    """Pictures of the items as PNG; the last ones are cached, and large files are decoded one at a time.

    Parameters
    ----------
    items : sequence of length n
    """

    def __init__(self, items: Sequence[Any] | np.ndarray) -> None:
        self.items = items
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._size = 0
        self._lock, self._decoding = threading.Lock(), threading.Lock()

    def png(self, row: int, wide: int | None = None) -> bytes:
        """A row's picture, no side longer than ``wide`` pixels (one of a few widths, the next larger one).

        Raises
        ------
        DataFileError
            A file that is damaged.
        NotEnoughMemory
            A file whose pixels do not fit.
        """
        width = next((w for w in WIDTHS if wide is not None and w >= wide), WIDEST)
        with self._lock:
            if (row, width) in self._kept:
                self._kept.move_to_end((row, width))
                return self._kept[row, width]
        item = self.items[row]
        pixels = math.prod(picture_size(item) or (0, 0))
        if isinstance(item, Path) and pixels > LARGE:
            with self._decoding:
                what = f"The pixels of {shown_name(item)}"
                require_memory(pixels * BYTES_A_PIXEL, what, "Make the picture smaller.")
                made = picture(item, width)
        else:
            made = picture(item, width)
        with self._lock:
            if (row, width) not in self._kept:
                self._kept[row, width] = made
                self._size += len(made)
            while self._size > MOST_KEPT and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped)
        return made


def item_json(item: Any, row: int, key: str) -> dict[str, Any]:
    """An item as JSON for the page; ``key`` identifies the data set in the browser's cache.

    Examples
    --------
    >>> item_json({"age": 3, "note": "fine"}, 0, "k")
    {'kind': 'columns', 'columns': [['age', '3'], ['note', 'fine']], 'title': 'row 0'}
    """
    if is_picture(item):
        width, height = picture_size(item) or (0, 0)
        title = shown_name(item) if isinstance(item, Path) else f"row {row}"
        small = 0 < max(width, height) < SMALL
        return {"kind": "picture", "src": f"picture/{row}?of={key}", "small": small, "title": title} | {
            "width": width,
            "height": height,
        }
    title = f"row {row}"
    if isinstance(item, Mapping):
        columns = [[cut(name, 200), cut(shown(value))] for name, value in item.items()]
        if len(columns) == 1:
            return {"kind": "text", "text": columns[0][1], "title": title}
        return {"kind": "columns", "columns": columns[:MOST_COLUMNS], "title": title}
    if isinstance(item, np.ndarray):
        flat = item.ravel()
        numbers = [shown(value) for value in flat[:MOST_NUMBERS]]
        return {
            "kind": "numbers",
            "numbers": numbers,
            "more": max(0, len(flat) - MOST_NUMBERS),
            "title": title,
        }
    return {"kind": "text", "text": cut(item), "title": title}


def cut(value: Any, limit: int = LONGEST) -> str:
    """A text of at most ``limit`` characters, with an ellipsis if it is longer."""
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]} …"

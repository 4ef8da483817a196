"""A row as the page shows it: a picture by its row number, or text, columns and numbers as JSON."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.annotators.pictures import is_image, is_picture_file, open_picture, to_unit
from activeclust.errors import DataFileError

WIDEST = 1_600  #: pixels of a picture that is sent
LONGEST = 20_000  #: characters of a text that is sent
#: for what never changes; its address holds the data's hash
KEPT = {"Cache-Control": "private, max-age=86400, immutable"}
MOST_COLUMNS, MOST_NUMBERS = 100, 64


def is_picture(item: Any) -> bool:
    """Whether a row is looked at as a picture: an array, or the Path of a picture file.

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
        pixels = item if item.dtype == np.uint8 else np.round(np.clip(to_unit(item), 0, 1) * 255)
        image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.uint8))
    image.thumbnail((widest, widest))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _read(path: Path, widest: int) -> Any:
    try:
        return open_picture(path, widest)
    except (OSError, ValueError) as error:
        raise DataFileError(f"The picture {path.name} cannot be shown: {error}") from error


def item_json(item: Any, row: int, key: str) -> dict[str, Any]:
    """What the page draws; ``key`` tells data sets apart where browsers keep pictures.

    Examples
    --------
    >>> item_json({"age": 3, "note": "fine"}, 0, "k")
    {'kind': 'columns', 'columns': [['age', '3'], ['note', 'fine']], 'title': 'row 0'}
    """
    if is_picture(item):
        small = not isinstance(item, Path) and max(item.shape[:2]) < 200
        title = item.name if isinstance(item, Path) else f"row {row}"
        return {"kind": "picture", "src": f"/picture/{row}?of={key}", "small": small, "title": title}
    title = f"row {row}"
    if isinstance(item, Mapping):
        columns = [[_cut(name, 200), _cut(_shown(value))] for name, value in item.items()]
        if len(columns) == 1:
            return {"kind": "text", "text": columns[0][1], "title": title}
        return {"kind": "columns", "columns": columns[:MOST_COLUMNS], "title": title}
    if isinstance(item, np.ndarray):
        flat = item.ravel()
        numbers = [_shown(value) for value in flat[:MOST_NUMBERS].tolist()]
        return {
            "kind": "numbers",
            "numbers": numbers,
            "more": max(0, len(flat) - MOST_NUMBERS),
            "title": title,
        }
    return {"kind": "text", "text": _cut(item), "title": title}


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cut(value: Any, limit: int = LONGEST) -> str:
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]} …"

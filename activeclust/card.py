"""A query as a small HTML card, for notebooks. Labels and items are data: every text is escaped."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from activeclust.annotators import Query

_BAR = (
    '<tr><td style="text-align:left">{name}</td><td style="width:8em"><div style="background:#0072B2;'
    'height:.7em;width:{width:.0f}%"></div></td><td>{percent:.0f} %</td></tr>'
)


def query_card(query: Query) -> str:
    """HTML of the item, the suggestions as bars, and the chance of a new cluster."""
    chances = [(html.escape(str(name)), p) for name, p in query.suggestions[:5]]
    chances.append(("<i>a new cluster</i>", query.new_cluster_probability))
    bars = "".join(_BAR.format(name=name, width=100 * p, percent=100 * p) for name, p in chances)
    left = "" if query.budget_left is None else f", {query.budget_left} answers left"
    return (
        '<div style="display:inline-flex;gap:1.2em;align-items:center;border:1px solid #8884;'
        'border-radius:6px;padding:.7em 1em">'
        f'<div>{item_html(query.item)}</div><div><div style="opacity:.7">row {query.row}{left}</div>'
        f"<table>{bars}</table></div></div>"
    )


def item_html(item: Any) -> str:
    """HTML of an image array, a table's row, or a text.

    Examples
    --------
    >>> item_html("<b>")
    '<div style="max-width:30em;white-space:pre-wrap">&lt;b&gt;</div>'
    """
    if is_image(item):
        data = base64.b64encode(image_png(item)).decode()
        return f'<img alt="" style="height:8em;image-rendering:pixelated" src="data:image/png;base64,{data}">'
    if isinstance(item, Mapping):
        rows = "".join(
            f"<tr><th>{html.escape(str(key))}</th><td>{html.escape(str(value))}</td></tr>"
            for key, value in item.items()
        )
        return f"<table>{rows}</table>"
    text = np.array2string(item, threshold=12, precision=3) if isinstance(item, np.ndarray) else str(item)
    return f'<div style="max-width:30em;white-space:pre-wrap">{html.escape(text)}</div>'


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

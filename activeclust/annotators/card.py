"""A question as a small HTML card, for notebooks. Labels and items are data: every text is escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from activeclust.annotators.pictures import image_png, is_image, is_picture_file, read_picture
from activeclust.annotators.printable import shown

_BAR = (
    '<tr><td style="text-align:left">{name}</td><td style="width:8em"><div style="background:#0072B2;'
    'height:.7em;width:{width:.0f}%"></div></td><td>{percent:.0f} %</td></tr>'
)


def card_html(
    row: int,
    item: Any,
    suggestions: Sequence[tuple[str | int, float]],
    new_cluster_probability: float,
    budget_left: int | None = None,
) -> str:
    """HTML of the item, the suggestions as bars, and the chance of a new cluster.

    Parameters
    ----------
    row : int
    item : object
        What the person looks at.
    suggestions : sequence of (cluster, probability)
        The first five are shown.
    new_cluster_probability : float
    budget_left : int, optional
        Answers left, this one included.

    Examples
    --------
    >>> "cat" in card_html(3, "a small one", [("cat", 0.8)], 0.2)
    True
    """
    chances = [(html.escape(str(name)), p) for name, p in suggestions[:5]]
    chances.append(("<i>a new cluster</i>", new_cluster_probability))
    bars = "".join(_BAR.format(name=name, width=100 * p, percent=100 * p) for name, p in chances)
    left = "" if budget_left is None else f", {budget_left} answers left"
    return (
        '<div style="display:inline-flex;gap:1.2em;align-items:center;border:1px solid #8884;'
        'border-radius:6px;padding:.7em 1em">'
        f'<div>{item_html(item)}</div><div><div style="opacity:.7">row {row}{left}</div>'
        f"<table>{bars}</table></div></div>"
    )


def item_html(item: Any) -> str:
    """HTML of an image array, a picture file, a table's row, or a text.

    Examples
    --------
    >>> item_html("<b>")
    '<div dir="auto" style="max-width:30em;white-space:pre-wrap">&lt;b&gt;</div>'
    """
    if is_picture_file(item):
        try:
            item = read_picture(item, 512)
        except (OSError, ValueError) as error:
            item = f"{item.name} cannot be shown: {error}"
    if is_image(item):
        data = base64.b64encode(image_png(item)).decode()
        return f'<img alt="" style="height:8em;image-rendering:pixelated" src="data:image/png;base64,{data}">'
    if isinstance(item, Mapping):
        rows = "".join(
            f'<tr><th>{html.escape(str(key))}</th><td dir="auto">{html.escape(shown(value))}</td></tr>'
            for key, value in item.items()
        )
        return f"<table>{rows}</table>"
    text = np.array2string(item, threshold=12, precision=3) if isinstance(item, np.ndarray) else str(item)
    return f'<div dir="auto" style="max-width:30em;white-space:pre-wrap">{html.escape(text)}</div>'

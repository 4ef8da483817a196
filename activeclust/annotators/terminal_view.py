"""A row as a terminal shows it: a picture in half-blocks, a table's columns, numbers, or text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.annotators.pictures import is_image, is_picture_file, read_picture
from activeclust.annotators.printable import printable, shown
from activeclust.files.pictures import unit_range

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDEST, TALLEST = 64, 48  #: pixels of a picture, two to a character's height
SHADES = " .:-=+*#%@"  #: from dark to light, for terminals without colours
MOST_NUMBERS = 32
MOST_TEXT = 1_200


def item_view(item: Any, console: Console) -> RenderableType:
    """An item of any kind as something that rich can print.

    Examples
    --------
    >>> from rich.console import Console
    >>> str(item_view("a text", Console()))
    'a text'
    """
    from rich.text import Text

    if is_picture_file(item):
        try:
            item = read_picture(item, 4 * WIDEST)
        except (OSError, ValueError) as error:
            item = f"{item.name} cannot be shown: {error}"
    if is_image(item):
        small = fit(unit_range(item), min(WIDEST, console.width - 2), TALLEST)
        coloured = console.color_system is not None and not console.no_color and can_show(console, "▀")
        return half_blocks(small) if coloured else shades(small)
    if isinstance(item, Mapping):
        return _columns(item, console)
    if isinstance(item, np.ndarray):
        return Text(numbers(item))
    text = str(item)
    text = text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + " ..."
    return Text(printable(text, encoding=console.encoding, lines=True))


def can_show(console: Console, characters: str) -> bool:
    """Whether a terminal's encoding holds these characters.

    Examples
    --------
    >>> import io
    >>> from rich.console import Console
    >>> can_show(Console(file=io.TextIOWrapper(io.BytesIO(), "ascii")), "█")
    False
    """
    try:
        characters.encode(console.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _columns(item: Mapping[str, Any], console: Console) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in item.items():
        cell = printable(shown(value)[:MOST_TEXT], encoding=console.encoding, lines=True)
        table.add_row(Text(printable(name, encoding=console.encoding)), Text(cell))
    return table


def numbers(row: np.ndarray) -> str:
    """A row of numbers, shortened.

    Examples
    --------
    >>> numbers(np.array([1.0, 2.5]))
    '1  2.5'
    """
    flat = np.asarray(row).ravel()
    text = "  ".join(str(v) if isinstance(v, int) else f"{v:.4g}" for v in flat[:MOST_NUMBERS].tolist())
    return text if len(flat) <= MOST_NUMBERS else f"{text}  ... ({len(flat)} numbers)"


def fit(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """(h, w, 3) colours in 0..1: a large picture is reduced by averaging, a small one is enlarged.

    Examples
    --------
    >>> fit(np.zeros((100, 50)), 25, 40).shape, fit(np.zeros((8, 8)), 64, 48).shape
    ((40, 20, 3), (32, 32, 3))
    """
    picture = image[:, :, None].repeat(3, axis=2) if image.ndim == 2 else image[:, :, :3]
    if image.ndim == 3 and image.shape[2] == 4:  # transparent pixels are dark, like most terminals
        picture = picture * image[:, :, 3:]
    scale = min(1.0, width / picture.shape[1], height / picture.shape[0])
    if scale == 1.0:
        times = max(1, min(32 // picture.shape[0], width // picture.shape[1]))
        return picture.repeat(times, axis=0).repeat(times, axis=1)
    rows, columns = (max(1, round(size * scale)) for size in picture.shape[:2])
    return _means(_means(picture, rows, 0), columns, 1)


def _means(picture: np.ndarray, parts: int, axis: int) -> np.ndarray:
    edges = np.linspace(0, picture.shape[axis], parts + 1).astype(int)[:-1]
    totals = np.add.reduceat(picture, edges, axis=axis)
    counts = np.diff([*edges, picture.shape[axis]])
    return totals / counts.reshape([-1 if i == axis else 1 for i in range(3)])


def half_blocks(picture: np.ndarray) -> RenderableType:
    """Two pixels per character: the upper one is its colour, the lower one its background."""
    from rich.text import Text

    if len(picture) % 2:
        picture = np.concatenate([picture, picture[-1:]])
    colours = (np.clip(picture, 0, 1) * 255).astype(int)
    text = Text()
    for upper, lower in zip(colours[::2], colours[1::2], strict=True):
        for (r, g, b), (r2, g2, b2) in zip(upper.tolist(), lower.tolist(), strict=True):
            text.append("▀", style=f"#{r:02x}{g:02x}{b:02x} on #{r2:02x}{g2:02x}{b2:02x}")
        text.append("\n")
    text.right_crop(1)
    return text


def shades(picture: np.ndarray) -> RenderableType:
    """Without colours: one character per pair of pixels, a denser one for lighter pixels."""
    from rich.text import Text

    grey = picture.mean(axis=2)
    if len(grey) % 2:
        grey = np.concatenate([grey, grey[-1:]])
    pairs = (grey[::2] + grey[1::2]) / 2
    level = np.clip(np.round(pairs * (len(SHADES) - 1)), 0, len(SHADES) - 1).astype(int)
    return Text("\n".join("".join(SHADES[i] for i in line) for line in level))

"""Figures for notebooks and files, created without pyplot, so that no window opens and no global state is kept."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A figure that notebooks display without ``%matplotlib inline``."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def new_figure(width: float, height: float) -> tuple[ShownFigure, Any]:
    """A figure of ``width`` x ``height`` inches and its axes.

    Examples
    --------
    >>> figure, axes = new_figure(4, 3)
    >>> figure._repr_png_()[1:4]
    b'PNG'
    """
    figure = ShownFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()

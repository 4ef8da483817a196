"""A run as a table, a figure, and JSON."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.annotators.printable import printable
from activeclust.loop.stopping import GOAL
from activeclust.resources.output import write_atomically
from activeclust.store.records import Round, RunInfo

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table

    from activeclust.loop.figure import ShownFigure

#: metric -> heading, in the order of the table; "expected" is the accuracy that the model expects
HEADINGS = {
    "accuracy": "accuracy",
    "v_measure": "V-measure",
    "ari": "ARI",
    "clusters": "clusters",
    "expected_accuracy": "expected",
    "agreement": "agreement",
}

#: Okabe & Ito's colours, which colour-blind readers can tell apart
_CURVES = {
    "accuracy": ("#0072B2", "accuracy", "-"),
    "v_measure": ("#009E73", "V-measure", "-"),
    "ari": ("#D55E00", "ARI", "-"),
    "expected_accuracy": ("#7F7F7F", "accuracy the model expects", "--"),
}


def rounds_table(rounds: Sequence[Round], *, most: int = 12, title: str | None = None) -> Table:
    """Metrics against the budget, at most ``most`` rounds of them evenly spread, the last included."""
    from rich.table import Table

    chosen = spread(rounds, most)
    names = [name for name in HEADINGS if any(record.metrics.get(name) is not None for record in rounds)]
    table = Table(title=title, title_justify="left")
    table.add_column("answers", justify="right")
    for name in names:
        table.add_column(HEADINGS[name], justify="right")
    for record in chosen:
        table.add_row(str(record.budget), *(shown(record.metrics.get(name)) for name in names))
    return table


def expectation(metrics: Mapping[str, Any]) -> str:
    """The expected accuracy of the labels, in words; "" before the first answer.

    Examples
    --------
    >>> expectation({"expected_accuracy": 0.83, "expected_low": 0.75, "expected_high": 0.9, "answers_to_goal": 120})
    'The model expects 0.83 of the labels to be right, 0.75 to 0.90 with 95 %; about 120 more answers to 0.95.'
    """
    expected, low, high = (metrics.get(f"expected_{of}") for of in ("accuracy", "low", "high"))
    if expected is None or low is None or high is None:
        return ""
    more = metrics.get("answers_to_goal")
    ahead = f"; about {more:,} more {'answer' if more == 1 else 'answers'} to {GOAL}" if more else ""
    return f"The model expects {expected:.2f} of the labels to be right, {low:.2f} to {high:.2f} with 95 %{ahead}."


def runs_table(runs: Sequence[RunInfo]) -> Table:
    """The runs of a store, one per line."""
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("run", no_wrap=True)
    for heading in ("rows from", "strategy", "last change (UTC)"):
        table.add_column(heading, overflow="fold")
    for heading in ("seed", "answers", "clusters", "accuracy"):
        table.add_column(heading, justify="right")
    for info in runs:
        changed = info.updated_at.strftime("%Y-%m-%d %H:%M")
        source = Path(info.spec.source).name or "-"  # the full path is in the JSON
        words = (info.spec.name, source, info.spec.strategy, changed)
        numbers = (info.spec.seed, info.n_anchors, info.n_clusters, info.last_metrics.get("accuracy"))
        # as Text: a name such as data[/old] is not markup
        table.add_row(*(Text(printable(word)) for word in words), *(shown(number) for number in numbers))
    return table


def shown(value: Any) -> str:
    """A number as the tables show it.

    Examples
    --------
    >>> shown(0.98765), shown(12), shown(None)
    ('0.988', '12', '-')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def spread(rounds: Sequence[Round], most: int) -> list[Round]:
    """At most ``most`` rounds: those closest to evenly spaced budgets, first and last included.

    Examples
    --------
    >>> [record.budget for record in spread([Round(i, i, {}) for i in range(101)], 11)]
    [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    """
    if len(rounds) <= most:
        return list(rounds)
    first, last = rounds[0].budget, rounds[-1].budget
    picked = {}
    for i in range(most):
        goal = first + (last - first) * i / (most - 1)
        nearest = min(rounds, key=lambda record: (abs(record.budget - goal), record.index))
        picked[nearest.index] = nearest
    return list(picked.values())


def plot_history(
    rounds: Sequence[Round], path: str | os.PathLike[str] | None = None, *, title: str = ""
) -> ShownFigure:
    """Scores (left axis) and clusters found (right axis) against the budget.

    Parameters
    ----------
    rounds : sequence of Round
    path : path, optional
        Where to save the picture; the extension gives the format (``.png``, ``.svg``, ``.pdf``).
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Created without pyplot: no window, no global state; a notebook shows it.
    """
    from activeclust.loop.figure import new_figure

    figure, axes = new_figure(7.2, 4.2)
    _plot_scores(axes, rounds)
    _plot_clusters(axes.twinx(), rounds)
    axes.set_zorder(figure.axes[1].get_zorder() + 1)  # the scores lie above the step line
    axes.patch.set_visible(False)
    for each in figure.axes:
        each.spines["top"].set_visible(False)
    if title:
        axes.set_title(printable(title), loc="left", fontsize=11, parse_math=False)
    if path is not None:
        with warnings.catch_warnings():  # a name in a script that the font lacks is drawn as boxes
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            with write_atomically(path) as file:
                figure.savefig(file, format=Path(path).suffix[1:] or "png", dpi=150)
    return figure


def _plot_scores(axes: Axes, rounds: Sequence[Round]) -> None:
    """Curves of the scores, and the interval of the expected accuracy."""
    for name, (colour, label, dash) in _CURVES.items():
        points = [(r.budget, r.metrics[name]) for r in rounds if r.metrics.get(name) is not None]
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, dash, color=colour, linewidth=1.9, label=f"{label} ({y[-1]:.3f})")
    expected = [r for r in rounds if r.metrics.get("expected_low") is not None]
    if expected:
        low, high = (
            np.array([r.metrics[f"expected_{end}"] for r in expected], float) for end in ("low", "high")
        )
        axes.fill_between([r.budget for r in expected], low, high, color="#7F7F7F", alpha=0.15, linewidth=0)
    axes.set_xlabel("answers")
    axes.set_ylabel("score")
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, max([*(r.budget for r in rounds), 1]))
    axes.grid(alpha=0.25)
    if axes.lines:
        axes.legend(loc="lower right", frameon=True, framealpha=0.9, fontsize=9)


def _plot_clusters(axes: Axes, rounds: Sequence[Round]) -> None:
    """The number of clusters found, as a step line."""
    from matplotlib.ticker import MaxNLocator

    found = [r.metrics.get("clusters") or 0 for r in rounds]
    budget = [r.budget for r in rounds]
    axes.step(budget, found, where="post", color="#CC79A7", linewidth=1.2, alpha=0.9)
    axes.set_ylabel("clusters found", color="#A0527D")
    axes.tick_params(axis="y", colors="#A0527D")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)

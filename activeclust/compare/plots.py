"""Figures of a comparison: curves, differences, penalties."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.compare.comparison import Comparison
from activeclust.resources.output import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from activeclust.loop.figure import ShownFigure

# Okabe and Ito's colours, which colour-blind readers can tell apart; beyond them the line pattern changes
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_PATTERNS = ("-", "--", ":")


def figures(comparison: Comparison) -> dict[str, Figure]:
    """All figures of a comparison, by name."""
    made = {"curves": plot_curves(comparison)}
    if "clusters" in comparison.values:
        made["clusters"] = plot_curves(comparison, "clusters")
    if comparison.differences():
        made["differences"] = plot_differences(comparison)
        made["penalties"] = plot_penalties(comparison)
    return made


def _new_figure(width: float, height: float) -> tuple[ShownFigure, Any]:
    from activeclust.loop.figure import new_figure

    figure, axes = new_figure(width, height)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def ordered(comparison: Comparison) -> list[str]:
    """Strategies, the largest area first."""
    return [line["strategy"] for line in comparison.table()]


def _style(comparison: Comparison, strategy: str) -> dict[str, Any]:
    i = ordered(comparison).index(strategy)
    return {
        "color": _COLORS[i % len(_COLORS)],
        "linestyle": _PATTERNS[i // len(_COLORS) % len(_PATTERNS)],
        "linewidth": 2.4 if strategy == "auto" else 1.5,
    }


def plot_curves(comparison: Comparison, metric: str = "accuracy") -> Figure:
    """Mean of a metric over the budget with its 95 % interval as a band; the best strategy is first in the legend."""
    figure, axes = _new_figure(8.5, 4.8)
    for strategy in ordered(comparison):
        curve = comparison.curve(strategy, metric)
        points = [(b, c) for b, c in zip(comparison.budgets.tolist(), curve, strict=True) if c is not None]
        if not points:
            continue
        x, style = [b for b, _ in points], _style(comparison, strategy)
        axes.plot(x, [c.mean for _, c in points], label=strategy, **style)
        if comparison.repeats > 1:
            low, high = [c.low for _, c in points], [c.high for _, c in points]
            axes.fill_between(x, low, high, color=style["color"], alpha=0.12, linewidth=0)
    axes.set(xlabel="answers", ylabel=metric.replace("_", " "), xlim=(0, None))
    axes.set_title(_title(comparison), loc="left", fontsize=10)
    axes.grid(alpha=0.25)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def plot_differences(comparison: Comparison, metric: str = "accuracy") -> Figure:
    """Paired difference in area to the reference, with its corrected interval, one line per strategy."""
    differences = comparison.differences(metric)
    names = [s for s in ordered(comparison) if s in differences][::-1]
    figure, axes = _new_figure(7.0, 1.2 + 0.32 * len(names))
    for y, name in enumerate(names):
        area = differences[name]["area"]
        color = "#777777" if not area.excludes_zero else "#0072B2" if area.mean > 0 else "#D55E00"
        axes.plot([area.low, area.high], [y, y], color=color, linewidth=2)
        axes.plot(area.mean, y, "o", color=color, markersize=5)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(f"{metric.replace('_', ' ')}, area under the curve: difference to {comparison.reference}")
    axes.grid(axis="x", alpha=0.25)
    return figure


def plot_penalties(comparison: Comparison, metric: str = "accuracy") -> Figure:
    """BADGE's pairwise penalty matrix; the last line is the mean of each column, lower is better."""
    order = ordered(comparison)
    at = [comparison.strategies.index(s) for s in order]
    penalty = comparison.penalties(metric)[np.ix_(at, at)]
    shown = np.vstack([penalty, penalty.mean(axis=0)])
    size = 2.2 + 0.5 * len(order)
    figure, axes = _new_figure(size + 0.8, size)
    axes.imshow(shown, cmap="Oranges", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(shown):
        color = "white" if value > 0.6 else "black"
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8, color=color)
    axes.axhline(len(order) - 0.5, color="black", linewidth=1)
    axes.set_xticks(range(len(order)), order, rotation=45, ha="right")
    axes.set_yticks(range(len(order) + 1), [*order, "mean (lower is better)"])
    axes.set_title("share of budgets at which the row beats the column", loc="left", fontsize=9)
    axes.spines[:].set_visible(False)
    return figure


def _title(comparison: Comparison) -> str:
    of = "1 run" if comparison.repeats == 1 else f"mean of {comparison.repeats} paired runs, 95 % interval"
    return f"{comparison.dataset}, {comparison.n_rows:,} rows: {of}"


def save(figure: Figure, path: Path) -> None:
    """Write a figure; the same scores give the same bytes."""
    import matplotlib

    kind = path.suffix[1:]
    with matplotlib.rc_context({"svg.hashsalt": "activeclust"}), write_atomically(path) as file:
        figure.savefig(
            file, format=kind, dpi=150, metadata={"png": {"Software": None}, "svg": {"Date": None}}[kind]
        )


def to_svg(figure: Figure) -> str:
    """The figure as an <svg> element for a page, its text as text."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "activeclust"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]

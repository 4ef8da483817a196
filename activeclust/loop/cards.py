"""A run and its history as HTML tables for notebooks; every text is escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from activeclust.loop.report import HEADINGS, plot_history, shown, spread
from activeclust.store.records import Round

if TYPE_CHECKING:
    from activeclust.loop.active_loop import ActiveLoop
    from activeclust.loop.history import History

MOST_ROUNDS, MOST_CLUSTERS = 8, 20  #: maximum number of lines in a table
ENDED = {
    "budget": "the budget is used up",
    "converged": "further answers no longer changed the partition",
    "stop": "the annotator stopped",
    "pool": "every row is answered or set aside",
    "interrupted": "interrupted",
}
_CARD = (
    '<div style="display:flex;flex-wrap:wrap;gap:1.2em;align-items:flex-start;border:1px solid #8884;'
    'border-radius:6px;padding:.7em 1em">{}</div>'
)


def history_html(history: History) -> str:
    """The rounds as a table, and their curve.

    Examples
    --------
    >>> from activeclust.loop.history import History
    >>> "the budget is used up" in history_html(History([Round(0, 0, {}), Round(1, 9, {"clusters": 2})], "budget"))
    True
    """
    if not history.rounds:
        return _CARD.format("<div>No rounds yet.</div>")
    ended = f", {ENDED[history.ended]}" if history.ended else ""
    said = f"<b>{history.budget[-1]:,} answers</b> in {len(history):,} round{'s' if len(history) > 1 else ''}{ended}"
    return _CARD.format(f"<div>{said}{_table(history.rounds)}</div><div>{_curve(history.rounds)}</div>")


def loop_html(loop: ActiveLoop) -> str:
    """A run: its rows, answers and clusters."""
    spec = loop.stored.spec
    history, labels = loop.history, loop.labels
    sizes: dict[Any, int] = {}
    for name in labels:
        sizes[name] = sizes.get(name, 0) + 1
    given: dict[Any, int] = {}
    for name in loop.anchors.values():
        given[name] = given.get(name, 0) + 1
    facts = [
        ("rows", f"{spec.n_rows:,}"),
        ("answers", f"{len(loop.anchors):,}"),
        ("clusters", f"{len(loop.clusters):,}"),
        ("strategy", spec.strategy),
        ("seed", str(spec.seed)),
    ]
    expected = history.last.get("expected_accuracy")
    if expected is not None:
        facts.insert(3, ("the model expects", f"{100 * expected:.0f} % to be right"))
    if history.ended:
        facts.append(("ended", ENDED[history.ended]))
    lines = "".join(_line(name, value) for name, value in facts)
    clusters = sorted(loop.clusters, key=lambda name: -sizes.get(name, 0))
    rows = "".join(
        f"<tr>{_cell(name)}{_cell(f'{sizes.get(name, 0):,}', right=True)}{_cell(f'{given[name]:,}', right=True)}</tr>"
        for name in clusters[:MOST_CLUSTERS]
    )
    more = len(clusters) - MOST_CLUSTERS
    rest = f"<div>and {more:,} more clusters</div>" if more > 0 else ""
    table = (
        f"<table><tr>{_head('cluster')}{_head('rows')}{_head('answers')}</tr>{rows}</table>{rest}"
        if rows
        else ""
    )
    title = f"<b>Run {html.escape(spec.name)}</b>"
    return _CARD.format(f"<div>{title}<table>{lines}</table></div><div>{table}</div>")


def _table(rounds: Sequence[Round]) -> str:
    names = [name for name in HEADINGS if any(record.metrics.get(name) is not None for record in rounds)]
    head = _head("answers") + "".join(_head(HEADINGS[name]) for name in names)
    body = "".join(
        "<tr>"
        + _cell(f"{record.budget:,}", right=True)
        + "".join(_cell(shown(record.metrics.get(name)), right=True) for name in names)
        + "</tr>"
        for record in spread(rounds, MOST_ROUNDS)
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _curve(rounds: Sequence[Round]) -> str:
    picture = base64.b64encode(plot_history(rounds)._repr_png_()).decode()
    return f'<img alt="scores against answers" style="width:26em" src="data:image/png;base64,{picture}">'


def _line(name: str, value: str) -> str:
    return f'<tr><td style="text-align:left;opacity:.7">{html.escape(name)}</td>{_cell(value)}</tr>'


def _head(text: str) -> str:
    return f"<th>{html.escape(text)}</th>"


def _cell(value: Any, *, right: bool = False) -> str:
    return f'<td style="text-align:{"right" if right else "left"}">{html.escape(str(value))}</td>'

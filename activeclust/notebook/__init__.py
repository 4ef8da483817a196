"""A notebook widget that answers the questions of an existing ActiveLoop, with grid and map.

Needs the extra ``[notebook]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activeclust.errors import MissingDependency

if TYPE_CHECKING:
    from activeclust.loop.active_loop import ActiveLoop

__all__ = ["annotate"]


def annotate(loop: ActiveLoop, budget: int | None = None) -> Any:
    """A widget for answers: one row at a time, a grid of similar rows, or rows on a map.

    Every answer is in the loop's store before the next question is shown, so ``loop.labels``, ``loop.history`` and the
    rest are up to date in the next cell. The loop may be used by the page and by :meth:`ActiveLoop.run` as before and
    after.

    Parameters
    ----------
    loop : ActiveLoop
        Its annotator is not used. With ``who=...`` the answers bear that name.
    budget : int, optional
        Nothing more is asked once so many rows are answered.

    Returns
    -------
    anywidget.AnyWidget
        Shown where it is a cell's last line.

    Raises
    ------
    MissingDependency
        Without the extra ``[notebook]``.

    Examples
    --------
    >>> from activeclust import ActiveLoop
    >>> from activeclust.datasets import load
    >>> digits = load("digits")
    >>> loop = ActiveLoop(digits.X[:200], None, items=digits.items[:200], random_state=0)
    >>> widget = annotate(loop, budget=20)
    >>> widget.state["answered"], widget.state["budget"]
    (0, 20)
    """
    try:
        from activeclust.notebook.widget import AnnotationWidget
    except ImportError as error:
        if getattr(error, "name", "") not in ("anywidget", "traitlets"):
            raise
        raise MissingDependency(
            "Answering in a notebook needs anywidget: pip install 'activeclust[notebook]'."
        ) from error
    return AnnotationWidget(loop, budget)

"""A check on the page: answers for random rows give an unbiased accuracy with its interval.

The labels that the rows have when the check begins are stored with each answer, so the log is enough to compute
the result. The model's suggestions are hidden, since they would influence the answers. See :mod:`activeclust.audit`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.audit import Audit, estimate
from activeclust.errors import InvalidInput
from activeclust.store.log import Noted
from activeclust.store.records import Cluster, Kind
from activeclust.web.page_state import OPEN

if TYPE_CHECKING:
    from activeclust.web.page_state import PageState

CHECKED = 30  #: rows of a check


@dataclass
class Check:
    """A check in progress.

    Attributes
    ----------
    name : str
        Tells checks of one run apart.
    who : str
        Who answers.
    judged : dict of row to cluster
        The rows in the order they are asked about, with the labels they had when the check began.
    rows, answered : int
        Rows of the run, and how many of them were answered then.
    """

    name: str
    who: str
    judged: dict[int, Cluster]
    rows: int
    answered: int

    def details(self, row: int) -> dict[str, Any]:
        """What is stored with the answer for one of its rows."""
        counts = {"rows": self.rows, "answered": self.answered, "of": len(self.judged)}
        return {"audit": True, "check": self.name, "judged": self.judged[row], **counts}


class Checks:
    """The checks in progress, one per person."""

    def __init__(self) -> None:
        self._of: dict[str, Check] = {}
        self._lock = threading.Lock()

    def begin(self, state: PageState, who: str, seed: int, n: int = CHECKED) -> Check:
        """Begin a check of ``n`` random unanswered rows.

        Raises
        ------
        InvalidInput
            Before any answer, and if no row is left unanswered.
        """
        if not state.clusters:
            raise InvalidInput("There is nothing to check before the first answer.")
        open_rows = np.flatnonzero(state.kinds == OPEN)
        if not len(open_rows):
            raise InvalidInput("Every row has been answered or set aside: there is nothing left to check.")
        rng = np.random.default_rng([seed, state.seq])
        rows = rng.choice(open_rows, size=min(n, len(open_rows)), replace=False).tolist()
        judged = {row: state.clusters[state.codes[row]] for row in rows}
        check = Check(f"{state.seq}-{who}", who, judged, len(state.kinds), len(state.answered))
        with self._lock:
            self._of[who] = check
        return check

    def of(self, who: str, row: int) -> Check | None:
        """The check in which a person is asked about a row, or None."""
        with self._lock:
            check = self._of.get(who)
        return check if check is not None and row in check.judged else None


@dataclass(frozen=True)
class Checked:
    """The newest check of a run so far: ``said`` of its ``of`` rows are answered; the accuracy from them."""

    name: str
    said: int
    of: int
    audit: Audit | None


def newest(log: Noted) -> Checked | None:
    """The newest check among the events of checks; answers that were undone and those that are unsure or skipped do not
    count.

    Examples
    --------
    >>> from activeclust.store.records import Event, Kind
    >>> kept = Check("1-", "", {3: "cat", 5: "dog"}, rows=100, answered=20)
    >>> log = [Event(Kind.LABEL, row=row, cluster="cat", details=kept.details(row), seq=row) for row in (3, 5)]
    >>> found = newest(Noted(tuple(log), frozenset()))
    >>> found.said, found.audit.right, found.audit.accuracy
    (2, 1, 0.6)
    """
    standing = [event for event in log.events if event.seq not in log.undone]
    if not standing:
        return None
    name = standing[-1].details["check"]
    mine = {event.row: event for event in standing if event.details["check"] == name}
    told = [event for event in mine.values() if event.kind is Kind.LABEL]
    last = standing[-1].details
    right = sum(event.cluster == event.details["judged"] for event in told)
    audit = estimate(right, len(told), last["rows"], last["answered"]) if told else None
    return Checked(name, len(mine), last["of"], audit)


def checked_rows(log: Noted) -> set[int]:
    """Rows that checks have asked about; they do not count against a budget."""
    return {event.row for event in log.events if event.row is not None}

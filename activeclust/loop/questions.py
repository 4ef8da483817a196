"""The questions that are due under given limits, and the reason why a run has ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from activeclust.annotators.query import SUGGESTIONS, Query
from activeclust.errors import InvalidInput
from activeclust.loop.anchors import Anchors
from activeclust.loop.history import Ended
from activeclust.loop.limits import UNLIMITED, Limits
from activeclust.loop.rounds import Rounds
from activeclust.store.records import Cluster

#: maximum number of answered rows shown as examples with a question: per cluster, and in all
EXAMPLES, MOST_EXAMPLES = 3, 24


class Questions:
    """The questions of one run.

    Parameters
    ----------
    anchors : Anchors
    rounds : Rounds
    items : sequence of length n
        What a person looks at.

    Attributes
    ----------
    ended : str or None
        Why the run ended; see :class:`activeclust.History`.
    """

    def __init__(self, anchors: Anchors, rounds: Rounds, items: Sequence[Any] | np.ndarray) -> None:
        self.anchors, self.rounds, self.items = anchors, rounds, items
        self.ended: Ended = None

    def refresh(self) -> bool:
        """Read new answers of others; True if there were any."""
        changed = self.anchors.refresh()
        if changed:
            self.rounds.reload()
        return changed

    def reload(self) -> None:
        """Read everything from the store again."""
        self.anchors.reload()
        self.rounds.reload()

    def due(self, limits: Limits = UNLIMITED) -> list[Query]:
        """The open questions of this round, else those of the next one; none after STOP or at a limit."""
        return [self.query(row, limits) for row in self._rows(limits)]

    def query(self, row: int, limits: Limits = UNLIMITED) -> Query:
        """The question about one row."""
        seen = self.rounds.shown()
        return Query(
            row=row,
            item=self.items[row],
            suggestions=seen.suggestions(row, SUGGESTIONS),
            new_cluster_probability=float(seen.new[row]),
            clusters=self.anchors.offered,
            budget_left=limits.left(len(self.anchors)),
            examples=self._examples(row),
        )

    def _examples(self, row: int) -> tuple[tuple[Any, Cluster], ...]:
        """Answered rows nearest to ``row``."""
        rows, codes, clusters = self.anchors.rows, self.anchors.codes, self.anchors.clusters
        view = self.rounds.posteriors.prepared.views["pca"]
        far = np.linalg.norm(view[rows] - view[row], axis=1)
        taken = np.zeros(len(clusters), int)
        near = []
        for i in np.argsort(far, kind="stable"):
            taken[codes[i]] += 1
            if taken[codes[i]] <= EXAMPLES and rows[i] != row:
                near.append((self.items[rows[i]], clusters[codes[i]]))
            if len(near) == MOST_EXAMPLES:
                break
        return tuple(near)

    def _rows(self, limits: Limits) -> list[int]:
        if self.ended == "stop":
            return []
        self.refresh()
        if begun := self.rounds.begun():  # a budget counts rows: a second answer for a row does not count
            return begun
        left = limits.left(len(self.anchors))
        rows = self.rounds.rows_to_ask(left) if left is None or left > 0 else []
        if rows and limits.stop is not None and self.rounds.may_end(limits.stop):
            self.ended = "converged"
            self.rounds.withdraw()
            return []
        if not rows:
            self.ended = "pool" if left is None or left > 0 else "budget"
            self.rounds.finish()
        return rows

    def check_row(self, row: Any) -> int:
        """A row number as an int; InvalidInput for anything else."""
        n = len(self.items)
        if isinstance(row, (int, np.integer)) and not isinstance(row, bool) and 0 <= row < n:
            return int(row)
        raise InvalidInput(f"A row is a number from 0 to {n - 1}, got {row!r}.")

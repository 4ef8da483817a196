"""Questions and answers about one run: what is asked next, what an answer does, and what is known now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from activeclust.annotators.query import SKIP, STOP, SUGGESTIONS, UNDO, Answer, Query, Signal, check_answer
from activeclust.errors import InvalidInput
from activeclust.loop.anchors import Anchors
from activeclust.loop.history import Ended, History
from activeclust.loop.posteriors import PosteriorCache
from activeclust.loop.rounds import Rounds
from activeclust.loop.stopping import StopRule
from activeclust.store.base import Cluster, Event, Kind, Run
from activeclust.strategy.state import PoolState


class Dialogue:
    """The half of :class:`activeclust.ActiveLoop` that asks and is told; the other half runs it.

    Attributes
    ----------
    X : ndarray (n, d)
        Rows to be clustered.
    items : sequence of length n
        What a person looks at.
    who : str
        The annotator's name in the log.
    stored : Run
        The run in its store.
    """

    X: np.ndarray
    items: Sequence[Any] | np.ndarray
    who: str
    stored: Run
    _answers: Anchors
    _beliefs: PosteriorCache
    _rounds: Rounds
    _ended: Ended = None
    _budget: int | None = None
    _stop: StopRule | None = None

    # ---------------------------------------------------------------- asking and telling

    def ask(self) -> list[Query]:
        """The open questions of this round; those of the next one where none is open.

        Returns
        -------
        list of Query
            At most ``batch_size`` (more where answers of earlier rounds were undone); empty when every
            row is answered or withdrawn, when the budget of :meth:`run` is used up, and after STOP.
        """
        return [self._query(row) for row in self._rows_to_ask()]

    def propose(self, n: int, *, without: Sequence[int] = ()) -> list[int]:
        """Measure the answers and choose rows to ask about next, while earlier questions may be open.

        For an interface that keeps the next questions ready. A round begins, and has asked nothing until
        :meth:`note_asked` says which of the rows were shown.

        Parameters
        ----------
        n : int
            How many rows, the best first.
        without : sequence of int
            Rows that somebody is looking at.
        """
        self.refresh()
        return self._rounds.propose(positive(n, "n"), without)

    def note_asked(self, rows: Sequence[int]) -> None:
        """Record that rows of the last :meth:`propose` were shown; a resumed run asks about them first."""
        self._rounds.note_asked([self._check_row(row) for row in rows])

    def refresh(self) -> bool:
        """Read the answers that others have written to the store since; whether there were any."""
        changed = self._answers.refresh()
        if changed:
            self._rounds.reload()
        return changed

    def tell(
        self,
        query: Query | int,
        answer: Answer,
        *,
        client_id: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Event | None:
        """Take an answer, durably.

        Parameters
        ----------
        query : Query or int
            The question, or a row number; any row may be answered, asked about or not, and an answered
            one again (that is a relabel).
        answer : cluster name, SKIP, UNSURE, UNDO or STOP
            UNDO takes back the last answer, whichever row it was about, also of an earlier session.
        client_id : str, optional
            The same answer told twice under one id counts once.
        details : mapping, optional
            Kept in the log, as JSON.

        Returns
        -------
        Event or None
            What was written; None for STOP, and for UNDO with nothing to undo.
        """
        row = query.row if isinstance(query, Query) else self._check_row(query)
        answer = check_answer(answer, row)
        if answer is STOP:
            self._ended = "stop"
            return None
        if answer is UNDO:
            return self.undo()
        event = Event(Kind.LABEL, row=row, client_id=client_id, details=details or {}, annotator=self.who)
        if isinstance(answer, Signal):
            return self._write(replace(event, kind=Kind.SKIP if answer is SKIP else Kind.UNSURE))
        return self._write(replace(event, cluster=answer))

    def undo(self) -> Event | None:
        """Take the last answer back; its row is asked again first. None where there is nothing to undo."""
        last = self.stored.last_undoable(self.who or None)
        if last is None:
            return None
        return self._write(Event(Kind.UNDO, target=last.seq, annotator=self.who))

    def rename(self, cluster: Cluster, new: Cluster) -> Event:
        """Give a cluster another name, one that is not in use."""
        return self._write(Event(Kind.RENAME, cluster=cluster, new_cluster=new, annotator=self.who))

    def merge(self, cluster: Cluster, into: Cluster) -> Event:
        """Make one cluster part of another."""
        return self._write(Event(Kind.MERGE, cluster=cluster, new_cluster=into, annotator=self.who))

    def _write(self, event: Event) -> Event:
        written = self._answers.write(event)[0]
        if event.kind not in (Kind.LABEL, Kind.SKIP, Kind.UNSURE):
            self._rounds.forget_shown()
        self._ended = None
        return written

    def _rows_to_ask(self) -> list[int]:
        if self._ended == "stop":
            return []
        self.refresh()
        left = None if self._budget is None else self._budget - len(self._answers)
        rows = self._rounds.rows_to_ask(left) if left is None or left > 0 else []
        if rows and self._stop is not None and self._rounds.may_end(self._stop):
            self._ended = "converged"
            self._rounds.withdraw()
            return []
        if not rows:
            self._ended = "pool" if left is None or left > 0 else "budget"
            self._rounds.finish()
        return rows

    # ---------------------------------------------------------------- what is known now

    @property
    def state(self) -> PoolState:
        """What a strategy sees now."""
        return self._rounds.state()

    @property
    def posterior(self) -> np.ndarray:
        """(n, C) probability of each of :attr:`clusters`, given that the row belongs to one of them."""
        return self._beliefs.of(self._answers).posterior

    @property
    def new_cluster_proba(self) -> np.ndarray:
        """(n,) probability of belonging to none of the clusters seen so far."""
        return self._beliefs.of(self._answers).new

    @property
    def labels(self) -> np.ndarray:
        """(n,) object: each row's likeliest cluster, an answered row's own; None before any answer."""
        return self._beliefs.of(self._answers).labels()[0]

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Clusters that have an anchor, by the earliest of them."""
        return self._answers.clusters

    @property
    def anchors(self) -> dict[int, Cluster]:
        """Answered rows with their clusters, in the order they were first answered."""
        return self._answers.named()

    @property
    def history(self) -> History:
        """The rounds so far, and why the last :meth:`run` ended."""
        return History(self._rounds.records, self._ended)

    def metrics(self) -> dict[str, float | int | None]:
        """Metrics of the present answers, as the next round will record them."""
        self.refresh()
        return self._rounds.measure()

    def _query(self, row: int) -> Query:
        belief = self._rounds.shown()
        return Query(
            row=row,
            item=self.items[row],
            suggestions=belief.suggestions(row, SUGGESTIONS),
            new_cluster_probability=float(belief.new[row]),
            clusters=self.clusters,
            budget_left=None if self._budget is None else self._budget - len(self._answers),
        )

    def _check_row(self, row: Any) -> int:
        if isinstance(row, (int, np.integer)) and not isinstance(row, bool) and 0 <= row < len(self.X):
            return int(row)
        raise InvalidInput(f"A row is a number from 0 to {len(self.X) - 1}, got {row!r}.")


def positive(value: Any, what: str) -> int:
    """``value`` as an int from 1 upward; InvalidInput for anything else."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise InvalidInput(f"{what} is an integer from 1 upward, got {value!r}.")

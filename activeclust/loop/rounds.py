"""Rounds: when a round begins, which rows it asks about, and its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput, RoundTaken
from activeclust.loop.anchors import Anchors, renamed
from activeclust.loop.posteriors import NamedPosterior, PosteriorCache
from activeclust.loop.stopping import StopRule, answers_to, expected_gain, expected_interval
from activeclust.metrics import agreement, evaluate
from activeclust.store import LEASE_SECONDS
from activeclust.store.base import Run
from activeclust.store.records import Round
from activeclust.strategy.state import PoolState, Strategy


class Rounds:
    """The recorded rounds of a run, and the next one.

    What round r asks depends only on the answers before it and on (seed, r). If several processes work on the run, each
    round belongs to one process: a second one reads the rounds again and takes the next.

    Parameters
    ----------
    run : Run
    answers : Anchors
    posteriors : PosteriorCache
    strategy : Strategy
    n_rows, batch_size : int
    who : str
        Name of the annotator; "" if one person or oracle answers all.
    labels_true : sequence of length n_rows, optional
    """

    def __init__(
        self,
        run: Run,
        answers: Anchors,
        posteriors: PosteriorCache,
        strategy: Strategy,
        *,
        n_rows: int,
        batch_size: int,
        who: str,
        labels_true: Sequence[Any] | None,
    ) -> None:
        self.run, self.answers, self.posteriors, self.strategy = run, answers, posteriors, strategy
        self.n_rows, self.batch_size, self.who, self.labels_true = n_rows, batch_size, who, labels_true
        self._labels_at: dict[int, tuple[np.ndarray, int]] = {}  # round -> labels then, last event then
        self.reload()

    def catch_up(self) -> None:
        """Read the round that another process has written first."""
        self.answers.refresh()
        self.reload()

    def reload(self) -> None:
        """Read the records from the store."""
        self.records = self.run.rounds()
        self._shown: NamedPosterior | None = None

    def shown(self) -> NamedPosterior:
        """The posterior for the suggestions: that at the beginning of the round, one per round."""
        if self._shown is None:
            self._shown = self.posteriors.of(self.answers)
        return self._shown

    def forget_shown(self) -> None:
        """Discard the posterior of the suggestions, after clusters were renamed, merged or removed."""
        self._shown = None

    # ---------------------------------------------------------------- asking

    def rows_to_ask(self, left: int | None) -> list[int]:
        """Rows that are due, at most ``left``; empty if every row is answered or withdrawn."""
        rows = self._pending() or self._next(left)
        return rows[:left]

    def begun(self) -> list[int]:
        """At most ``batch_size`` rows that others have answered and that need an answer of this annotator."""
        rows = self.run.unfinished(self.who)
        return self._lease(rows, self.batch_size) if self.who else rows[: self.batch_size]

    def finish(self) -> None:
        """Compute and store the metrics of the last answers, unless they are stored already."""
        while True:
            last = self.records[-1] if self.records else None
            if last is not None and not last.asked and last.last_seq == self.answers.seq:
                return None
            try:
                return self._record(self.next_index, [])
            except RoundTaken:
                self.catch_up()

    def may_end(self, stop: StopRule) -> bool:
        """Whether the stop rule ends the run with the round that has just begun."""
        last = self.records[-1]
        if last.last_seq != self.answers.seq:
            return False
        return stop([{"budget": record.budget, **record.metrics} for record in self.records])

    def withdraw(self) -> None:
        """Remove the questions of the round that has just begun; its metrics are the last ones."""
        last = self.records[-1]
        try:
            self._write(last.index, replace(last, asked=()))
        except RoundTaken:  # another annotator continues with it
            self.catch_up()

    def propose(self, n: int, without: Sequence[int], may_be_chosen: Sequence[int] = ()) -> list[int]:
        """Begin a round and choose ``n`` rows for it, while earlier questions may be open; it has no questions yet.

        Rows ``without``, and all that somebody holds, count as answered by the posterior's best guess, except those
        that ``may_be_chosen``.
        """
        while True:
            state = self._state_without(list({*without, *self.run.leased()} - set(may_be_chosen)))
            # the rows are chosen again after each answer: seconds for clusters without answers would only delay it
            state = replace(state, zero_shot=None)
            few, index = min(n, len(state.candidates)), self.next_index
            rows = self._choose(state, few, np.random.default_rng([self.run.spec.seed, index])) if few else []
            more = {"expected_gain": expected_gain(state, np.array(rows[: self.batch_size]))} if rows else {}
            try:
                self._record(index, [], **more)
            except RoundTaken:
                self.catch_up()
            else:
                return rows

    def note_asked(self, rows: Sequence[int]) -> None:
        """Record that the current round has asked about these rows."""
        while True:
            last = self.records[-1]
            try:
                return self._write(
                    last.index, replace(last, asked=tuple(dict.fromkeys((*last.asked, *rows))))
                )
            except RoundTaken:  # then they go into the newest round; they only have to be asked about first
                self.catch_up()

    @property
    def next_index(self) -> int:
        """Index of the round that comes next."""
        # the last round of a run that used up its budget asked nothing: it is replaced if the run continues
        return len(self.records) - bool(self.records and not self.records[-1].asked)

    def state(self) -> PoolState:
        """The state that a strategy receives now."""
        candidates = np.setdiff1d(self.answers.open_rows(self.n_rows), self._of_others())
        return self.posteriors.state(self.answers, candidates)

    def _state_without(self, pending: Sequence[int]) -> PoolState:
        """The state that a strategy receives while other people are asked about these rows."""
        open_rows = self.answers.open_rows(self.n_rows)
        return self.posteriors.state(self.answers, open_rows).with_pending(pending)

    def _of_others(self) -> list[int]:
        """Rows that are leased to other annotators."""
        return [row for row, who in self.run.leased().items() if who != self.who] if self.who else []

    def _pending(self) -> list[int]:
        """Rows asked about but not answered: the rest of an interrupted round, and undone ones."""
        asked = dict.fromkeys(row for record in self.records for row in record.asked)
        rows = [row for row in asked if self.answers.is_open(row)]
        return self._lease(rows, self.batch_size) if rows else rows

    def _next(self, left: int | None) -> list[int]:
        state = self._state_without(self._of_others())
        n = min(self.batch_size, len(state.candidates), self.n_rows if left is None else left)
        if n == 0:
            return []
        index = self.next_index
        rows = self._choose(state, n, np.random.default_rng([self.run.spec.seed, index]))
        try:
            self._record(index, rows, expected_gain=expected_gain(state, np.array(rows)))
        except RoundTaken:
            self.catch_up()
            return self.rows_to_ask(left)
        # if another annotator has just leased all of them, take other rows
        return self._lease(rows, n) or self._next(left)

    def _choose(self, state: PoolState, n: int, rng: np.random.Generator) -> list[int]:
        rows = np.asarray(self.strategy(state, n, rng))
        fits = rows.shape == (n,) and rows.dtype.kind in "iu" and len(np.unique(rows)) == n
        if not fits or not np.isin(rows, state.candidates).all():
            raise InvalidInput(
                f"Strategy {self.run.spec.strategy!r} must return {n} distinct row numbers out of "
                f"state.candidates; it returned {rows!r}."
            )
        return [int(row) for row in rows]

    def _lease(self, rows: list[int], n: int) -> list[int]:
        return self.run.lease(rows, n, self.who, LEASE_SECONDS) if self.who else rows

    # ---------------------------------------------------------------- measuring

    def _record(self, index: int, asked: list[int], **more: float) -> None:
        record = Round(index, len(self.answers), self.measure() | more, tuple(asked), self.answers.seq)
        self._write(index, record)
        self._shown = self.posteriors.of(self.answers)

    def _write(self, index: int, record: Round) -> None:
        self.run.add_round(record, replaces=self.records[index] if index < len(self.records) else None)
        self.records[index:] = [record]

    def measure(self) -> dict[str, float | int | None]:
        """Metrics of the current answers, with true labels if they are known."""
        index = self.next_index
        names, confidence = self.posteriors.of(self.answers).labels()
        scores: dict[str, float | int | None] = {}
        if self.labels_true is not None:
            scores |= evaluate(self.labels_true, names, confidence)
        scores["clusters"] = len(self.answers.clusters)
        scores |= self._expected(confidence)
        scores["agreement"] = agreement(self._labels_of(index - 1), names) if index else None
        self._labels_at = {i: kept for i, kept in self._labels_at.items() if i == index - 1}
        self._labels_at[index] = names, self.answers.seq
        return scores

    def _expected(self, confidence: np.ndarray) -> dict[str, float | int | None]:
        """The accuracy that the posterior expects, and the number of answers until it expects to reach the goal."""
        answered = len(self.answers)
        low, high = expected_interval(confidence, self.posteriors.prepared.views["diffusion"], answered)
        expected = float(confidence.mean()) if answered else None
        now = {"budget": answered, "expected_accuracy": expected}
        before = [{"budget": record.budget, **record.metrics} for record in self.records[: self.next_index]]
        return {
            "expected_accuracy": expected,
            "expected_low": low,
            "expected_high": high,
            "answers_to_goal": answers_to([*before, now]),
        }

    def _labels_of(self, index: int) -> np.ndarray:
        if index not in self._labels_at:  # resumed: the metrics of that round come from the store
            seq = self.records[index].last_seq
            self._labels_at[index] = self.posteriors.of(Anchors(self.run, seq)).labels()[0], seq
        names, seq = self._labels_at[index]
        return renamed(self.run, names, seq)

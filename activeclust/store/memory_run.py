"""One run in memory: the reference with which the other stores are compared in tests."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from activeclust.errors import RunNotFound
from activeclust.store.checks import (
    check_again,
    check_event,
    check_int,
    check_place,
    check_round,
    check_text,
    described,
)
from activeclust.store.outcomes import (
    ANSWERS,
    ON_CLUSTER,
    Outcome,
    Policy,
    RowState,
    admit,
    numbered,
    record,
)
from activeclust.store.records import (
    Anchor,
    Answer,
    Cluster,
    Event,
    Kind,
    Round,
    RunInfo,
    RunSpec,
    Snapshot,
    Vote,
)


class MemoryRun:
    """One run's log and its derived state, in dictionaries."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self._policy = Policy.of(spec.options)
        self._lock = threading.RLock()
        self._events: list[Event] = []
        self._undone: dict[int, int] = {}
        self._clients: dict[str, int] = {}
        self._states: dict[int, RowState] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._rounds: dict[int, Round] = {}
        self._leases: dict[tuple[int, str], float] = {}
        self._before: dict[int, tuple[RowState | None, Outcome | None]] = {}
        self._created = self._updated = datetime.now(timezone.utc)
        self._deleted = False

    # ---- the Transaction of activeclust.store.outcomes ----

    def states(self, rows: Collection[int]) -> dict[int, RowState]:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        return {row: self._states[row] for row in rows if row in self._states}

    def rows_voting(self, clusters: Collection[Cluster]) -> dict[Cluster, list[int]]:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        found: dict[Cluster, list[int]] = {cluster: [] for cluster in clusters}
        for row, state in self._states.items():
            for cluster in {vote.cluster for vote in state.votes.values()}:
                if cluster is not None and cluster in found:
                    found[cluster].append(row)
        return found

    def event(self, seq: int) -> Event | None:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        return self._events[seq - 1] if 0 < seq <= len(self._events) else None

    def undone_by(self, seq: int) -> int | None:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        return self._undone.get(seq)

    def history(self, row: int) -> list[Event]:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        return [
            event
            for event in self._events
            if event.kind is not Kind.UNDO
            and event.seq not in self._undone
            and (event.row is None or event.row == row)
        ]

    def operations(self) -> list[Event]:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        return [event for event in self._events if event.kind in ON_CLUSTER and event.seq not in self._undone]

    def given(self, seqs: Collection[int]) -> dict[int, Event]:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        return {seq: self._events[seq - 1] for seq in seqs}

    def put(self, row: int, state: RowState, outcome: Outcome | None) -> None:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        self._before.setdefault(row, (self._states.get(row), self._outcomes.get(row)))
        self._set(row, state, outcome)

    def _set(self, row: int, state: RowState | None, outcome: Outcome | None) -> None:
        if state is None or outcome is None:
            self._states.pop(row, None)
            self._outcomes.pop(row, None)
        else:
            self._states[row], self._outcomes[row] = state, outcome

    # ---- writing ----

    def append(self, event: Event) -> Event:
        """Write one event and return it with seq and at."""
        return self.extend([event])[0]

    def extend(self, events: Iterable[Event]) -> list[Event]:
        """Write several events: all or none."""
        checked = [check_event(event, self.spec.n_rows, self.spec.options.get("classes")) for event in events]
        with self._lock:
            self._alive()
            length, self._before = len(self._events), {}
            try:
                written = [self._write(event) for event in checked]
            except BaseException:
                self._roll_back(length)
                raise
            for event in self._events[length:]:
                if event.row is not None:
                    self._leases.pop((event.row, event.annotator), None)
            self._updated = datetime.now(timezone.utc)
            return written

    def _write(self, event: Event) -> Event:
        if event.client_id is not None and (seq := self._clients.get(event.client_id)):
            return check_again(self._events[seq - 1], event)
        admit(event, self)
        event = numbered(event, len(self._events) + 1)
        self._events.append(event)
        if event.client_id is not None:
            self._clients[event.client_id] = len(self._events)
        if event.target is not None:
            self._undone[event.target] = len(self._events)
        record(event, self, self._policy)
        return event

    def _roll_back(self, length: int) -> None:
        del self._events[length:]
        self._undone = {target: by for target, by in self._undone.items() if by <= length}
        self._clients = {client: seq for client, seq in self._clients.items() if seq <= length}
        for row, (state, outcome) in self._before.items():
            self._set(row, state, outcome)

    def add_round(self, record: Round, *, replaces: Round | None = None) -> None:
        """Write one round; if its index is in use, it must replace ``replaces``."""
        record = check_round(record, self.spec.n_rows)
        with self._lock:
            self._alive()
            if check_place(record, self._rounds.get(record.index), replaces):
                self._rounds[record.index] = record
                self._updated = datetime.now(timezone.utc)

    def describe(self, spec: RunSpec) -> None:
        """Set the rows and settings of a run that was imported as answers only."""
        with self._lock:
            self._alive()
            self.spec = described(self.spec, spec)

    def _alive(self) -> None:
        if self._deleted:
            raise RunNotFound(f"Run {self.spec.name!r} has been deleted.")

    # ---- reading ----

    @property
    def last_seq(self) -> int:
        """Number of the newest event."""
        return len(self._events)

    def anchors(self) -> list[Anchor]:
        """Current anchors in the order in which their rows were first answered."""
        return list(self.snapshot().anchors)

    def withdrawn(self) -> dict[int, Kind]:
        """Rows that are not asked about again although they are not anchors."""
        return dict(self.snapshot().withdrawn)

    def snapshot(self, at: int | None = None) -> Snapshot:
        """Anchors, withdrawn rows and the last event's number in a consistent state."""
        with self._lock:
            if at is not None and at < len(self._events):
                past = MemoryRun(self.spec)
                past.extend(self._events[: max(at, 0)])
                return past.snapshot()
            outcomes = self._ordered()
            return Snapshot(
                tuple(outcome.anchor() for outcome in outcomes if outcome.kind is Kind.LABEL),
                {outcome.row: outcome.kind for outcome in outcomes if outcome.kind is not Kind.LABEL},
                len(self._events),
            )

    def _ordered(self) -> list[Outcome]:
        return sorted(self._outcomes.values(), key=lambda outcome: outcome.first)

    def votes(self, rows: Sequence[int] | None = None) -> list[Vote]:
        """Everybody's current answers."""
        with self._lock:
            wanted = None if rows is None else set(rows)
            return [
                vote
                for outcome in self._ordered()
                if wanted is None or outcome.row in wanted
                for vote in self._states[outcome.row].ordered()
            ]

    def unfinished(self, annotator: str) -> list[int]:
        """Rows that still need an answer of this annotator, oldest first."""
        with self._lock:
            return [outcome.row for outcome in self._ordered() if self._wants(outcome.row, annotator)]

    def _wants(self, row: int, annotator: str) -> bool:
        votes = self._states[row].votes if row in self._states else {}
        if any(review for _, review in votes) or (annotator, False) in votes:
            return False
        return len(votes) < self._policy.annotators

    def events(self, after: int = 0) -> list[Event]:
        """The log from the first event with seq > after."""
        with self._lock:
            return self._events[max(after, 0) :]

    def stream(self, after: int = 0) -> Iterator[Event]:
        """The same, as an iterator."""
        return iter(self.events(after))

    def answers(self) -> Iterator[Answer]:
        """An iterator over the current answers of all annotators, in a consistent state."""
        with self._lock:
            counted = {outcome.seq for outcome in self._outcomes.values() if outcome.kind is Kind.LABEL}
            votes = self.votes()
            given = self.given([vote.seq for vote in votes])
        for vote in votes:
            event = given[vote.seq]
            counts = vote.seq in counted
            yield Answer(vote.row, vote.kind, vote.cluster, vote.annotator, event.at, counts, event.details)

    def find(
        self,
        *,
        seqs: Sequence[int] | None = None,
        targets: Sequence[int] | None = None,
        client_prefix: str | None = None,
        noted: str | None = None,
    ) -> list[Event]:
        """The events that fulfil all given conditions, oldest first."""
        with self._lock:
            return [
                event
                for event in self._events
                if (seqs is None or event.seq in seqs)
                and (targets is None or event.target in targets)
                and (client_prefix is None or _begins(event.client_id, client_prefix))
                and (noted is None or noted in event.details)
            ]

    def recent(self, n: int, before: int | None = None) -> list[Event]:
        """The newest events except UNDO, newest first."""
        with self._lock:
            earlier = reversed(self._events[: None if before is None else max(before - 1, 0)])
            return list(itertools.islice((event for event in earlier if event.kind is not Kind.UNDO), n))

    def last_undoable(self, annotator: str | None = None) -> Event | None:
        """The newest LABEL, SKIP or UNSURE that has not been undone."""
        with self._lock:
            for event in reversed(self._events):
                mine = annotator is None or event.annotator == annotator
                if mine and event.kind in ANSWERS and event.seq not in self._undone:
                    return event
            return None

    def rounds(self) -> list[Round]:
        """All rounds by index."""
        with self._lock:
            return [self._rounds[index] for index in sorted(self._rounds)]

    def info(self) -> RunInfo:
        """The run's entry in the list of runs."""
        with self._lock:
            state, rounds = self.snapshot(), self.rounds()
            return RunInfo(
                spec=replace(self.spec, row_ids=None),
                created_at=self._created,
                updated_at=self._updated,
                n_anchors=len(state.anchors),
                n_clusters=len(state.clusters),
                n_rounds=len(rounds),
                last_metrics=rounds[-1].metrics if rounds else {},
            )

    # ---- leases ----

    def lease(self, rows: Sequence[int], n: int, annotator: str, seconds: float) -> list[int]:
        """Lease up to n of the rows to the annotator."""
        annotator = check_text(annotator, "An annotator's name", blank=True)
        wanted = [check_int(row, "A row", 0, self.spec.n_rows) for row in rows]
        with self._lock:
            self._alive()
            self._expire()
            free = [row for row in dict.fromkeys(wanted) if self._free(row, annotator)][: max(n, 0)]
            for row in free:
                self._leases[row, annotator] = time.monotonic() + seconds
            return free

    def _free(self, row: int, annotator: str) -> bool:
        others = sum(1 for held, who in self._leases if held == row and who != annotator)
        given = len(self._states[row].votes) if row in self._states else 0
        return self._wants(row, annotator) and given + others < self._policy.annotators

    def leased(self, annotator: str | None = None) -> dict[int, str]:
        """Rows with a valid lease, and the annotators who hold them."""
        with self._lock:
            self._expire()
            return {row: who for row, who in sorted(self._leases) if annotator in (None, who)}

    def _expire(self) -> None:
        now = time.monotonic()
        self._leases = {key: end for key, end in self._leases.items() if end > now}

    def release(self, annotator: str, rows: Sequence[int] | None = None) -> None:
        """Give leases back."""
        with self._lock:
            wanted = None if rows is None else set(rows)
            for row, who in list(self._leases):
                if who == annotator and (wanted is None or row in wanted):
                    del self._leases[row, who]


def _begins(client_id: str | None, prefix: str) -> bool:
    return client_id is not None and client_id.startswith(prefix)

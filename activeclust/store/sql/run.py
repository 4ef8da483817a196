"""One run in a database."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.errors import StoreUnavailable
from activeclust.store.checks import NAME_LIMIT, check_event, check_round, check_text, described
from activeclust.store.outcomes import ANSWERS, Policy
from activeclust.store.records import (
    Anchor,
    AnchorColumns,
    Answer,
    Event,
    Kind,
    Round,
    RunSpec,
    Snapshot,
    Vote,
)
from activeclust.store.sql.checksums import damaged, summed
from activeclust.store.sql.engine import transaction
from activeclust.store.sql.leases import give_back, held, take, wants
from activeclust.store.sql.queries import (
    CHUNK,
    chunks,
    find_events,
    given_events,
    not_undone,
    select_events,
    select_rounds,
    select_votes,
    to_event,
    to_round,
    to_vote,
)
from activeclust.store.sql.rewind import rewound
from activeclust.store.sql.run_lines import lock_run, run_line, sound_spec
from activeclust.store.sql.schema import annotator, event, outcome, vote
from activeclust.store.sql.standing import Standing, read_standing
from activeclust.store.sql.transaction import RunTransaction

if TYPE_CHECKING:
    from activeclust.store.sql.store import SqlStore

_AT_ONCE = 10_000  #: number of events that are fetched together
_LABEL = Kind.LABEL


class SqlRun:
    """One run's events, anchors, rounds and leases; every method that writes has committed when it returns."""

    def __init__(self, store: SqlStore, run_id: int, spec: RunSpec) -> None:
        self.spec = spec
        self._store, self._engine, self._id = store, store.engine, run_id
        self._policy = Policy.of(spec.options)
        self._annotators: dict[str, int] = {}
        self._acknowledged = 0  # the newest event that this object has written

    def __reduce__(self) -> tuple[Callable[..., SqlRun], tuple[Any, ...]]:
        return _reopen, (self._store, self.spec.name)

    # ---- writing ----

    def append(self, event: Event) -> Event:
        """Write one event durably, and return it with seq and at."""
        return self.extend([event])[0]

    def extend(self, events: Iterable[Event]) -> list[Event]:
        """Write several events in one transaction: all or none."""
        checked = [check_event(event, self.spec.n_rows, self.spec.options.get("classes")) for event in events]
        with self._changing() as changes:
            return changes.write(checked)

    def add_round(self, record: Round, *, replaces: Round | None = None) -> None:
        """Write one round; if its index is in use, it must replace ``replaces``."""
        record = check_round(record, self.spec.n_rows)
        with self._changing() as changes:
            changes.add_round(record, replaces=replaces)

    def describe(self, spec: RunSpec) -> None:
        """Set the rows and settings of a run that was imported as answers only."""
        with self._changing() as changes:
            changes.describe(described(changes.spec, spec))
        self.spec = changes.spec

    @contextmanager
    def _changing(self) -> Iterator[RunTransaction]:
        """A transaction that locks this run for other writers, committed at the end."""
        with transaction(self._engine, write=True) as connection:
            lock_run(connection, self._id)
            line = run_line(connection, self._id, self.spec.name)
            changes = RunTransaction(connection, line, self._policy, self._annotators)
            if changes.last_seq < self._acknowledged:
                raise StoreUnavailable(
                    f"Run {self.spec.name!r} held {self._acknowledged} events and holds {changes.last_seq} now: "
                    "an older copy of the database has been put in its place. Nothing was written; start again "
                    "to go on from there."
                )
            yield changes
            changes.finish()
        self.spec, self._acknowledged = self._with_ids(changes.spec), changes.last_seq
        self._annotators = changes.annotators  # committed, and numbers never change

    def _look(self, connection: Connection) -> Any:
        """This run's line, after its check."""
        line = run_line(connection, self._id, self.spec.name)
        self.spec = self._with_ids(sound_spec(line))
        return line

    def _with_ids(self, spec: RunSpec) -> RunSpec:
        """The ids of the rows are as long as the data, and read once."""
        return replace(spec, row_ids=self.spec.row_ids)

    # ---- reading ----

    def _read(self, query: Any) -> Sequence[Any]:
        with transaction(self._engine, write=False) as connection:
            return connection.execute(query).all()

    @property
    def last_seq(self) -> int:
        """Number of the newest event."""
        with transaction(self._engine, write=False) as connection:
            return self._look(connection).last_seq

    def anchors(self) -> list[Anchor]:
        """Current anchors in the order in which their rows were first answered."""
        return list(self.snapshot().anchors)

    def withdrawn(self) -> dict[int, Kind]:
        """Rows that are not asked about again although they are not anchors."""
        return dict(self.snapshot().withdrawn)

    def snapshot(self, at: int | None = None) -> Snapshot:
        """Anchors, withdrawn rows and the last event's number in a consistent state."""
        with transaction(self._engine, write=False) as connection:
            line = self._look(connection)
            where = connection, self._id, self.spec.name
            parts: Iterable[Standing] = read_standing(*where, line.last_seq, line.outcomes)
            if at is None or at >= line.last_seq:
                return _snapshot(parts, line.last_seq)
            at = max(at, 0)
            return _snapshot([rewound(*where, self._policy, parts, line.last_seq, at)], at)

    def _complete(self, lines: Sequence[Any], total: int, what: str) -> None:
        """Raise ForeignDatabase if lines are missing or doubled; a line's checksum is its last column."""
        if summed(line[-1] for line in lines) != total:
            raise damaged(f"of {what} in run {self.spec.name!r} something is missing or doubled")

    def votes(self, rows: Sequence[int] | None = None) -> list[Vote]:
        """Everybody's current answers."""
        if rows is None:
            with transaction(self._engine, write=False) as connection:
                total = self._look(connection).votes
                lines = connection.execute(select_votes(self._id)).all()
            self._complete(lines, total, "the annotators' answers")
            return [to_vote(line) for line in lines]
        found: list[Any] = []
        for some in chunks(sorted(set(rows))):
            found += self._read(select_votes(self._id).where(vote.c.row.in_(some)))
        return [to_vote(line) for line in sorted(found, key=lambda line: (line[5], line[4]))]

    def unfinished(self, annotator: str) -> list[int]:
        """Rows that still need an answer of this annotator, oldest first."""
        if self._policy.annotators == 1:
            return []
        wanted = wants(self._id, outcome.c.row, annotator, self._policy)
        query = sa.select(outcome.c.row).where(outcome.c.run_id == self._id, *wanted)
        return [line[0] for line in self._read(query.order_by(outcome.c.first))]

    def events(self, after: int = 0) -> list[Event]:
        """The log from the first event with seq > after."""
        return list(self.stream(after))

    def stream(self, after: int = 0) -> Iterator[Event]:
        """The same, as an iterator: a log may be larger than memory."""
        after = max(after, 0)
        with transaction(self._engine, write=False) as connection:
            last_seq = self._look(connection).last_seq
            query = select_events(self._id).where(event.c.seq > after)
            with connection.execution_options(yield_per=_AT_ONCE).execute(query) as lines:
                for line in lines:
                    found = to_event(line, self.spec.name)
                    after += 1
                    if found.seq != after:
                        break
                    yield found
        if after < last_seq:
            raise damaged(f"event {after + 1} of run {self.spec.name!r} is gone")

    def answers(self) -> Iterator[Answer]:
        """An iterator over the current answers of all annotators, in a consistent state."""
        checksums = 0
        with transaction(self._engine, write=False) as connection:
            total = self._look(connection).votes
            query = select_votes(self._id).add_columns(outcome.c.seq, outcome.c.kind)
            with connection.execution_options(yield_per=_AT_ONCE).execute(query) as found:
                for lines in found.partitions(CHUNK):
                    yield from self._with_events(connection, lines)
                    checksums = summed((line[8] for line in lines), checksums)
        if checksums != total:
            raise damaged(f"of the annotators' answers in run {self.spec.name!r} something is missing")

    def _with_events(self, connection: Connection, lines: Sequence[Any]) -> Iterator[Answer]:
        votes = [to_vote(line[:9]) for line in lines]
        events = given_events(connection, self._id, self.spec.name, [vote.seq for vote in votes])
        for item, line in zip(votes, lines, strict=True):
            event, counts = events.get(item.seq), line[9] == item.seq and line[10] is Kind.LABEL
            if event is None:
                raise damaged(f"event {item.seq} of run {self.spec.name!r} is gone")
            yield Answer(item.row, item.kind, item.cluster, item.annotator, event.at, counts, event.details)

    def find(
        self,
        *,
        seqs: Sequence[int] | None = None,
        targets: Sequence[int] | None = None,
        client_prefix: str | None = None,
        noted: str | None = None,
    ) -> list[Event]:
        """The events that fulfil all given conditions, oldest first."""
        with transaction(self._engine, write=False) as connection:
            return find_events(connection, self._id, self.spec.name, seqs, targets, client_prefix, noted)

    def recent(self, n: int, before: int | None = None) -> list[Event]:
        """The newest events except UNDO, newest first."""
        query = select_events(self._id).where(event.c.kind != Kind.UNDO)
        if before is not None:
            query = query.where(event.c.seq < before)
        found = self._read(query.order_by(None).order_by(event.c.seq.desc()).limit(n))
        return [to_event(line, self.spec.name) for line in found]

    def last_undoable(self, annotator: str | None = None) -> Event | None:
        """The newest LABEL, SKIP or UNSURE that has not been undone."""
        query = select_events(self._id).where(event.c.kind.in_(ANSWERS), not_undone(self._id))
        if annotator is not None:
            query = query.where(_is_of(annotator))
        found = self._read(query.order_by(None).order_by(event.c.seq.desc()).limit(1))
        return to_event(found[0], self.spec.name) if found else None

    def rounds(self) -> list[Round]:
        """All rounds by index."""
        with transaction(self._engine, write=False) as connection:
            total = self._look(connection).rounds
            lines = connection.execute(select_rounds(self._id)).all()
        self._complete(lines, total, "the rounds")
        return [to_round(line) for line in lines]

    # ---- leases ----

    def lease(self, rows: Sequence[int], n: int, annotator: str, seconds: float) -> list[int]:
        """Lease up to n of the rows to the annotator."""
        annotator = check_text(annotator, "An annotator's name", limit=NAME_LIMIT, blank=True)
        with transaction(self._engine, write=True) as connection:
            lock_run(connection, self._id)
            self._look(connection)
            return take(connection, self._id, self.spec.n_rows, self._policy, rows, n, annotator, seconds)

    def leased(self, annotator: str | None = None) -> dict[int, str]:
        """Rows with a valid lease, and the annotators who hold them."""
        with transaction(self._engine, write=False) as connection:
            return held(connection, self._id, annotator)

    def release(self, annotator: str, rows: Sequence[int] | None = None) -> None:
        """Give leases back."""
        with transaction(self._engine, write=True) as connection:
            give_back(connection, self._id, annotator, rows)


def _snapshot(parts: Iterable[Standing], last_seq: int) -> Snapshot:
    columns: tuple[list[Any], ...] = ([], [], [], [])
    withdrawn: dict[int, Kind] = {}
    for part in parts:
        is_label = [kind is _LABEL for kind in part.kinds]
        for column, more in zip(columns, part, strict=False):
            column += itertools.compress(more, is_label)
        others = zip(part.rows, part.kinds, is_label, strict=True)
        withdrawn.update((row, kind) for row, kind, label in others if not label)
    return Snapshot(AnchorColumns(*columns), withdrawn, last_seq)


def _reopen(store: SqlStore, name: str) -> SqlRun:
    return store.open_run(name)


def _is_of(name: str) -> sa.ColumnElement[bool]:
    return annotator.c.name == name

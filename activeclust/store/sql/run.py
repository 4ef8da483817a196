"""One run in a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.errors import RunNotFound
from activeclust.store.base import Anchor, Event, Kind, Round, RunSpec, Snapshot, Vote
from activeclust.store.checks import NAME_LIMIT, check_event, check_place, check_round, check_text
from activeclust.store.outcomes import ANSWERS, Policy
from activeclust.store.sql.engine import transaction
from activeclust.store.sql.leases import give_back, held, take, wants
from activeclust.store.sql.queries import (
    chunks,
    find_events,
    not_undone,
    select_events,
    select_outcomes,
    select_rounds,
    select_votes,
    to_event,
    to_round,
    to_vote,
)
from activeclust.store.sql.rewind import rewound
from activeclust.store.sql.schema import annotator, event, outcome, round_, run, vote
from activeclust.store.sql.transaction import RunTransaction

if TYPE_CHECKING:
    from activeclust.store.sql.store import SqlStore

_LOCK = sa.select(run.c.last_seq).where(run.c.id == sa.bindparam("the_run")).with_for_update()
_TOUCH = run.update().where(run.c.id == sa.bindparam("the_run")).values(updated_at=sa.bindparam("now"))
_APPENDED = _TOUCH.values(last_seq=sa.bindparam("last"))
_OUTCOMES = select_outcomes()
_LABEL = Kind.LABEL


class SqlRun:
    """One run's events, anchors, rounds and leases; what writes has committed when it returns."""

    def __init__(self, store: SqlStore, run_id: int, spec: RunSpec) -> None:
        self.spec = spec
        self._store, self._engine, self._id = store, store.engine, run_id
        self._policy = Policy.of(spec.options)
        self._annotators: dict[str, int] = {}

    def __reduce__(self) -> tuple[Callable[..., SqlRun], tuple[Any, ...]]:
        return _reopen, (self._store, self.spec.name)

    # ---- writing ----

    def append(self, event: Event) -> Event:
        """Write one event, durably, and give it back with seq and at."""
        return self.extend([event])[0]

    def extend(self, events: Iterable[Event]) -> list[Event]:
        """Write several events in one transaction: all or none."""
        checked = [check_event(event, self.spec.n_rows) for event in events]
        with transaction(self._engine, write=True) as connection:
            last_seq = self._lock(connection)
            changes = RunTransaction(connection, self._id, last_seq, self._policy, self._annotators)
            written = changes.write(checked)
            changes.flush()
            now = datetime.now(timezone.utc)
            connection.execute(_APPENDED, {"the_run": self._id, "now": now, "last": changes.last_seq})
        self._annotators = changes.annotators  # committed, and nobody's number ever changes
        return written

    def add_round(self, record: Round, *, replaces: Round | None = None) -> None:
        """Write one round, in the place of ``replaces`` where its index is taken."""
        record = check_round(record, self.spec.n_rows)
        here = (round_.c.run_id == self._id) & (round_.c.index == record.index)
        line = {
            "budget": record.budget,
            "metrics": record.metrics,
            "asked": record.asked,
            "last_seq": record.last_seq,
        }
        with transaction(self._engine, write=True) as connection:
            self._lock(
                connection
            )  # other writers wait, so what is read now is still there when it is replaced
            found = connection.execute(select_rounds(self._id).where(here)).first()
            if not check_place(record, None if found is None else to_round(found), replaces):
                return
            if found is None:
                connection.execute(round_.insert().values(run_id=self._id, index=record.index, **line))
            else:
                connection.execute(round_.update().where(here).values(**line))
            connection.execute(_TOUCH, {"the_run": self._id, "now": datetime.now(timezone.utc)})

    def _lock(self, connection: Connection) -> int:
        """Keep other writers of this run out until the end of the transaction; the last event's number."""
        found = connection.execute(_LOCK, {"the_run": self._id}).scalar()
        if found is None:
            raise RunNotFound(f"Run {self.spec.name!r} has been deleted.")
        return found

    # ---- reading ----

    def _read(self, query: Any) -> Sequence[Any]:
        with transaction(self._engine, write=False) as connection:
            return connection.execute(query).all()

    @property
    def last_seq(self) -> int:
        """Number of the newest event."""
        found = self._read(sa.select(run.c.last_seq).where(run.c.id == self._id))
        if not found:
            raise RunNotFound(f"Run {self.spec.name!r} has been deleted.")
        return found[0][0]

    def anchors(self) -> list[Anchor]:
        """Current anchors in the order their rows were first answered."""
        return list(self.snapshot().anchors)

    def withdrawn(self) -> dict[int, Kind]:
        """Rows not to be asked again though they are no anchors."""
        return dict(self.snapshot().withdrawn)

    def snapshot(self, at: int | None = None) -> Snapshot:
        """Anchors, withdrawn rows and the last event's number, all of one moment."""
        with transaction(self._engine, write=False) as connection:
            last_seq = connection.execute(sa.select(run.c.last_seq).where(run.c.id == self._id)).scalar()
            if last_seq is None:
                raise RunNotFound(f"Run {self.spec.name!r} has been deleted.")
            lines: Sequence[Any] = connection.execute(_OUTCOMES, {"the_run": self._id}).all()
            if at is not None and at < last_seq:
                last_seq = max(at, 0)
                lines = rewound(connection, self._id, self._policy, lines, last_seq)
        return Snapshot(
            tuple(
                Anchor(row, cluster, who, seq) for row, cluster, who, seq, kind, _ in lines if kind is _LABEL
            ),
            {row: kind for row, _, _, _, kind, _ in lines if kind is not _LABEL},
            last_seq,
        )

    def votes(self, rows: Sequence[int] | None = None) -> list[Vote]:
        """Everybody's current answers."""
        if rows is None:
            return [to_vote(line) for line in self._read(select_votes(self._id))]
        found: list[Any] = []
        for some in chunks(sorted(set(rows))):
            found += self._read(select_votes(self._id).where(vote.c.row.in_(some)))
        return [to_vote(line) for line in sorted(found, key=lambda line: (line[5], line[4]))]

    def unfinished(self, annotator: str) -> list[int]:
        """Rows that still want an answer of this annotator, oldest first."""
        if self._policy.annotators == 1:
            return []
        wanted = wants(self._id, outcome.c.row, annotator, self._policy)
        query = sa.select(outcome.c.row).where(outcome.c.run_id == self._id, *wanted)
        return [line[0] for line in self._read(query.order_by(outcome.c.first))]

    def events(self, after: int = 0) -> list[Event]:
        """The log from the first event with seq > after."""
        return [to_event(line) for line in self._read(select_events(self._id).where(event.c.seq > after))]

    def find(
        self,
        *,
        seqs: Sequence[int] | None = None,
        targets: Sequence[int] | None = None,
        client_prefix: str | None = None,
    ) -> list[Event]:
        """The events that fulfil every condition given, oldest first."""
        with transaction(self._engine, write=False) as connection:
            return find_events(connection, self._id, seqs, targets, client_prefix)

    def last_undoable(self, annotator: str | None = None) -> Event | None:
        """The newest LABEL, SKIP or UNSURE that has not been undone."""
        query = select_events(self._id).where(event.c.kind.in_(ANSWERS), not_undone(self._id))
        if annotator is not None:
            query = query.where(_is_of(annotator))
        found = self._read(query.order_by(None).order_by(event.c.seq.desc()).limit(1))
        return to_event(found[0]) if found else None

    def rounds(self) -> list[Round]:
        """All rounds by index."""
        return [to_round(line) for line in self._read(select_rounds(self._id))]

    # ---- leases ----

    def lease(self, rows: Sequence[int], n: int, annotator: str, seconds: float) -> list[int]:
        """Reserve for annotator up to n of rows."""
        annotator = check_text(annotator, "An annotator's name", limit=NAME_LIMIT, blank=True)
        with transaction(self._engine, write=True) as connection:
            self._lock(connection)
            return take(connection, self._id, self.spec.n_rows, self._policy, rows, n, annotator, seconds)

    def leased(self, annotator: str | None = None) -> dict[int, str]:
        """Rows under a lease that has not expired, with who holds them."""
        with transaction(self._engine, write=False) as connection:
            return held(connection, self._id, annotator)

    def release(self, annotator: str, rows: Sequence[int] | None = None) -> None:
        """Give leases back."""
        with transaction(self._engine, write=True) as connection:
            give_back(connection, self._id, annotator, rows)


def _reopen(store: SqlStore, name: str) -> SqlRun:
    return store.open_run(name)


def _is_of(name: str) -> sa.ColumnElement[bool]:
    return annotator.c.name == name

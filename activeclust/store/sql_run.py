"""One run in a database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from activeclust.errors import RunNotFound
from activeclust.store.base import Anchor, Event, Kind, Round, RunSpec, Snapshot, Vote
from activeclust.store.checks import NAME_LIMIT, check_event, check_int, check_round, check_text
from activeclust.store.engine import transaction
from activeclust.store.events import ANSWERS, Policy
from activeclust.store.ledger import (
    SqlLedger,
    annotator_id,
    chunks,
    insert,
    not_undone,
    select_events,
    select_votes,
    to_event,
    to_vote,
)
from activeclust.store.schema import annotator, event, lease, outcome, round_, run, vote

if TYPE_CHECKING:
    from activeclust.store.sql import SqlStore

_LOCK = sa.select(run.c.last_seq).where(run.c.id == sa.bindparam("the_run")).with_for_update()
_TOUCH = run.update().where(run.c.id == sa.bindparam("the_run")).values(updated_at=sa.bindparam("now"))
_APPENDED = _TOUCH.values(last_seq=sa.bindparam("last"))
_LARGEST_CHUNK = 8192
_LEASE_CHUNK = 64  #: rows looked at in a first statement, which is nearly always enough


class SqlRun:
    """One run's events, anchors, rounds and leases; what writes has committed when it returns."""

    def __init__(self, store: SqlStore, run_id: int, spec: RunSpec) -> None:
        self.spec = spec
        self._store, self._engine, self._id = store, store.engine, run_id
        self._policy = Policy.of(spec.options)

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
            ledger = SqlLedger(connection, self._id, self._lock(connection), self._policy)
            written = ledger.write(checked)
            ledger.flush()
            now = datetime.now(timezone.utc)
            connection.execute(_APPENDED, {"the_run": self._id, "now": now, "last": ledger.last_seq})
        return written

    def add_round(self, record: Round) -> None:
        """Write one round; one of the same index is replaced."""
        record = check_round(record, self.spec.n_rows)
        line = {
            "budget": record.budget,
            "metrics": record.metrics,
            "asked": record.asked,
            "last_seq": record.last_seq,
        }
        with transaction(self._engine, write=True) as connection:
            self._lock(connection)
            put = insert(connection, round_).on_conflict_do_update(
                index_elements=["run_id", "index"], set_=line
            )
            connection.execute(put.values(run_id=self._id, index=record.index, **line))
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

    def snapshot(self) -> Snapshot:
        """Anchors, withdrawn rows and the last event's number, all of one moment."""
        o = outcome.c
        query = (
            sa.select(o.row, o.cluster, annotator.c.name, o.seq, o.kind)
            .outerjoin(annotator, annotator.c.id == o.annotator_id)
            .where(o.run_id == self._id)
            .order_by(o.first)
        )
        with transaction(self._engine, write=False) as connection:
            last_seq = connection.execute(sa.select(run.c.last_seq).where(run.c.id == self._id)).scalar()
            lines = connection.execute(query).all()
        if last_seq is None:
            raise RunNotFound(f"Run {self.spec.name!r} has been deleted.")
        return Snapshot(
            tuple(Anchor(*line[:4]) for line in lines if line[4] is Kind.LABEL),
            {line[0]: line[4] for line in lines if line[4] is not Kind.LABEL},
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
        wanted = self._wants(outcome.c.row, annotator)
        query = sa.select(outcome.c.row).where(outcome.c.run_id == self._id, *wanted)
        return [line[0] for line in self._read(query.order_by(outcome.c.first))]

    def _wants(self, row: Any, name: str) -> tuple[Any, Any]:
        """Conditions: not answered by the annotator, not reviewed, and answers are short."""
        here = (vote.c.run_id == self._id) & (vote.c.row == row)
        mine = sa.exists().where(here, annotator.c.id == vote.c.annotator_id, annotator.c.name == name)
        return ~mine & ~sa.exists().where(here, vote.c.review), _count(vote, here) < self._policy.annotators

    def events(self, after: int = 0) -> list[Event]:
        """The log from the first event with seq > after."""
        return [to_event(line) for line in self._read(select_events(self._id).where(event.c.seq > after))]

    def last_undoable(self, annotator: str | None = None) -> Event | None:
        """The newest LABEL, SKIP or UNSURE that has not been undone."""
        query = select_events(self._id).where(event.c.kind.in_(ANSWERS), not_undone(self._id))
        if annotator is not None:
            query = query.where(_named(annotator))
        found = self._read(query.order_by(None).order_by(event.c.seq.desc()).limit(1))
        return to_event(found[0]) if found else None

    def rounds(self) -> list[Round]:
        """All rounds by index."""
        r = round_.c
        query = sa.select(r.index, r.budget, r.metrics, r.asked, r.last_seq).where(r.run_id == self._id)
        return [
            Round(index, budget, metrics, tuple(asked), last_seq)
            for index, budget, metrics, asked, last_seq in self._read(query.order_by(r.index))
        ]

    # ---- leases ----

    def lease(self, rows: Sequence[int], n: int, annotator: str, seconds: float) -> list[int]:
        """Reserve for annotator up to n of rows."""
        annotator = check_text(annotator, "An annotator's name", limit=NAME_LIMIT, blank=True)
        free: list[int] = []
        with transaction(self._engine, write=True) as connection:
            self._lock(connection)
            who = annotator_id(connection, annotator)
            expired = (lease.c.run_id == self._id) & (lease.c.expires <= _now(connection))
            connection.execute(lease.delete().where(expired))
            start, size = 0, max(_LEASE_CHUNK, 2 * n)
            while start < len(rows) and len(free) < n:
                given = [check_int(row, "A row", 0, self.spec.n_rows) for row in rows[start : start + size]]
                wanted = list(dict.fromkeys(given))
                free += self._take(connection, wanted, n - len(free), annotator, who, seconds)
                start, size = start + size, min(8 * size, _LARGEST_CHUNK)
        return list(dict.fromkeys(free))

    def _take(
        self, connection: Connection, rows: list[int], n: int, name: str, who: int, seconds: float
    ) -> list[int]:
        """One statement: reserve the first ``n`` free ones of ``rows``."""
        place, row, source = _listed(connection, rows)
        other = lease.alias()
        theirs = (other.c.run_id == self._id) & (other.c.row == row) & (other.c.annotator_id != who)
        given = _count(vote, (vote.c.run_id == self._id) & (vote.c.row == row))
        free = (
            sa.select(sa.literal(self._id), row, sa.literal(who), _now(connection) + seconds)
            .select_from(source)
            .where(*self._wants(row, name), given + _count(other, theirs) < self._policy.annotators)
            .order_by(place)
            .limit(n)
        )
        take = insert(connection, lease).from_select(["run_id", "row", "annotator_id", "expires"], free)
        take = take.on_conflict_do_update(
            index_elements=["run_id", "row", "annotator_id"], set_={"expires": take.excluded.expires}
        )
        taken = set(connection.execute(take.returning(lease.c.row)).scalars())
        return [row for row in rows if row in taken]

    def leased(self, annotator: str | None = None) -> dict[int, str]:
        """Rows under a lease that has not expired, with who holds them."""
        return {line[0]: line[1] for line in self._leases(annotator)}

    def _leases(self, name: str | None) -> Sequence[Any]:
        with transaction(self._engine, write=False) as connection:
            query = (
                sa.select(lease.c.row, annotator.c.name)
                .join(annotator, annotator.c.id == lease.c.annotator_id)
                .where(lease.c.run_id == self._id, lease.c.expires > _now(connection))
                .order_by(lease.c.row, annotator.c.name)
            )
            return connection.execute(query if name is None else query.where(_named(name))).all()

    def release(self, annotator: str, rows: Sequence[int] | None = None) -> None:
        """Give leases back."""
        with transaction(self._engine, write=True) as connection:
            mine = (lease.c.run_id == self._id) & (
                lease.c.annotator_id == annotator_id(connection, annotator)
            )
            if rows is None:
                connection.execute(lease.delete().where(mine))
            for some in chunks([] if rows is None else [int(row) for row in rows]):
                connection.execute(lease.delete().where(mine, lease.c.row.in_(some)))


def _reopen(store: SqlStore, name: str) -> SqlRun:
    return store.open_run(name)


def _named(name: str) -> Any:
    return annotator.c.name == name


def _count(table: Any, where: Any) -> Any:
    return sa.select(sa.func.count()).select_from(table).where(where).scalar_subquery()


def _now(connection: Connection) -> Any:
    """Seconds since 1970 by the database's clock: people's computers differ."""
    if connection.dialect.name == "sqlite":
        return (sa.func.julianday("now", type_=sa.Float) - 2440587.5) * 86400.0
    return sa.func.date_part("epoch", sa.func.clock_timestamp(), type_=sa.Float)


def _listed(connection: Connection, rows: list[int]) -> tuple[Any, Any, Any]:
    """``rows`` as a table: (its position column, its row column, the table)."""
    text = json.dumps(rows)
    if connection.dialect.name == "sqlite":
        table = sa.func.json_each(text).table_valued("key", "value")
        return table.c.key, table.c.value, table
    values = sa.func.jsonb_array_elements_text(sa.cast(sa.literal(text, sa.Text), postgresql.JSONB))
    listed = values.table_valued("value", with_ordinality="key", name="listed").render_derived()
    return listed.c.key, sa.cast(listed.c.value, sa.BigInteger), listed

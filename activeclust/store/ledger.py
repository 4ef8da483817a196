"""One run inside one write transaction: what :func:`activeclust.store.events.record` reads and changes.

Rows are kept here while the transaction runs and written at its end, so that thousands of events cost
a handful of statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from activeclust.store.base import Cluster, Event, Kind, Vote
from activeclust.store.checks import check_again
from activeclust.store.events import Outcome, Policy, RowState, admit, record
from activeclust.store.schema import annotator, event, lease, outcome, vote

# What every answer executes is built once: building a statement takes SQLAlchemy longer than running it.
_FIND_ANNOTATOR = sa.select(annotator.c.id).where(annotator.c.name == sa.bindparam("name"))
_END_LEASE = lease.delete().where(
    lease.c.run_id == sa.bindparam("the_run"),
    lease.c.row == sa.bindparam("the_row"),
    lease.c.annotator_id == sa.bindparam("who"),
)
_CHUNK = 500  #: values in one IN list; SQLite of old takes 999 parameters
T = TypeVar("T")


def chunks(values: Collection[T], size: int = _CHUNK) -> Iterator[list[T]]:
    """``values`` in lists of at most ``size``."""
    listed = list(values)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def insert(connection: Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def annotator_id(connection: Connection, name: str) -> int:
    """The annotator's number, given now where there was none."""
    given = {"name": name}
    if (known := connection.execute(_FIND_ANNOTATOR, given).scalar()) is not None:
        return known
    now = datetime.now(timezone.utc)
    connection.execute(
        insert(connection, annotator).on_conflict_do_nothing(), {"name": name, "created_at": now}
    )
    return connection.execute(_FIND_ANNOTATOR, given).scalar_one()


def select_events(run_id: int) -> sa.Select[Any]:
    """The log of a run, oldest first; rows for :func:`to_event`."""
    e = event.c
    return (
        sa.select(
            e.kind,
            e.row,
            e.cluster,
            e.new_cluster,
            e.target,
            e.rows,
            annotator.c.name,
            e.client_id,
            e.details,
            e.seq,
            e.at,
        )
        .join(annotator, annotator.c.id == e.annotator_id)
        .where(e.run_id == run_id)
        .order_by(e.seq)
    )


def to_event(row: Sequence[Any]) -> Event:
    """One line of :func:`select_events` as an event."""
    kind, number, cluster, new_cluster, target, rows, name, client_id, details, seq, at = row
    return Event(
        kind,
        number,
        cluster,
        new_cluster,
        target,
        tuple(rows or ()),
        name,
        client_id,
        details or {},
        seq,
        at,
    )


def not_undone(run_id: int) -> sa.ColumnElement[bool]:
    """True for events that nothing has taken back."""
    undo = event.alias()
    return ~sa.exists().where(undo.c.run_id == run_id, undo.c.target == event.c.seq)


def select_votes(run_id: int | sa.BindParameter[int]) -> sa.Select[Any]:
    """Current votes with the rows' ``first``, in the order of first answers; for :func:`to_vote`."""
    v = vote.c
    return (
        sa.select(v.row, v.kind, v.cluster, annotator.c.name, v.seq, outcome.c.first)
        .join(annotator, annotator.c.id == v.annotator_id)
        .join(outcome, (outcome.c.run_id == v.run_id) & (outcome.c.row == v.row))
        .where(v.run_id == run_id)
        .order_by(outcome.c.first, v.seq)
    )


def to_vote(row: Sequence[Any]) -> Vote:
    """One line of :func:`select_votes` as a vote."""
    return Vote(row[0], row[1], row[2], row[3], row[4])


_VOTES_OF_ROW = select_votes(sa.bindparam("the_run")).where(vote.c.row == sa.bindparam("the_row"))


class SqlLedger:
    """A run's rows and events as the current transaction sees them."""

    def __init__(self, connection: Connection, run_id: int, last_seq: int, policy: Policy) -> None:
        self._connection, self._run_id, self._policy = connection, run_id, policy
        self.last_seq = last_seq
        self._states: dict[int, RowState] = {}
        self._stored: set[int] = set()  # rows that have votes in the database
        self._outcomes: dict[int, Outcome | None] = {}  # rows to be written
        self._pending: dict[int, Event] = {}
        self._undone: dict[int, int] = {}
        self._clients: dict[str, Event] = {}
        self._annotators: dict[str, int] = {}

    # ---- writing ----

    def write(self, events: list[Event]) -> list[Event]:
        """Append checked events and give them back numbered; :meth:`flush` puts them into the database."""
        self._find_clients([item.client_id for item in events if item.client_id is not None])
        self.states({item.row for item in events if item.row is not None})
        return [self._write_one(item) for item in events]

    def _write_one(self, item: Event) -> Event:
        if item.client_id is not None and (earlier := self._clients.get(item.client_id)):
            return check_again(earlier, item)
        admit(item, self)
        self.last_seq += 1
        item = replace(item, seq=self.last_seq, at=item.at or datetime.now(timezone.utc))
        self._pending[self.last_seq] = item
        if item.client_id is not None:
            self._clients[item.client_id] = item
        if item.target is not None:
            self._undone[item.target] = self.last_seq
        record(item, self, self._policy)
        return item

    def flush(self) -> None:
        """Write what has gathered."""
        if self._pending:
            pending = list(self._pending.values())
            self._connection.execute(event.insert(), [self._event_line(item) for item in pending])
            self._end_leases(pending)
            self._pending, self._undone = {}, {}
        changed, self._outcomes = self._outcomes, {}
        for rows in chunks(self._stored & changed.keys()):
            for table in (vote, outcome):
                where = (table.c.run_id == self._run_id) & table.c.row.in_(rows)
                self._connection.execute(table.delete().where(where))
        votes = [self._vote_line(item) for row in changed for item in self._states[row].ordered()]
        outcomes = [self._outcome_line(item) for item in changed.values() if item is not None]
        if outcomes:
            self._connection.execute(vote.insert(), votes)
            self._connection.execute(outcome.insert(), outcomes)
        self._stored -= changed.keys()
        self._stored |= {row for row, item in changed.items() if item is not None}

    def _event_line(self, item: Event) -> dict[str, Any]:
        return {
            "run_id": self._run_id,
            "seq": item.seq,
            "kind": item.kind,
            "row": item.row,
            "cluster": item.cluster,
            "new_cluster": item.new_cluster,
            "target": item.target,
            "rows": item.rows or None,
            "annotator_id": self._who(item.annotator),
            "client_id": item.client_id,
            "details": item.details or None,
            "at": item.at,
        }

    def _vote_line(self, item: Vote) -> dict[str, Any]:
        return {
            "run_id": self._run_id,
            "row": item.row,
            "annotator_id": self._who(item.annotator),
            "review": item.kind is Kind.REVIEW,
            "kind": item.kind,
            "cluster": item.cluster,
            "seq": item.seq,
        }

    def _outcome_line(self, item: Outcome) -> dict[str, Any]:
        return {
            "run_id": self._run_id,
            "row": item.row,
            "kind": item.kind,
            "cluster": item.cluster,
            "annotator_id": None if item.kind is Kind.REVIEW else self._who(item.annotator),
            "seq": item.seq,
            "first": item.first,
        }

    def _end_leases(self, events: Iterable[Event]) -> None:
        answered = [
            {"the_run": self._run_id, "the_row": item.row, "who": self._who(item.annotator)}
            for item in events
            if item.row is not None
        ]
        if answered:
            self._connection.execute(_END_LEASE, answered)

    def _who(self, name: str) -> int:
        if name not in self._annotators:
            self._annotators[name] = annotator_id(self._connection, name)
        return self._annotators[name]

    def _find_clients(self, client_ids: list[str]) -> None:
        for some in chunks(client_ids):
            query = select_events(self._run_id).where(event.c.client_id.in_(some))
            for row in self._connection.execute(query):
                found = to_event(row)
                assert found.client_id is not None
                self._clients[found.client_id] = found

    # ---- what events.record asks of a back end ----

    def states(self, rows: Collection[int]) -> dict[int, RowState]:
        """See events.Ledger."""
        missing = [row for row in rows if row not in self._states]
        if len(missing) == 1:
            self._load(_VOTES_OF_ROW, {"the_run": self._run_id, "the_row": missing[0]})
        else:
            for some in chunks(missing):
                self._load(select_votes(self._run_id).where(vote.c.row.in_(some)), {})
        for row in missing:
            self._states.setdefault(row, RowState())
        return {row: self._states[row] for row in rows if self._states[row].votes}

    def _load(self, query: sa.Select[Any], given: dict[str, Any]) -> None:
        found: dict[int, dict[tuple[str, bool], Vote]] = {}
        firsts: dict[int, int] = {}
        for line in self._connection.execute(query, given):
            item = to_vote(line)
            found.setdefault(item.row, {})[item.annotator, item.kind is Kind.REVIEW] = item
            firsts[item.row] = line[5]
        for row, votes in found.items():
            self._states[row] = RowState(votes, firsts[row])
            self._stored.add(row)

    def rows_voting(self, cluster: Cluster) -> list[int]:
        """See events.Ledger."""
        self.flush()
        query = (
            sa.select(vote.c.row).where(vote.c.run_id == self._run_id, vote.c.cluster == cluster).distinct()
        )
        return list(self._connection.execute(query.order_by(vote.c.row)).scalars())

    def event(self, seq: int) -> Event | None:
        """See events.Ledger."""
        if seq in self._pending:
            return self._pending[seq]
        row = self._connection.execute(select_events(self._run_id).where(event.c.seq == seq)).first()
        return None if row is None else to_event(row)

    def undone_by(self, seq: int) -> int | None:
        """See events.Ledger."""
        query = sa.select(event.c.seq).where(event.c.run_id == self._run_id, event.c.target == seq)
        return self._undone.get(seq) or self._connection.execute(query).scalar()

    def history(self, row: int | None) -> list[Event]:
        """See events.Ledger."""
        self.flush()
        query = select_events(self._run_id).where(event.c.kind != Kind.UNDO, not_undone(self._run_id))
        # one query with OR would read the whole log instead of the index on rows
        parts = (
            [query] if row is None else [query.where(event.c.row == row), query.where(event.c.row.is_(None))]
        )
        found = [to_event(line) for part in parts for line in self._connection.execute(part)]
        return sorted(found, key=lambda item: item.seq or 0)

    def put(self, row: int, state: RowState, outcome: Outcome | None) -> None:
        """See events.Ledger."""
        self.states([row])  # so that a row that is in the database is known to be
        self._states[row], self._outcomes[row] = state, outcome

"""One run inside one write transaction: what :func:`activeclust.store.outcomes.record` reads and changes.

Rows are kept here while the transaction runs and written at its end, so that thousands of events cost
a handful of statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.store.base import Cluster, Event, Kind, Vote
from activeclust.store.checks import check_again
from activeclust.store.outcomes import Outcome, Policy, RowState, admit, numbered, record
from activeclust.store.sql.bulk import write_lines
from activeclust.store.sql.queries import (
    chunks,
    insert,
    not_undone,
    select_events,
    select_votes,
    to_event,
    to_vote,
)
from activeclust.store.sql.schema import annotator, event, lease, outcome, vote

# What every answer executes is built once: building a statement takes SQLAlchemy longer than running it.
_FIND_ANNOTATOR = sa.select(annotator.c.id).where(annotator.c.name == sa.bindparam("name"))
_END_LEASE = lease.delete().where(
    lease.c.run_id == sa.bindparam("the_run"),
    lease.c.row == sa.bindparam("the_row"),
    lease.c.annotator_id == sa.bindparam("who"),
)


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


_VOTES_OF_ROW = select_votes(sa.bindparam("the_run")).where(vote.c.row == sa.bindparam("the_row"))


class RunTransaction:
    """A run's rows and events as the current transaction sees them.

    ``annotators`` holds numbers that are known to be in the database, by name; :attr:`annotators` those and
    the ones met here, which are in the database once the transaction is.
    """

    def __init__(
        self,
        connection: Connection,
        run_id: int,
        last_seq: int,
        policy: Policy,
        annotators: Mapping[str, int],
    ) -> None:
        self._connection, self._run_id, self._policy = connection, run_id, policy
        self.last_seq = last_seq
        self._states: dict[int, RowState] = {}
        self._stored: set[int] = set()  # rows that have votes in the database
        self._outcomes: dict[int, Outcome | None] = {}  # rows to be written
        self._pending: dict[int, Event] = {}
        self._undone: dict[int, int] = {}
        self._clients: dict[str, Event] = {}
        self.annotators = dict(annotators)

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
        item = numbered(item, self.last_seq)
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
            write_lines(self._connection, event, [self._event_line(item) for item in pending])
            self._end_leases(pending)
            self._pending, self._undone = {}, {}
        changed, self._outcomes = self._outcomes, {}
        for rows in chunks(self._stored & changed.keys()):
            for table in (vote, outcome):
                where = (table.c.run_id == self._run_id) & table.c.row.in_(rows)
                self._connection.execute(table.delete().where(where))
        votes = [self._vote_line(item) for row in changed for item in self._states[row].ordered()]
        outcomes = [self._outcome_line(item) for item in changed.values() if item is not None]
        write_lines(self._connection, vote, votes)
        write_lines(self._connection, outcome, outcomes)
        self._stored -= changed.keys()
        self._stored |= {row for row, item in changed.items() if item is not None}

    # in the order of the tables' columns

    def _event_line(self, item: Event) -> tuple[Any, ...]:
        return (
            self._run_id,
            item.seq,
            item.kind,
            item.row,
            item.cluster,
            item.new_cluster,
            item.target,
            item.rows or None,
            self._who(item.annotator),
            item.client_id,
            item.details or None,
            item.at,
        )

    def _vote_line(self, item: Vote) -> tuple[Any, ...]:
        is_review = item.kind is Kind.REVIEW
        who = self._who(item.annotator)
        return self._run_id, item.row, who, is_review, item.kind, item.cluster, item.seq

    def _outcome_line(self, item: Outcome) -> tuple[Any, ...]:
        who = None if item.kind is Kind.REVIEW else self._who(item.annotator)
        return self._run_id, item.row, item.kind, item.cluster, who, item.seq, item.first

    def _end_leases(self, events: Iterable[Event]) -> None:
        answered = {(item.row, self._who(item.annotator)) for item in events if item.row is not None}
        if len(answered) > 1:  # an import, say, of rows that hardly anybody holds
            held = sa.select(lease.c.row, lease.c.annotator_id).where(lease.c.run_id == self._run_id)
            answered &= {(row, who) for row, who in self._connection.execute(held)}
        ended = [{"the_run": self._run_id, "the_row": row, "who": who} for row, who in sorted(answered)]
        if ended:
            self._connection.execute(_END_LEASE, ended)

    def _who(self, name: str) -> int:
        if name not in self.annotators:
            self.annotators[name] = annotator_id(self._connection, name)
        return self.annotators[name]

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
        if not missing:
            return {row: self._states[row] for row in rows if self._states[row].votes}
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
        # not ordered: by seq SQLite would read the whole log, in place of the index on rows
        query = select_events(self._run_id).order_by(None)
        query = query.where(event.c.kind != Kind.UNDO, not_undone(self._run_id))
        # one query with OR would read the whole log instead of the index on rows
        parts = (
            [query] if row is None else [query.where(event.c.row == row), query.where(event.c.row.is_(None))]
        )
        found = [to_event(line) for part in parts for line in self._connection.execute(part)]
        return sorted(found, key=lambda item: item.seq or 0)

    def put(self, row: int, state: RowState, outcome: Outcome | None) -> None:
        """See events.Ledger."""
        if row not in self._states:
            self.states([row])  # so that a row that is in the database is known to be
        self._states[row], self._outcomes[row] = state, outcome

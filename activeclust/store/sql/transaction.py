"""One run inside one write transaction: what :func:`activeclust.store.outcomes.record` reads and changes.

Rows are collected during the transaction and written at its end, so that thousands of events need only a few
statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.store.checks import check_again, check_place
from activeclust.store.outcomes import ON_CLUSTER, Outcome, Policy, RowState, admit, decide, numbered, record
from activeclust.store.records import Cluster, Event, Kind, Round, RunSpec, Vote
from activeclust.store.sql.bulk import replace_lines, write_lines
from activeclust.store.sql.checksums import (
    START,
    damaged,
    of_event,
    of_name,
    of_outcome,
    of_round,
    of_row_ids,
    of_run,
    of_sums,
    of_vote,
    summed,
)
from activeclust.store.sql.queries import (
    chunks,
    given_events,
    insert,
    not_undone,
    rows_voting,
    select_events,
    select_rounds,
    select_votes,
    to_event,
    to_round,
    to_vote,
)
from activeclust.store.sql.run_lines import SUMS, run_line, sound_spec
from activeclust.store.sql.schema import annotator, event, lease, outcome, round_, run, vote
from activeclust.store.sql.specs import forget_unused_data, to_line, write_row_ids

# statements of every answer are built once: building one takes SQLAlchemy longer than running it
_FIND_ANNOTATOR = sa.select(annotator.c.id).where(annotator.c.name == sa.bindparam("name"))
_END_LEASE = lease.delete().where(
    lease.c.run_id == sa.bindparam("the_run"),
    lease.c.row == sa.bindparam("the_row"),
    lease.c.annotator_id == sa.bindparam("who"),
)


def annotator_id(connection: Connection, name: str) -> int:
    """The annotator's number; a new name is inserted."""
    given = {"name": name}
    if (known := connection.execute(_FIND_ANNOTATOR, given).scalar()) is not None:
        return known
    now = datetime.now(timezone.utc)
    connection.execute(
        insert(connection, annotator).on_conflict_do_nothing(),
        {"name": name, "created_at": now, "checksum": of_name(name)},
    )
    return connection.execute(_FIND_ANNOTATOR, given).scalar_one()


_VOTES_OF_ROW = select_votes(sa.bindparam("the_run")).where(vote.c.row == sa.bindparam("the_row"))


_LAST_CHECKSUM = sa.select(event.c.checksum).where(
    event.c.run_id == sa.bindparam("the_run"), event.c.seq == sa.bindparam("last")
)
_STANDS = (
    run.update()
    .where(run.c.id == sa.bindparam("the_run"))
    .values({name: sa.bindparam(name) for name in ("last_seq", *SUMS, "updated_at")})
    .values(checksum=sa.bindparam("now"))
)


class RunTransaction:
    """A run's rows and events within the current transaction, which has locked the run.

    :attr:`annotators` holds the given numbers and new ones, which are in the database after the commit.

    Parameters
    ----------
    connection : Connection
    line : a line of :func:`run_line`
    policy : Policy
    annotators : mapping of str to int
        Numbers of annotators that are in the database.

    Raises
    ------
    ForeignDatabase
        If the run's line, or its last event, was altered.
    """

    def __init__(
        self, connection: Connection, line: Any, policy: Policy, annotators: Mapping[str, int]
    ) -> None:
        self._connection, self._run_id, self._policy = connection, line.id, policy
        self.spec = sound_spec(line)
        self.last_seq = line.last_seq
        self._sums = {name: getattr(line, name) for name in SUMS}
        self._last_checksum = START
        if self.last_seq:
            last = {"the_run": line.id, "last": self.last_seq}
            checksum = connection.execute(_LAST_CHECKSUM, last).scalar()
            if checksum is None:
                raise damaged(f"event {self.last_seq} of run {self.spec.name!r} is gone")
            self._last_checksum = checksum
        self._states: dict[int, RowState] = {}
        self._before: dict[int, RowState] = {}  # states in the database
        self._changed: dict[int, None] = {}  # rows to be written
        self._voting: dict[Cluster, list[int]] = {}  # rows with an answer, until one changes
        self._pending: dict[int, Event] = {}
        self._undone: dict[int, int] = {}
        self._taken_back: set[int] = set()
        self._clients: dict[str, Event] = {}
        self.annotators = dict(annotators)

    # ---- writing ----

    def write(self, events: list[Event]) -> list[Event]:
        """Append checked events and return them numbered; :meth:`flush` writes them to the database."""
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
            self._taken_back.add(item.target)
        record(item, self, self._policy)
        return item

    def add_round(self, record: Round, *, replaces: Round | None = None) -> bool:
        """Write a checked round; returns whether there was anything to write."""
        here = (round_.c.run_id == self._run_id) & (round_.c.index == record.index)
        line = self._connection.execute(select_rounds(self._run_id).where(here)).first()
        stored = None if line is None else to_round(line)
        if not check_place(record, stored, replaces):
            return False
        values = {
            "budget": record.budget,
            "metrics": record.metrics,
            "asked": record.asked,
            "last_seq": record.last_seq,
            "checksum": of_round(record),
        }
        if stored is None:
            self._connection.execute(
                round_.insert().values(run_id=self._run_id, index=record.index, **values)
            )
        else:
            self._connection.execute(round_.update().where(here).values(**values))
        gone = 0 if stored is None else of_round(stored)
        self._sums["rounds"] = summed([of_round(record), -gone], self._sums["rounds"])
        return True

    def describe(self, spec: RunSpec) -> None:
        """Set the run's rows and settings; its log and derived state stay."""
        line = to_line(self._connection, spec)
        self._connection.execute(run.update().where(run.c.id == self._run_id).values(line))
        write_row_ids(self._connection, self._run_id, spec.row_ids)
        self._sums["row_ids"] = of_row_ids(spec.row_ids)
        forget_unused_data(self._connection)
        self.spec = spec

    def finish(self) -> None:
        """Write the collected changes and the run's new line."""
        self.flush()
        self._connection.execute(
            _STANDS,
            {
                "the_run": self._run_id,
                "last_seq": self.last_seq,
                "updated_at": datetime.now(timezone.utc),
                "now": of_sums(of_run(self.spec), self.last_seq, **self._sums),
                **self._sums,
            },
        )

    def flush(self) -> None:
        """Write the collected changes."""
        if self._pending:
            pending = list(self._pending.values())
            write_lines(self._connection, event, [self._event_line(item) for item in pending])
            self._end_leases(pending)
            self._pending, self._undone = {}, {}
        changed, self._changed = list(self._changed), {}
        for table, name, before, new in zip(
            (vote, outcome),
            ("votes", "outcomes"),
            self._lines(self._before, changed),
            self._lines(self._states, changed),
            strict=True,
        ):
            replace_lines(self._connection, table, before, new)
            difference = [*(line[-1] for line in new), *(-line[-1] for line in before)]
            self._sums[name] = summed(difference, self._sums[name])
        self._before.update((row, self._states[row]) for row in changed)

    def _lines(
        self, states: Mapping[int, RowState], rows: Iterable[int]
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """The lines of votes and outcomes of ``rows`` in these states."""
        votes: list[tuple[Any, ...]] = []
        outcomes: list[tuple[Any, ...]] = []
        for row in rows:
            state = states[row]
            votes += [self._vote_line(item, state.first) for item in state.ordered()]
            if (counts := decide(row, state, self._policy)) is not None:
                outcomes.append(self._outcome_line(counts))
        return votes, outcomes

    # in the order of the tables' columns

    def _event_line(self, item: Event) -> tuple[Any, ...]:
        who = self._who(item.annotator)
        self._last_checksum = of_event(item, who, self._last_checksum)
        return (
            self._run_id,
            item.seq,
            item.kind,
            item.row,
            item.cluster,
            item.new_cluster,
            item.target,
            item.rows or None,
            who,
            item.client_id,
            item.details or None,
            item.at,
            self._last_checksum,
        )

    def _vote_line(self, item: Vote, first: int) -> tuple[Any, ...]:
        is_review = item.kind is Kind.REVIEW
        who = self._who(item.annotator)
        checksum = of_vote(item.row, who, item.kind, item.cluster, item.seq, first)
        return self._run_id, item.row, who, is_review, item.kind, item.cluster, item.seq, checksum

    def _outcome_line(self, item: Outcome) -> tuple[Any, ...]:
        who = None if item.kind is Kind.REVIEW else self._who(item.annotator)
        checksum = of_outcome(item.row, who, item.kind, item.cluster, item.seq, item.first)
        return self._run_id, item.row, item.kind, item.cluster, who, item.seq, item.first, checksum

    def _end_leases(self, events: Iterable[Event]) -> None:
        answered = {(item.row, self._who(item.annotator)) for item in events if item.row is not None}
        if len(answered) > 1:  # for example, an import of rows that are rarely leased
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
                found = to_event(row, self.spec.name)
                assert found.client_id is not None
                self._clients[found.client_id] = found

    # ---- the Transaction of activeclust.store.outcomes ----

    def states(self, rows: Collection[int]) -> dict[int, RowState]:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        missing = [row for row in rows if row not in self._states]
        if not missing:
            return {row: self._states[row] for row in rows if self._states[row].votes}
        if len(missing) == 1:
            self._load(_VOTES_OF_ROW, {"the_run": self._run_id, "the_row": missing[0]})
        else:
            for some in chunks(missing):
                self._load(select_votes(self._run_id).where(vote.c.row.in_(some)), {})
        for row in missing:
            self._before[row] = self._states.setdefault(row, RowState())
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

    def rows_voting(self, clusters: Collection[Cluster]) -> dict[Cluster, list[int]]:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        if not self._voting.keys() >= set(clusters):
            self.flush()
            self._voting |= rows_voting(self._connection, self._run_id, clusters)
        return {cluster: self._voting[cluster] for cluster in clusters}

    def event(self, seq: int) -> Event | None:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        if seq in self._pending:
            return self._pending[seq]
        row = self._connection.execute(select_events(self._run_id).where(event.c.seq == seq)).first()
        return None if row is None else to_event(row, self.spec.name)

    def undone_by(self, seq: int) -> int | None:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        query = sa.select(event.c.seq).where(event.c.run_id == self._run_id, event.c.target == seq)
        return self._undone.get(seq) or self._connection.execute(query).scalar()

    def history(self, row: int) -> list[Event]:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        # not one query with OR, which would read the whole log instead of using the index on rows
        found = self._live(event.c.row == row)
        seqs = {item.seq for item in found}
        before = self.states([row]).get(row, RowState()).ordered()
        if gone := [item.seq for item in before if item.seq not in seqs and item.seq not in self._taken_back]:
            raise damaged(f"event {gone[0]} of run {self.spec.name!r} is not found by its row")
        return sorted([*found, *self.operations()], key=lambda item: item.seq or 0)

    def operations(self) -> list[Event]:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        return self._live(event.c.row.is_(None), event.c.kind.in_(ON_CLUSTER))

    def _live(self, *where: sa.ColumnElement[bool]) -> list[Event]:
        """Events by ``seq`` that fulfil ``where``, without UNDO and undone events."""
        self.flush()
        # sorted here: with ORDER BY seq SQLite would read the whole log instead of using the index on rows
        query = select_events(self._run_id).order_by(None)
        query = query.where(event.c.kind != Kind.UNDO, not_undone(self._run_id), *where)
        found = [to_event(line, self.spec.name) for line in self._connection.execute(query)]
        return sorted(found, key=lambda item: item.seq or 0)

    def given(self, seqs: Collection[int]) -> dict[int, Event]:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        self.flush()
        return given_events(self._connection, self._run_id, self.spec.name, seqs)

    def put(self, row: int, state: RowState, outcome: Outcome | None) -> None:
        """See :class:`activeclust.store.outcomes.Transaction`."""
        if row not in self._states:
            self.states([row])  # so that it is known which rows are in the database
        self._states[row], self._changed[row] = state, None
        self._voting.clear()


def insert_run(
    connection: Connection, spec: RunSpec, events: list[Event], rounds: Iterable[Round], **more: Any
) -> int | None:
    """Write a new run with its first checked events and rounds; returns its number, None if the name is in use.

    ``more`` are values of columns: a run that is replaced keeps its ``id`` and ``created_at``.
    """
    now = datetime.now(timezone.utc)
    sums = dict.fromkeys(SUMS, 0) | {"row_ids": of_row_ids(spec.row_ids)}
    line = to_line(connection, spec) | sums | {"last_seq": 0, "created_at": now, "updated_at": now}
    line |= {"checksum": of_sums(of_run(spec), 0, **sums)} | more
    made = insert(connection, run).on_conflict_do_nothing().returning(run.c.id)
    run_id = connection.execute(made, line).scalar()
    if run_id is not None:
        write_row_ids(connection, run_id, spec.row_ids)
        line = run_line(connection, run_id, spec.name)
        changes = RunTransaction(connection, line, Policy.of(spec.options), {})
        changes.write(events)
        for record in rounds:
            changes.add_round(record)
        changes.finish()
    return run_id

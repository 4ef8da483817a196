"""The state of a run after an earlier event, from its current state and the events since.

Reading 100,000 events takes seconds, but there are few after the last round. Only the rows that they name have changed,
and those in clusters that were renamed, merged or split since.

The events of those rows are read from the table itself: a damaged index may omit some of them, and nothing else would
show that an event is missing which has been replaced since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.store.outcomes import ON_CLUSTER, Policy, decide, replay_rows
from activeclust.store.records import Cluster, Event, Kind
from activeclust.store.sql.checksums import damaged
from activeclust.store.sql.queries import chunks, given_events, rows_voting
from activeclust.store.sql.schema import event
from activeclust.store.sql.standing import Standing

_ROWS = 20_000  #: rows in one statement, which holds them as text


def rewound(
    connection: Connection,
    run_id: int,
    run_name: str,
    policy: Policy,
    now: Iterable[Standing],
    last_seq: int,
    at: int,
) -> Standing:
    """What rows counted as after event ``at``, from what they count as ``now``, after event ``last_seq``."""
    log = _Log(connection, run_id, run_name, last_seq)
    changed = log.rows_changed_since(at)
    history = log.history(at, changed)
    past = [line for part in now for line in zip(*part, strict=True) if line[0] not in changed]
    for row, state in replay_rows(history).items():
        if (was := decide(row, state, policy)) is not None:
            past.append((row, was.cluster, was.annotator, was.seq, was.kind, was.first))
    past.sort(key=itemgetter(5))
    return Standing(*zip(*past, strict=True)) if past else Standing((), (), (), (), (), ())


class _Log:
    """A run's log of ``last_seq`` events, all of which are known to be there."""

    def __init__(self, connection: Connection, run_id: int, run_name: str, last_seq: int) -> None:
        self._connection, self._run_id, self._name = connection, run_id, run_name
        # of a column that is in no index
        found = self._read([sa.func.count(event.c.kind), sa.func.coalesce(sa.func.sum(event.c.seq), 0)])
        if tuple(map(int, found[0])) != (last_seq, last_seq * (last_seq + 1) // 2):
            raise damaged(f"of the events of run {run_name!r} some are gone or doubled")
        # they name no row: undo, and operations on clusters
        self._rowless = self._read([event.c.seq, event.c.kind, event.c.target], event.c.row.is_(None))

    def _read(self, columns: Sequence[Any], *where: Any) -> Sequence[Any]:
        """Of the table itself, line after line, where no index holds all the columns."""
        of_run = event.c.run_id == self._run_id
        if self._connection.dialect.name == "sqlite":  # with +run_id it takes no index
            of_run = sa.literal_column(f"+{event.name}.run_id", sa.BigInteger) == self._run_id
        return self._connection.execute(sa.select(*columns).where(of_run, *where)).all()

    def _events(self, seqs: Collection[int]) -> list[Event]:
        """The events of those numbers, oldest first."""
        found = given_events(self._connection, self._run_id, self._name, seqs)
        if gone := set(seqs) - found.keys():
            raise damaged(f"event {min(gone)} of run {self._name!r} is not found by its number")
        return [found[seq] for seq in sorted(found)]

    def _operations(self) -> list[Event]:
        return self._events([seq for seq, kind, _ in self._rowless if kind in ON_CLUSTER])

    def rows_changed_since(self, at: int) -> set[int]:
        """Rows that may count as something else now than after event ``at``."""
        later = self._read([event.c.seq, event.c.row, event.c.target], event.c.seq > at)
        moved = {seq for seq, _, _ in later} | {target for _, _, target in later if target is not None}
        rows = {row for _, row, _ in later if row is not None}
        rows.update(item.row for item in self._events(moved) if item.row is not None)
        operations = self._operations()
        if wanted := {item.seq for item in operations} & moved:
            names = _names(operations, wanted)
            rows.update(*rows_voting(self._connection, self._run_id, names).values())
        return rows

    def history(self, at: int, rows: Collection[int]) -> list[Event]:
        """Events up to ``at`` that nothing up to ``at`` has taken back: of ``rows``, and on clusters."""
        undone = {target for seq, kind, target in self._rowless if kind is Kind.UNDO and seq <= at}
        seqs = {seq for seq, kind, _ in self._rowless if kind in ON_CLUSTER}
        for some in chunks(sorted(rows), _ROWS):
            listed: sa.BindParameter[int] = sa.bindparam("rows", some, expanding=True, literal_execute=True)
            seqs.update(seq for seq, _ in self._read([event.c.seq, event.c.kind], event.c.row.in_(listed)))
        return self._events([seq for seq in seqs if seq <= at and seq not in undone])


def _names(operations: Sequence[Event], wanted: Collection[int | None]) -> set[Cluster]:
    """What clusters are called now that the operations ``wanted`` moved, or moved back when they were taken back."""
    names = {name for item in operations if item.seq in wanted for name in (item.cluster, item.new_cluster)}
    for item in operations:  # later operations may have moved them again
        if item.cluster in names:
            names.add(item.new_cluster)
    return {name for name in names if name is not None}

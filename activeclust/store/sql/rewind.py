"""The state of a run after an earlier event, from its current state and the events since.

Reading 100,000 events takes seconds, but there are few after the last round. Only the rows that they name have changed,
and those in clusters that were renamed, merged or split since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.store.base import Cluster, Event, Kind
from activeclust.store.outcomes import ON_CLUSTER, Policy, decide, replay_rows
from activeclust.store.sql.checksums import damaged
from activeclust.store.sql.queries import chunks, rows_voting, select_events, to_event
from activeclust.store.sql.schema import event, vote
from activeclust.store.sql.standing import Standing


def rewound(
    connection: Connection, run_id: int, run_name: str, policy: Policy, now: Iterable[Standing], at: int
) -> Standing:
    """What rows counted as after event ``at``, from what they count as now."""
    changed = _rows_changed_since(connection, run_id, run_name, at)
    history = _history(connection, run_id, run_name, at, changed)
    _check_found(connection, run_id, run_name, at, changed, history)
    past = [line for part in now for line in zip(*part, strict=True) if line[0] not in changed]
    for row, state in replay_rows(history).items():
        if (was := decide(row, state, policy)) is not None:
            past.append((row, was.cluster, was.annotator, was.seq, was.kind, was.first))
    past.sort(key=itemgetter(5))
    return Standing(*zip(*past, strict=True)) if past else Standing((), (), (), (), (), ())


def _rows_changed_since(connection: Connection, run_id: int, run_name: str, at: int) -> set[int]:
    """Rows whose state may have changed since event ``at``."""
    e = event.c
    query = sa.select(e.kind, e.row, e.seq, e.target).where(e.run_id == run_id)
    later = list(connection.execute(query.where(e.seq > at)).all())
    targets = [target for _, _, _, target in later if target is not None]
    for some in chunks(targets):
        later += connection.execute(query.where(e.seq.in_(some))).all()
    rows = {row for _, row, _, _ in later if row is not None}
    if operations := [seq for kind, _, seq, _ in later if kind in ON_CLUSTER]:
        for name in _names(connection, run_id, run_name, operations):
            rows.update(rows_voting(connection, run_id, name))
    return rows


def _names(connection: Connection, run_id: int, run_name: str, seqs: Sequence[int]) -> set[Cluster]:
    """Current names of the clusters that operations ``seqs`` moved, or moved back when they were undone."""
    # events on clusters name no row: the index on rows finds them
    where = event.c.row.is_(None) & event.c.kind.in_(ON_CLUSTER)
    query = select_events(run_id).order_by(None).where(where)
    operations = [to_event(line, run_name) for line in connection.execute(query)]
    operations.sort(key=lambda item: item.seq or 0)
    wanted = set(seqs)
    names = {name for item in operations if item.seq in wanted for name in (item.cluster, item.new_cluster)}
    for item in operations:  # later operations may have moved them again
        if item.cluster in names:
            names.add(item.new_cluster)
    return {name for name in names if name is not None}


def _history(
    connection: Connection, run_id: int, run_name: str, at: int, rows: Collection[int]
) -> list[Event]:
    """Events up to ``at`` that were not undone up to ``at``: of ``rows``, and on clusters."""
    undo = event.alias()
    undone = sa.exists().where(undo.c.run_id == run_id, undo.c.target == event.c.seq, undo.c.seq <= at)
    query = select_events(run_id).order_by(None).where(event.c.kind != Kind.UNDO, event.c.seq <= at, ~undone)
    parts = [query.where(event.c.row.in_(some)) for some in chunks(sorted(rows))]
    parts.append(query.where(event.c.row.is_(None)))
    found = [to_event(line, run_name) for part in parts for line in connection.execute(part)]
    return sorted(found, key=lambda item: item.seq or 0)


def _check_found(
    connection: Connection, run_id: int, name: str, at: int, rows: Collection[int], found: list[Event]
) -> None:
    """ForeignDatabase where answers that hold to this day were not found: an index is damaged."""
    seqs = {item.seq for item in found}
    for some in chunks(sorted(rows)):
        query = sa.select(vote.c.seq).where(vote.c.run_id == run_id, vote.c.seq <= at, vote.c.row.in_(some))
        for seq in connection.execute(query).scalars():
            if seq not in seqs:
                raise damaged(f"event {seq} of run {name!r} is not found by its row")

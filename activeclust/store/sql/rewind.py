"""A run as it was after an earlier event, from what it is now and from the events since.

Reading 100,000 events takes seconds; those after the last round are a few, and only the rows that they
name have changed. Where a cluster was renamed, merged or split since, every row may have, and the log is
read from its beginning.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.store.base import Event, Kind
from activeclust.store.outcomes import ON_CLUSTER, Policy, decide, replay_rows
from activeclust.store.sql.checksums import damaged
from activeclust.store.sql.queries import chunks, select_events, to_event
from activeclust.store.sql.schema import event, vote


def rewound(
    connection: Connection, run_id: int, run_name: str, policy: Policy, lines: Sequence[Any], at: int
) -> list[tuple[Any, ...]]:
    """What :func:`activeclust.store.sql.queries.to_outcomes` gives, as it was after event ``at``."""
    changed = _rows_changed_since(connection, run_id, at)
    history = _history(connection, run_id, run_name, at, changed)
    _check_found(connection, run_id, run_name, at, changed, history)
    states = replay_rows(history)
    past = [tuple(line) for line in lines if changed is not None and line[0] not in changed]
    for row, state in states.items():
        if (was := decide(row, state, policy)) is not None:
            past.append((row, was.cluster, was.annotator, was.seq, was.kind, was.first))
    return sorted(past, key=lambda line: line[5])


def _rows_changed_since(connection: Connection, run_id: int, at: int) -> set[int] | None:
    """Rows that events after ``at`` say something of; None where it may be all."""
    e = event.c
    query = sa.select(e.kind, e.row, e.target).where(e.run_id == run_id)
    later = list(connection.execute(query.where(e.seq > at)).all())
    targets = [target for _, _, target in later if target is not None]
    for some in chunks(targets):
        later += connection.execute(query.where(e.seq.in_(some))).all()
    if any(kind in ON_CLUSTER for kind, _, _ in later):
        return None
    return {row for _, row, _ in later if row is not None}


def _history(
    connection: Connection, run_id: int, run_name: str, at: int, rows: Collection[int] | None
) -> list[Event]:
    """Events up to ``at`` that nothing up to ``at`` has taken back: of ``rows``, and on clusters."""
    undo = event.alias()
    undone = sa.exists().where(undo.c.run_id == run_id, undo.c.target == event.c.seq, undo.c.seq <= at)
    query = select_events(run_id).order_by(None).where(event.c.kind != Kind.UNDO, event.c.seq <= at, ~undone)
    if rows is None:
        parts = [query]
    else:
        parts = [query.where(event.c.row.in_(some)) for some in chunks(sorted(rows))]
        parts.append(query.where(event.c.row.is_(None)))
    found = [to_event(line, run_name) for part in parts for line in connection.execute(part)]
    return sorted(found, key=lambda item: item.seq or 0)


def _check_found(
    connection: Connection, run_id: int, name: str, at: int, rows: Collection[int] | None, found: list[Event]
) -> None:
    """ForeignDatabase where answers that hold to this day were not found: an index is damaged."""
    seqs = {item.seq for item in found}
    for some in [None] if rows is None else chunks(sorted(rows)):
        query = sa.select(vote.c.seq).where(vote.c.run_id == run_id, vote.c.seq <= at)
        query = query if some is None else query.where(vote.c.row.in_(some))
        for seq in connection.execute(query).scalars():
            if seq not in seqs:
                raise damaged(f"event {seq} of run {name!r} is not found by its row")

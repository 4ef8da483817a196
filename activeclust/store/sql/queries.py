"""What is read of a run: statements, and their lines as events, votes and rounds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from activeclust.store.base import Event, Round, Vote
from activeclust.store.sql.schema import annotator, event, outcome, round_, vote

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


def select_outcomes() -> sa.Select[Any]:
    """What rows of the run ``:the_run`` count as: row, cluster, annotator, seq, kind, first; by the last."""
    o = outcome.c
    return (
        sa.select(o.row, o.cluster, annotator.c.name, o.seq, o.kind, o.first)
        .outerjoin(annotator, annotator.c.id == o.annotator_id)
        .where(o.run_id == sa.bindparam("the_run"))
        .order_by(o.first)
    )


def select_rounds(run_id: int) -> sa.Select[Any]:
    """A run's rounds by index; for :func:`to_round`."""
    r = round_.c
    query = sa.select(r.index, r.budget, r.metrics, r.asked, r.last_seq)
    return query.where(r.run_id == run_id).order_by(r.index)


def to_round(line: Sequence[Any]) -> Round:
    """One line of :func:`select_rounds` as a round."""
    index, budget, metrics, asked, last_seq = line
    return Round(index, budget, metrics, tuple(asked), last_seq)


def find_events(
    connection: Connection,
    run_id: int,
    seqs: Sequence[int] | None,
    targets: Sequence[int] | None,
    client_prefix: str | None,
) -> list[Event]:
    """See :meth:`activeclust.store.base.Run.find`."""
    query = select_events(run_id).order_by(None)  # by seq the whole log would be read
    if client_prefix is not None:
        begin = sa.func.substr(event.c.client_id, 1, len(client_prefix))  # LIKE takes % and _ for more
        query = query.where(begin == client_prefix)
    parts = [query]
    for column, values in ((event.c.seq, seqs), (event.c.target, targets)):
        if values is not None:
            parts = [part.where(column.in_(some)) for part in parts for some in chunks(values)]
    found = [to_event(line) for part in parts for line in connection.execute(part)]
    return sorted(found, key=lambda item: item.seq or 0)

"""Statements that read a run, and the conversion of their lines to events, votes and rounds.

Every line is compared with its checksum; :class:`~activeclust.errors.ForeignDatabase` is raised if it was altered.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from activeclust.store.records import Cluster, Event, Round, Vote
from activeclust.store.sql.checksums import START, damaged, of_event, of_name, of_round, of_vote
from activeclust.store.sql.schema import annotator, event, outcome, round_, vote

CHUNK = 500  #: maximum number of values in one IN list; old versions of SQLite allow 999 parameters
T = TypeVar("T")


def chunks(values: Collection[T], size: int = CHUNK) -> Iterator[list[T]]:
    """``values`` in lists of at most ``size``."""
    listed = list(values)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def insert(connection: Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def select_events(run_id: int) -> sa.Select[Any]:
    """The log of a run, oldest first; lines for :func:`to_event`."""
    e, before = event.c, event.alias("before")
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
            e.annotator_id,
            annotator.c.checksum,
            e.checksum,
            before.c.checksum,
        )
        .join(annotator, annotator.c.id == e.annotator_id)
        .outerjoin(before, (before.c.run_id == e.run_id) & (before.c.seq == e.seq - 1))
        .where(e.run_id == run_id)
        .order_by(e.seq)
    )


def to_event(line: Sequence[Any], run_name: str) -> Event:
    """One line of :func:`select_events` as an event of the run of that name."""
    found, who, checksum, before, name_checksum = parse_event(line)
    check_name(found.annotator, name_checksum)
    known = before if found.seq != 1 else START
    if known is None or of_event(found, who, known) != checksum:
        raise damaged(
            f"event {found.seq} of run {run_name!r}, or the one before it, is not as it was written"
        )
    return found


def parse_event(line: Sequence[Any]) -> tuple[Event, int, int, int | None, int]:
    """A line as an event, its annotator's number, its checksum, the one before, and that of the name; not checked."""
    kind, number, cluster, new_cluster, target, rows, name, client_id, details, seq, at = line[:11]
    who, name_checksum, checksum, before = line[11:]
    if kind is None or at is None or not isinstance(rows, (list, type(None))):
        raise damaged(f"event {seq} cannot be read")
    found = Event(
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
    return found, who, checksum, before, name_checksum


@functools.lru_cache(maxsize=1000)
def check_name(name: str, checksum: int) -> None:
    """Raise ForeignDatabase if an annotator's name was altered."""
    if not isinstance(name, str) or of_name(name) != checksum:
        raise damaged(f"the annotator's name {name!r:.80} is not as it was written")


def not_undone(run_id: int) -> sa.ColumnElement[bool]:
    """True for events that were not undone."""
    undo = event.alias()
    return ~sa.exists().where(undo.c.run_id == run_id, undo.c.target == event.c.seq)


def select_votes(run_id: int | sa.BindParameter[int]) -> sa.Select[Any]:
    """Current votes with the rows' ``first``, in the order of first answers; for :func:`to_vote`."""
    v = vote.c
    return (
        sa.select(
            v.row,
            v.kind,
            v.cluster,
            annotator.c.name,
            v.seq,
            outcome.c.first,
            v.annotator_id,
            annotator.c.checksum,
            v.checksum,
        )
        .join(annotator, annotator.c.id == v.annotator_id)
        .outerjoin(outcome, (outcome.c.run_id == v.run_id) & (outcome.c.row == v.row))
        .where(v.run_id == run_id)
        .order_by(outcome.c.first, v.seq)
    )


def rows_voting(
    connection: Connection, run_id: int, clusters: Collection[Cluster]
) -> dict[Cluster, list[int]]:
    """Rows of a run with a current answer, ascending, for each of ``clusters``, in one pass over the votes."""
    # +run_id prevents SQLite from using the index on runs and rows: it would read the lines one by one, which
    # takes 25 times as long as reading the table where a run has 600,000 votes
    of_run = sa.literal_column(f"+{vote.name}.run_id", sa.BigInteger) == run_id
    found: dict[Cluster, set[int]] = {cluster: set() for cluster in clusters}
    for some in chunks(found):
        query = sa.select(vote.c.row, vote.c.cluster).where(of_run, vote.c.cluster.in_(some))
        for row, cluster in connection.execute(query):
            found[cluster].add(row)
    return {cluster: sorted(rows) for cluster, rows in found.items()}


def to_vote(line: Sequence[Any]) -> Vote:
    """One line of :func:`select_votes` as a vote."""
    row, kind, cluster, name, seq, first, who, name_checksum, checksum = line
    check_name(name, name_checksum)
    if of_vote(row, who, kind, cluster, seq, first) != checksum:
        raise damaged(f"an answer of {name!r} to row {row} is not as it was written")
    return Vote(row, kind, cluster, name, seq)


def select_rounds(run_id: int) -> sa.Select[Any]:
    """A run's rounds by index; for :func:`to_round`."""
    r = round_.c
    query = sa.select(r.index, r.budget, r.metrics, r.asked, r.last_seq, r.checksum)
    return query.where(r.run_id == run_id).order_by(r.index)


def to_round(line: Sequence[Any]) -> Round:
    """One line of :func:`select_rounds` as a round."""
    index, budget, metrics, asked, last_seq, checksum = line
    try:
        found = Round(index, budget, metrics, tuple(asked), last_seq)
        sound = of_round(found) == checksum
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise damaged(f"round {index} is not as it was written")
    return found


def find_events(
    connection: Connection,
    run_id: int,
    run_name: str,
    seqs: Sequence[int] | None,
    targets: Sequence[int] | None,
    client_prefix: str | None,
    noted: str | None,
) -> list[Event]:
    """See :meth:`activeclust.store.base.Run.find`."""
    query = select_events(run_id).order_by(None)  # by seq the whole log would be read
    if client_prefix is not None:
        query = query.where(*_begins(connection, event.c.client_id, client_prefix))
    if noted is not None:
        text = sa.type_coerce(event.c.details, sa.Text)
        # with seq > 0 SQLite reads by number, the order in which events lie; it takes any of the indexes on runs
        # otherwise, and with the one on rows eight times as long
        query = query.where(event.c.seq > 0, text.contains(json.dumps(noted), autoescape=True))
    parts = [query]
    for column, values in ((event.c.seq, seqs), (event.c.target, targets)):
        if values is not None:
            parts = [part.where(column.in_(some)) for part in parts for some in chunks(values)]
    found = [to_event(line, run_name) for part in parts for line in connection.execute(part)]
    if noted is not None:  # at the top level, not in a nested object or a text
        found = [item for item in found if noted in item.details]
    return sorted(found, key=lambda item: item.seq or 0)


def _begins(connection: Connection, column: Any, prefix: str) -> list[sa.ColumnElement[bool]]:
    """Conditions for texts that begin with a prefix."""
    exact = sa.func.substr(column, 1, len(prefix)) == prefix  # in LIKE, % and _ are wildcards
    if connection.dialect.name != "sqlite":  # the order of texts may depend on a language
        return [exact]
    return [exact, column >= prefix, column < prefix + "\U0010ffff"]  # what the index finds


def given_events(
    connection: Connection, run_id: int, run_name: str, seqs: Collection[int]
) -> dict[int, Event]:
    """The events of those numbers."""
    found = {}
    for some in chunks(seqs):
        query = select_events(run_id).order_by(None).where(event.c.seq.in_(some))
        for line in connection.execute(query):
            item = to_event(line, run_name)
            found[item.seq or 0] = item
    return found

"""What all rows of a run count as, read at once: a run of a million events has half a million of such lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.store.records import Cluster, Kind
from activeclust.store.sql.checksums import damaged, summed, typed
from activeclust.store.sql.queries import check_name, chunks
from activeclust.store.sql.schema import annotator, outcome
from activeclust.store.sql.types import Name

_AT_ONCE = 2_000  #: lines that are fetched together: so many fit into the processor's cache
_LONG = 100_000  #: events from which on a run is most of its table
_BEGINNING = "%r %r %s %r %r ".__mod__
_KINDS = {kind.value: kind for kind in Kind}


class Standing(NamedTuple):
    """What some rows count as, column by column, see :class:`activeclust.store.outcomes.Outcome`."""

    rows: Sequence[int]
    clusters: Sequence[Cluster | None]
    annotators: Sequence[str | None]
    seqs: Sequence[int]
    kinds: Sequence[Kind]
    firsts: Sequence[int]


def read_standing(
    connection: Connection, run_id: int, run_name: str, last_seq: int, total: int
) -> Iterator[Standing]:
    """What every row of a run counts as, by their first answers, some thousand rows at a time.

    Parameters
    ----------
    connection : Connection
    run_id : int
    run_name : str
    last_seq : int
        The run's newest event.
    total : int
        The sum of the lines' checksums.

    Raises
    ------
    ForeignDatabase
        A line is not as it was written, missing or doubled.
    """
    names = _names(connection, run_id, last_seq)
    clusters = _Clusters()
    seen = 0
    cursor = connection.execute(_select(connection, run_id, last_seq)).cursor
    assert cursor is not None
    # whole columns at once, from the driver's own tuples: anything done line by line takes longer than reading them
    while lines := cursor.fetchmany(_AT_ONCE):
        rows, kinds, spelled, who, seqs, firsts, checksums = zip(*lines, strict=True)
        named = [clusters[text] for text in spelled]
        # as in checksums.of_outcome
        begun = map(_BEGINNING, zip(rows, who, kinds, seqs, firsts, strict=True))
        found = tuple(map(crc32, [end for _, end in named], map(crc32, map(str.encode, begun))))
        if found != checksums:
            row = next(row for row, a, b in zip(rows, found, checksums, strict=True) if a != b)
            raise damaged(f"what row {row} counts as is not as it was written")
        seen = summed(checksums, seen)
        yield Standing(
            rows,
            [name for name, _ in named],
            [names[number] for number in who],
            seqs,
            [_KINDS[kind] for kind in kinds],
            firsts,
        )
    if seen != total:
        raise damaged(f"of what rows count as in run {run_name!r} something is missing or doubled")


def _select(connection: Connection, run_id: int, last_seq: int) -> sa.Select[Any]:
    o = outcome.c
    query = sa.select(
        o.row,
        sa.type_coerce(o.kind, sa.String),
        sa.type_coerce(o.cluster, sa.Text),
        o.annotator_id,
        o.seq,
        o.first,
        o.checksum,
    )
    return query.where(_of_run(connection, run_id, last_seq)).order_by(o.first)


def _of_run(connection: Connection, run_id: int, last_seq: int) -> sa.ColumnElement[bool]:
    if connection.dialect.name != "sqlite" or last_seq < _LONG:
        return outcome.c.run_id == run_id
    # +run_id keeps SQLite from the index on runs and rows, by which it finds the lines one by one, in three times the
    # time that reading the table takes
    return sa.literal_column(f"+{outcome.name}.run_id", sa.BigInteger) == run_id


def _names(connection: Connection, run_id: int, last_seq: int) -> dict[int | None, str | None]:
    """Names of those who gave the answers that count."""
    query = sa.select(outcome.c.annotator_id).where(_of_run(connection, run_id, last_seq)).distinct()
    wanted = [who for (who,) in connection.execute(query) if who is not None]
    names: dict[int | None, str | None] = {None: None}  # nobody's: in dispute
    columns = annotator.c.id, annotator.c.name, annotator.c.checksum
    for some in chunks(wanted):
        for who, name, checksum in connection.execute(sa.select(*columns).where(columns[0].in_(some))):
            check_name(name, checksum)
            names[who] = name
    if gone := [who for who in wanted if who not in names]:
        raise damaged(f"annotator {gone[0]} is gone")
    return names


class _Clusters(dict[str | None, tuple[Cluster | None, bytes]]):
    """From a cluster as it lies in the database to its name, and to what stands for it in a checksum."""

    def __init__(self) -> None:
        super().__init__()
        self._read = Name().result_processor(None, None)

    def __missing__(self, text: str | None) -> tuple[Cluster | None, bytes]:
        value = self._read(text)
        self[text] = found = (value, typed(value).encode())
        return found

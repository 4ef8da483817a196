"""Leases in a database: which rows are reserved for whom, and for how long."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from activeclust.store.checks import check_int
from activeclust.store.outcomes import Policy
from activeclust.store.sql.queries import chunks, insert
from activeclust.store.sql.schema import annotator, lease, vote
from activeclust.store.sql.transaction import annotator_id

_LARGEST_CHUNK = 8192
_FIRST_CHUNK = 64  #: number of rows in the first statement, which is nearly always enough


def take(
    connection: Connection,
    run_id: int,
    n_rows: int,
    policy: Policy,
    rows: Sequence[int],
    n: int,
    name: str,
    seconds: float,
) -> list[int]:
    """Lease up to ``n`` of ``rows``; see :meth:`activeclust.store.base.Run.lease`."""
    free: list[int] = []
    who = annotator_id(connection, name)
    expired = (lease.c.run_id == run_id) & (lease.c.expires <= _now(connection))
    connection.execute(lease.delete().where(expired))
    start, size = 0, max(_FIRST_CHUNK, 2 * n)
    while start < len(rows) and len(free) < n:
        given = [check_int(row, "A row", 0, n_rows) for row in rows[start : start + size]]
        wanted = list(dict.fromkeys(given))
        free += _take(connection, run_id, policy, wanted, n - len(free), name, who, seconds)
        start, size = start + size, min(8 * size, _LARGEST_CHUNK)
    return list(dict.fromkeys(free))


def _take(
    connection: Connection,
    run_id: int,
    policy: Policy,
    rows: list[int],
    n: int,
    name: str,
    who: int,
    seconds: float,
) -> list[int]:
    """Lease the first ``n`` free ones of ``rows`` in one statement."""
    place, row, source = _listed(connection, rows)
    other = lease.alias()
    theirs = (other.c.run_id == run_id) & (other.c.row == row) & (other.c.annotator_id != who)
    given = _count(vote, (vote.c.run_id == run_id) & (vote.c.row == row))
    free = (
        sa.select(sa.literal(run_id), row, sa.literal(who), _now(connection) + seconds)
        .select_from(source)
        .where(*wants(run_id, row, name, policy), given + _count(other, theirs) < policy.annotators)
        .order_by(place)
        .limit(n)
    )
    reserve = insert(connection, lease).from_select(["run_id", "row", "annotator_id", "expires"], free)
    reserve = reserve.on_conflict_do_update(
        index_elements=["run_id", "row", "annotator_id"], set_={"expires": reserve.excluded.expires}
    )
    taken = set(connection.execute(reserve.returning(lease.c.row)).scalars())
    return [row for row in rows if row in taken]


def wants(run_id: int, row: Any, name: str, policy: Policy) -> tuple[Any, Any]:
    """Conditions on a row: not answered by the annotator, not reviewed, and more answers are needed."""
    here = (vote.c.run_id == run_id) & (vote.c.row == row)
    mine = sa.exists().where(here, annotator.c.id == vote.c.annotator_id, annotator.c.name == name)
    return ~mine & ~sa.exists().where(here, vote.c.review), _count(vote, here) < policy.annotators


def held(connection: Connection, run_id: int, name: str | None) -> dict[int, str]:
    """Rows with a valid lease, and who holds them; only those of one annotator if a name is given."""
    query = (
        sa.select(lease.c.row, annotator.c.name)
        .join(annotator, annotator.c.id == lease.c.annotator_id)
        .where(lease.c.run_id == run_id, lease.c.expires > _now(connection))
        .order_by(lease.c.row, annotator.c.name)
    )
    lines = connection.execute(query if name is None else query.where(annotator.c.name == name)).all()
    return {line[0]: line[1] for line in lines}


def give_back(connection: Connection, run_id: int, name: str, rows: Sequence[int] | None) -> None:
    """End an annotator's leases, on ``rows`` or on all."""
    mine = (lease.c.run_id == run_id) & (lease.c.annotator_id == annotator_id(connection, name))
    if rows is None:
        connection.execute(lease.delete().where(mine))
    for some in chunks([] if rows is None else [int(row) for row in rows]):
        connection.execute(lease.delete().where(mine, lease.c.row.in_(some)))


def _count(table: Any, where: Any) -> Any:
    return sa.select(sa.func.count()).select_from(table).where(where).scalar_subquery()


def _now(connection: Connection) -> Any:
    """Seconds since 1970 by the database's clock, since the clocks of computers differ."""
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

"""Inserts many lines into one table: the statement is compiled once, and values go to the driver directly.

SQLAlchemy processes every parameter of every line; for 100,000 answers that takes longer than the database.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect


def write_lines(connection: Connection, table: sa.Table, lines: Sequence[tuple[Any, ...]]) -> None:
    """Insert ``lines``, each with the values of all columns of ``table`` in their order.

    Examples
    --------
    >>> table = sa.Table("t", sa.MetaData(), sa.Column("x", sa.Integer), sa.Column("y", sa.Text))
    >>> with sa.create_engine("sqlite://").begin() as connection:
    ...     table.create(connection)
    ...     write_lines(connection, table, [(1, "a"), (2, None)])
    ...     connection.execute(table.select()).all()
    [(1, 'a'), (2, None)]
    """
    if not lines:
        return
    text, names, binds = _statement(table, connection.dialect)
    columns = zip(*lines, strict=True)  # column by column: most columns need no conversion
    made = [
        column if bind is None else [bind(value) for value in column]
        for bind, column in zip(binds, columns, strict=True)
    ]
    values: Any = list(zip(*made, strict=True))
    if names is not None:
        values = [dict(zip(names, line, strict=True)) for line in values]
    connection.exec_driver_sql(text, values)


@functools.lru_cache(maxsize=64)
def _statement(
    table: sa.Table, dialect: Dialect
) -> tuple[str, tuple[str, ...] | None, tuple[Callable[[Any], Any] | None, ...]]:
    """The INSERT statement, the names of its parameters if it has them, and the conversion of each column."""
    names = tuple(column.name for column in table.columns)
    compiled = table.insert().compile(dialect=dialect, column_keys=list(names))
    assert not compiled.positional or compiled.positiontup == list(names)
    binds = tuple(column.type.dialect_impl(dialect).bind_processor(dialect) for column in table.columns)
    return str(compiled), None if compiled.positional else names, binds

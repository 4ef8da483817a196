"""Opens a database of any schema for the commands that check or change it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL, Connection, Engine

from activeclust.store.sql.engine import make_engine, parse_url


@contextmanager
def opened(url_or_path: str | os.PathLike[str]) -> Iterator[tuple[Engine, URL]]:
    """An engine for a ``with`` block; foreign keys are not enforced."""
    url = parse_url(os.fspath(url_or_path))
    engine = make_engine(url, create=False, foreign_keys=False)
    try:
        yield engine, url
    finally:
        engine.dispose()


def file_problems(connection: Connection) -> tuple[str, ...]:
    """The findings of SQLite's own checks; empty for another database."""
    if connection.dialect.name != "sqlite":
        return ()
    found = [line[0] for line in connection.exec_driver_sql("PRAGMA integrity_check(100)")]
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    found += [f"a line of {line[0]} refers to a line of {line[2]} that is missing" for line in broken[:10]]
    return tuple(problem for problem in found if problem != "ok")

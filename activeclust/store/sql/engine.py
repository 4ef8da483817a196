"""Connections: one engine per store, with the settings that make each database safe for several processes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url

from activeclust.errors import (
    ForeignDatabase,
    InvalidInput,
    MissingDependency,
    StoreError,
    StoreUnavailable,
)
from activeclust.store.secrets import masked
from activeclust.store.sql.file import BUSY_SECONDS, SqliteFile

_DAMAGED = ("not a database", "malformed", "unsupported file format", "Could not decode")
_SQLITE = re.compile(r"sqlite(?:\+pysqlite)?:///(.*)", re.DOTALL)
_MISTYPED = re.compile(r"postgres[a-z0-9+]*:", re.IGNORECASE)
_EXPECTED = "Expected a path, sqlite:///PATH or postgresql://USER@HOST/NAME"


def parse_url(url_or_path: str) -> URL:
    """The URL of a database; a plain path is an SQLite file.

    Everything after ``sqlite:///`` is the path of an SQLite URL; it cannot have options.
    """
    if "\0" in url_or_path or not url_or_path:
        raise InvalidInput(f"{_EXPECTED}, got {url_or_path!r}.")
    if "://" not in url_or_path and _MISTYPED.match(url_or_path):
        raise InvalidInput(f"{_EXPECTED}, got {masked(url_or_path)!r}.")
    if "://" not in url_or_path and masked(url_or_path) != url_or_path:
        # libpq accepts this form; as a file name it would show the password in the folder
        raise InvalidInput(f"{_EXPECTED}, got a text with a password in it, which is none of these.")
    if "://" not in url_or_path:
        return URL.create("sqlite", database=str(Path(url_or_path).expanduser()))
    if found := _SQLITE.fullmatch(url_or_path):
        path = found[1]
        if not path or path == ":memory:" or "=" in path.partition("?")[2]:
            raise InvalidInput(
                f"{_EXPECTED}, without options; got {url_or_path!r}. A file of such a name is given as a path."
            )
        return URL.create("sqlite", database=path)
    authority = url_or_path.partition("://")[2].partition("?")[0]
    if authority.count("@") > 1 or "@" in authority.partition("/")[2]:
        raise InvalidInput(
            f"Not a database URL: {masked(url_or_path)!r}. In a user's name and password the characters @ : / ? # are "
            "written %40 %3A %2F %3F %23."
        )
    try:
        url = make_url(url_or_path)
        backend = url.drivername.split("+")[0]
    except (sa.exc.ArgumentError, ValueError):  # SQLAlchemy's message may contain parts of the password
        raise InvalidInput(f"Not a database URL: {masked(url_or_path)!r}. {_EXPECTED}.") from None
    if backend not in ("postgresql", "postgres"):
        raise InvalidInput(f"{_EXPECTED}, got {masked(url_or_path)!r}.")
    password = url.query.get("password")
    if isinstance(password, str):  # it is never printed
        url = url.difference_update_query(["password"]).set(password=password)
    return url.set(drivername="postgresql+psycopg")


def shown(url: URL) -> str:
    """A URL with its password hidden; without a password it can be used again."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    return masked(url.render_as_string(hide_password=True))


def make_engine(url: URL, *, create: bool = False, foreign_keys: bool = True) -> Engine:
    """An engine with the right kind of transactions; it does not connect yet.

    ``foreign_keys=False`` is for SQLite migrations: they change a table by dropping it, which would otherwise delete
    every line that refers to it.
    """
    if url.get_backend_name() == "sqlite":
        assert url.database is not None
        file = SqliteFile(Path(url.database), create=create)
        engine = sa.create_engine(
            "sqlite://",
            creator=file.connect,
            poolclass=sa.QueuePool,
            execution_options={"activeclust_file": file, "activeclust_url": url},
        )
        if foreign_keys:
            event.listen(engine, "connect", _check_foreign_keys)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    given = url.query.get("options", "")
    options = f"{given if isinstance(given, str) else ' '.join(given)} -c lock_timeout={int(BUSY_SECONDS)}s"
    try:
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "options": options.strip()},
            execution_options={"activeclust_url": url},
        )
    except ImportError as error:
        raise MissingDependency(
            "PostgreSQL needs the driver psycopg: pip install 'activeclust[postgres]'."
        ) from error


def url_of(engine: Engine) -> URL:
    """The URL of an engine."""
    return engine.get_execution_options()["activeclust_url"]


def _check_foreign_keys(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # a deferred transaction that reads and then writes fails if another one has written meanwhile
    file: SqliteFile = connection.get_execution_options()["activeclust_file"]
    file.check(_raw(connection))
    if not connection.get_execution_options().get("activeclust_write", False):
        connection.exec_driver_sql("BEGIN")
        return
    file.prepare_write(_raw(connection))
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    file.note_wal(_raw(connection))


def _raw(connection: Connection) -> sqlite3.Connection:
    found = connection.connection.dbapi_connection
    assert isinstance(found, sqlite3.Connection)
    return found


@contextmanager
def transaction(engine: Engine, *, write: bool) -> Iterator[Connection]:
    """A connection in a transaction that is committed at the end; raises the package's errors instead of the driver's.

    Data are committed to an SQLite file only if it is still the file of that name, and acknowledged only if it is
    afterwards.
    """
    with translated(url_of(engine)):
        options: dict[str, object] = {"activeclust_write": write}
        if engine.dialect.name == "postgresql":
            options["isolation_level"] = "READ COMMITTED" if write else "REPEATABLE READ"
        file: SqliteFile | None = engine.get_execution_options().get("activeclust_file")
        with engine.connect().execution_options(**options) as connection:
            with connection.begin():
                yield connection
                if write and file is not None:
                    file.check(_raw(connection))
            if write and file is not None:
                file.check(_raw(connection))


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Raise the package's errors instead of the driver's."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
        raise _translate(error, url) from error
    except UnicodeDecodeError as error:  # sqlite3 raises this for a damaged file
        raise ForeignDatabase(f"{url.database} is damaged: it holds text that is no text.") from error


def _translate(error: Exception, url: URL) -> Exception:
    original = getattr(error, "orig", None) or error
    where = shown(url)
    reason = masked(" ".join(str(original).split())) or type(original).__name__
    if isinstance(original, sqlite3.Error):
        if any(words in reason for words in _DAMAGED):
            return ForeignDatabase(f"{url.database} is damaged or not an SQLite database: {reason}.")
        if isinstance(original, sqlite3.OperationalError):
            return StoreUnavailable(
                f"Cannot use {url.database}: {reason}. Answers acknowledged before are in the file."
            )
    if isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)):
        return StoreUnavailable(f"Cannot use {where}: {reason}. Answers acknowledged before are kept.")
    return StoreError(f"The database at {where} refused: {reason}.")

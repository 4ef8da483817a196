"""Connections: one engine a store, with what each database needs to be safe among processes."""

from __future__ import annotations

import sqlite3
import time
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

BUSY_SECONDS = 60.0  #: how long a writer waits for the others
_DAMAGED = ("not a database", "malformed", "unsupported file format", "Could not decode")
_SQLITE_MAGIC = b"SQLite format 3\0"


def parse_url(url_or_path: str) -> URL:
    """The URL of a database; a plain path is an SQLite file."""
    if "://" not in url_or_path:
        return URL.create("sqlite", database=str(Path(url_or_path).expanduser()))
    try:
        url = make_url(url_or_path)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise InvalidInput(f"Not a database URL: {url_or_path!r} ({error}).") from error
    backend = url.drivername.split("+")[0]
    if backend == "sqlite" and url.database and not url.query:
        return URL.create("sqlite", database=url.database)
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise InvalidInput(
        f"Expected a path, sqlite:///PATH or postgresql://USER@HOST/NAME, got {url.render_as_string()!r}."
    )


def check_file(path: Path, *, create: bool) -> None:
    """Refuse what cannot become an SQLite file, before SQLite gets to it."""
    try:
        if path.is_dir():
            raise StoreUnavailable(f"{path} is a folder; expected a database file.")
        if not path.exists():
            if not create:
                raise StoreUnavailable(f"There is no database at {path}.")
            if not path.absolute().parent.is_dir():
                raise StoreUnavailable(f"Cannot create {path}: there is no folder {path.absolute().parent}.")
            return
        with path.open("rb") as file:
            head = file.read(len(_SQLITE_MAGIC))
    except OSError as error:
        raise StoreUnavailable(f"Cannot read {path}: {error.strerror}.") from error
    if head and head != _SQLITE_MAGIC:
        raise ForeignDatabase(f"{path} is not an SQLite database; it has been left as it is.")


def make_engine(url: URL, *, foreign_keys: bool = True) -> Engine:
    """An engine whose transactions begin as they should; nothing is connected yet.

    ``foreign_keys=False`` is for SQLite migrations: a table is changed there by dropping it, and that
    would take along every line that refers to it.
    """
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, poolclass=sa.QueuePool)
        event.listen(engine, "connect", _prepare_sqlite)
        if foreign_keys:
            event.listen(engine, "connect", _check_foreign_keys)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    given = url.query.get("options", "")
    options = f"{given if isinstance(given, str) else ' '.join(given)} -c lock_timeout={int(BUSY_SECONDS)}s"
    try:
        return sa.create_engine(
            url, pool_pre_ping=True, connect_args={"connect_timeout": 10, "options": options.strip()}
        )
    except ImportError as error:
        raise MissingDependency(
            "PostgreSQL needs the driver psycopg: pip install 'activeclust[postgres]'."
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin_sqlite
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    _enter_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")  # under WAL anything less loses answers with the power


def _check_foreign_keys(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Switch a file to WAL. Going there from another mode does not wait for other processes that do
    the same at this moment (SQLite reports BUSY at once, to avoid a deadlock), so it is tried again."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        else:
            if mode == "wal":
                return
            if time.monotonic() > deadline:
                raise sqlite3.OperationalError(f"cannot leave journal mode {mode!r} for WAL")
        time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    # a deferred transaction that reads and then writes fails at once where another has written in between
    write = connection.get_execution_options().get("activeclust_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def transaction(engine: Engine, *, write: bool) -> Iterator[Connection]:
    """A connection in a transaction that is committed at the end; database errors come out as ours."""
    with translated(engine.url):
        options: dict[str, object] = {"activeclust_write": write}
        if engine.dialect.name == "postgresql":
            options["isolation_level"] = "READ COMMITTED" if write else "REPEATABLE READ"
        with engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Raise the package's errors in place of the driver's."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
        raise _translate(error, url) from error
    except (
        UnicodeDecodeError
    ) as error:  # sqlite3 fails so on a damaged file, even in making its error message
        raise ForeignDatabase(f"{url.database} is damaged: it holds text that is no text.") from error


def _translate(error: Exception, url: URL) -> Exception:
    original = getattr(error, "orig", None) or error
    where = url.render_as_string(hide_password=True)
    reason = " ".join(str(original).split()) or type(original).__name__
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

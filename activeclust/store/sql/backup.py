"""Copies an SQLite database while people answer: ``activeclust db backup``."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from activeclust.errors import InvalidInput, StoreError, StoreUnavailable
from activeclust.resources.unfinished import beside
from activeclust.store.sql.engine import parse_url, shown, translated
from activeclust.store.sql.file import SqliteFile


def backup_database(url_or_path: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Copy a database into a new file, complete and consistent even while others write.

    A file copied by other means lacks the events that are still in the write-ahead log.

    Parameters
    ----------
    url_or_path : str or path
        An SQLite database.
    target : str or path
        A name not in use.

    Raises
    ------
    InvalidInput
        For a PostgreSQL database; use ``pg_dump``.
    StoreUnavailable
        If there is no database, the copy cannot be written, or its name is in use.
    ForeignDatabase
        For a file of another program, or one too damaged to be copied.
    """
    url = parse_url(os.fspath(url_or_path))
    if url.get_backend_name() != "sqlite":
        raise InvalidInput(
            "This copies SQLite files. PostgreSQL has a command of its own: pg_dump --format=custom "
            f"--table='activeclust_*' --file=FILE '{shown(url.set(drivername='postgresql'))}'"
        )
    copy = Path(target)
    backup(Path(str(url.database)), copy)
    return copy


def backup(source: Path, target: Path) -> None:
    """Copy the SQLite file ``source`` to ``target``, which must not exist; see :func:`backup_database`."""
    file = SqliteFile(source, create=False)
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(beside(target)) / target.name
        except OSError as error:
            raise StoreUnavailable(f"Cannot write {target}: {error.strerror or error}.") from error
        made.touch(mode=0o600)
        with (
            translated(URL.create("sqlite", database=str(source))),
            closing(file.connect()) as connection,
            closing(sqlite3.connect(made)) as copy,
        ):
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # a single file, without a write-ahead log
        with made.open("rb+") as written:
            os.fsync(written.fileno())
        made.chmod(source.stat().st_mode & 0o777 | 0o200)  # so that a copy of a read-only file can be written
        take_name(made, target)


def take_name(made: Path, target: Path) -> None:
    """Give a finished file its name; StoreUnavailable if the name is in use."""
    try:
        os.link(made, target)  # fails if the name is in use, so nothing is overwritten
    except FileExistsError:
        raise StoreUnavailable(f"There is a file {target} already: give another name.") from None
    except OSError:  # a file system without links
        if target.exists():
            raise StoreUnavailable(f"There is a file {target} already: give another name.") from None
        try:
            made.replace(target)
        except OSError as error:
            raise StoreError(f"Cannot write {target}: {error.strerror or error}.") from error
    with contextlib.suppress(OSError):  # make the folder's entry durable, if the system can
        folder = os.open(target.absolute().parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

"""Mending what can be mended: ``activeclust db repair``. Events are the truth; all else is made from them again."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from activeclust.errors import ForeignDatabase, SchemaMismatch, StoreError, StoreUnavailable
from activeclust.resources.unfinished import beside, clear_beside
from activeclust.store.records import Round
from activeclust.store.sql.check import check
from activeclust.store.sql.checksums import of_name
from activeclust.store.sql.engine import make_engine, shown, transaction, translated
from activeclust.store.sql.file import SqliteFile, is_marked
from activeclust.store.sql.opened import opened
from activeclust.store.sql.salvage import SavedRun, saved_annotators, saved_runs
from activeclust.store.sql.schema import HEAD, VERSION_TABLE, annotator, metadata
from activeclust.store.sql.schema import run as run_table
from activeclust.store.sql.store import create_tables, lock_creation
from activeclust.store.sql.transaction import insert_run


@dataclass(frozen=True)
class Repair:
    """The result of ``db repair``."""

    url: str
    problems: tuple[str, ...]  #: the damage; empty if there was none
    copy: Path | None  #: copy of the previous file; None if there was no damage, or on PostgreSQL
    lost: int  #: number of damaged events that were removed
    gone: int = 0  #: number of events that were missing before, as the numbers of the others show
    in_part: bool = False  #: whether more may be missing: the damage does not show how much there was


class _Missing(NamedTuple):
    """What is not in the repaired runs; see :class:`Repair`."""

    lost: int
    gone: int
    more: bool

    @classmethod
    def of(cls, runs: Iterable[SavedRun]) -> _Missing:
        runs = list(runs)
        lost = sum(run.n_events - len(run.numbers) for run in runs)
        return cls(lost, sum(run.n_gone for run in runs), not all(run.is_counted for run in runs))


def repair(url_or_path: str | os.PathLike[str]) -> Repair:
    """Repair a database: everything is derived from its events again.

    Lost events cannot be recovered; altered events are removed, and the others renumbered. An SQLite file is first
    copied to the same folder. Nobody else may use the database meanwhile.

    Raises
    ------
    StoreUnavailable, ForeignDatabase
        If the database cannot be opened, is in use, or is not one of this package.
    SchemaMismatch
        If it has another schema.
    StoreError
        If it could not be repaired; it is unchanged.
    """
    with opened(url_or_path) as (_, url):
        is_file = url.get_backend_name() == "sqlite"
    if is_file:
        clear_beside(str(url.database))  # of a repair that was killed when it had done its work
    try:
        status = check(url_or_path)
    except ForeignDatabase as error:  # too damaged to be checked; its header says whose it is
        if not (is_file and is_marked(Path(str(url.database)))):
            raise
        problems: tuple[str, ...] = (str(error),)
        in_part = True  # of whole runs nothing may be left
    else:
        in_part = False
        if status.found is None:
            raise StoreUnavailable(f"{status.url} holds no runs yet: there is nothing to repair.")
        if status.found != HEAD:
            raise SchemaMismatch(
                f"{status.url} has schema {status.found}, this is {HEAD}. Run: {status.remedy}"
            )
        problems = status.problems
    if not problems:
        return Repair(shown(url), (), None, 0)
    copy, missing = _mend_file(Path(str(url.database))) if is_file else (None, _mend_in_place(url))
    if left := check(url_or_path).problems:
        raise StoreError(f"{shown(url)} could be repaired only in part: {left[0]}.")
    return Repair(shown(url), problems, copy, missing.lost, missing.gone, in_part or missing.more)


def _mend_in_place(url: URL) -> _Missing:
    """Replace all data in one transaction."""
    engine = make_engine(url)
    try:
        with transaction(engine, write=True) as connection:
            lock_creation(connection)
            names = saved_annotators(connection)[0]
            runs = list(saved_runs(connection, names))
            metadata.drop_all(connection)
            connection.execute(sa.text(f"DROP TABLE {VERSION_TABLE}"))
            create_tables(connection)
            _write(connection, runs, names)
    finally:
        engine.dispose()
    return _Missing.of(runs)


def _mend_file(path: Path) -> tuple[Path, _Missing]:
    """Write a new database beside the file, then its content into the file, in one transaction of SQLite's.

    A file that SQLite cannot write to, and so nobody else can use, is replaced.
    """
    SqliteFile(path, create=False)  # it is this package's, and not a folder
    if not (os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)):
        raise StoreUnavailable(f"Nothing can be written into {path}, or beside it: repair a copy.")
    with (
        translated(URL.create("sqlite", database=str(path))),
        beside(path) as folder,
        closing(sqlite3.connect(path, isolation_level=None)) as connection,
    ):
        usable = _shut_others_out(connection, path)
        copy = _free_name(path, "damaged")
        _copy(path, copy)
        source, made = folder / "source.db", folder / "made.db"
        _copy(path, source)
        missing = _make_again(source, made, path)
        with closing(sqlite3.connect(made)) as mended:
            if usable:
                try:
                    mended.backup(connection)
                except sqlite3.DatabaseError:
                    usable = False
        if not usable:
            connection.close()
            for ending in ("-wal", "-shm"):
                path.with_name(path.name + ending).unlink(missing_ok=True)
            made.replace(path)
    return copy, missing


def _shut_others_out(connection: sqlite3.Connection, path: Path) -> bool:
    """Lock the file until the connection is closed; False if it is too damaged for that."""
    try:
        connection.execute("PRAGMA writable_schema = ON")  # with this SQLite also opens a truncated file
        connection.execute("PRAGMA busy_timeout = 2000")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise StoreUnavailable(
                f"{path} is in use: end every loop and page that answers into it first."
            ) from error
        return False
    return True


def _free_name(path: Path, ending: str) -> Path:
    numbered = (path.with_name(f"{path.name}.{ending}{f'-{i}' if i else ''}") for i in itertools.count())
    return next(name for name in numbered if not name.exists())


def _copy(path: Path, copy: Path) -> None:
    """Copy the file and its write-ahead log byte by byte."""
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists():
        shutil.copy2(wal, copy.with_name(f"{copy.name}-wal"))
    shutil.copy2(path, copy)


def _make_again(source: Path, made: Path, path: Path) -> _Missing:
    """Write a new database from the readable part of another one; returns the numbers of damaged and missing events."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(source, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA writable_schema = ON")
        return connection

    # without transactions: ending one raises an error if a damaged page was read
    reading = sa.create_engine(
        "sqlite://", creator=connect, poolclass=sa.StaticPool, isolation_level="AUTOCOMMIT"
    )
    target = make_engine(URL.create("sqlite", database=str(made)), create=True)
    try:
        with reading.connect() as connection:
            names = saved_annotators(connection)[0]
            runs = list(saved_runs(connection, names))
        if not runs:
            raise StoreError(f"{path} holds nothing any more that could be read.")
        with transaction(target, write=True) as connection:
            create_tables(connection)
            _write(connection, runs, names)
    finally:
        reading.dispose()
        target.dispose()
    with closing(sqlite3.connect(made)) as plain:
        plain.execute("PRAGMA journal_mode = DELETE")
    shutil.copymode(path, made)
    return _Missing.of(runs)


def _write(connection: Connection, runs: Iterable[SavedRun], names: dict[int, str]) -> None:
    """Write runs into empty tables; runs and annotators keep their numbers."""
    now = datetime.now(timezone.utc)
    people = [
        {"id": number, "name": name, "created_at": now, "checksum": of_name(name)}
        for number, name in names.items()
    ]
    if people:
        connection.execute(annotator.insert(), people)
    taken: set[str] = set()
    for run in runs:
        name = run.spec.name
        while name in taken:
            name = f"{name[:180]} ({run.id})"
        taken.add(name)
        spec = replace(run.spec, name=name)
        events = [replace(event, seq=None) for event in run.model.events()]
        times = {"id": run.id, "created_at": run.created_at}
        if insert_run(connection, spec, events, _rounds(run), **times) is None:
            raise StoreError(f"Run {name!r} could not be written again.")
    if connection.dialect.name == "postgresql":  # explicit numbers do not advance the sequence
        for table in (annotator, run_table):
            sequence = sa.func.pg_get_serial_sequence(table.name, "id")
            highest = sa.select(sa.func.coalesce(sa.func.max(table.c.id), 1)).scalar_subquery()
            connection.execute(sa.select(sa.func.setval(sequence, highest)))


def _rounds(run: SavedRun) -> list[Round]:
    """Rounds with the new numbers of their last events."""
    if run.complete:
        return run.rounds
    old = sorted(run.numbers)
    return [replace(item, last_seq=bisect_right(old, item.last_seq)) for item in run.rounds]

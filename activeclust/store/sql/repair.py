"""Mending what can be mended: ``activeclust db repair``. Events are the truth; all else is made from them again."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from activeclust.errors import SchemaMismatch, StoreError, StoreUnavailable
from activeclust.store.base import Round
from activeclust.store.sql.backup import take_name
from activeclust.store.sql.check import check
from activeclust.store.sql.checksums import of_name
from activeclust.store.sql.engine import make_engine, transaction, translated
from activeclust.store.sql.file import SqliteFile
from activeclust.store.sql.opened import opened
from activeclust.store.sql.salvage import SavedRun, saved_annotators, saved_runs
from activeclust.store.sql.schema import HEAD, VERSION_TABLE, annotator, metadata
from activeclust.store.sql.schema import run as run_table
from activeclust.store.sql.store import create_tables, lock_creation
from activeclust.store.sql.transaction import insert_run


@dataclass(frozen=True)
class Repair:
    """What ``db repair`` did."""

    url: str
    problems: tuple[str, ...]  #: what was wrong before; empty where nothing was to be done
    copy: Path | None  #: the file as it was; None where nothing was to be done, or on PostgreSQL
    lost: int  #: events that could not be trusted and are not there any more


def repair(url_or_path: str | os.PathLike[str]) -> Repair:
    """Make a database sound: everything is made from its events again.

    Events that are gone stay gone; those that are not as they were written are taken out, and the others move up.
    An SQLite file is copied beside itself first, as it is. Nobody else may use the database meanwhile.

    Raises
    ------
    StoreUnavailable, ForeignDatabase
        The database cannot be opened, is in use, or is not one of this package.
    SchemaMismatch
        It is of another schema.
    StoreError
        It could not be mended; it is as it was.
    """
    status = check(url_or_path)
    if status.found is None:
        raise StoreUnavailable(f"{status.url} holds no runs yet: there is nothing to repair.")
    if status.found != HEAD:
        raise SchemaMismatch(f"{status.url} has schema {status.found}, this is {HEAD}. Run: {status.remedy}")
    if not status.problems:
        return Repair(status.url, (), None, 0)
    with opened(url_or_path) as (_, url):
        pass
    if url.get_backend_name() == "sqlite":
        copy, lost = _mend_file(Path(str(url.database)))
    else:
        copy, lost = None, _mend_in_place(url)
    left = check(url_or_path).problems
    if left:
        raise StoreError(f"{status.url} could be mended in part only: {left[0]}.")
    return Repair(status.url, status.problems, copy, lost)


def _mend_in_place(url: URL) -> int:
    """In one transaction; afterwards nothing of what there was is left, or all of it."""
    engine = make_engine(url)
    try:
        with transaction(engine, write=True) as connection:
            lock_creation(connection)
            runs, names = list(saved_runs(connection)), saved_annotators(connection)[0]
            metadata.drop_all(connection)
            connection.execute(sa.text(f"DROP TABLE {VERSION_TABLE}"))
            create_tables(connection)
            _write(connection, runs, names)
    finally:
        engine.dispose()
    return sum(run.n_events - len(run.numbers) for run in runs)


def _mend_file(path: Path) -> tuple[Path, int]:
    """Write a new database beside the file, then its content into the file, in one transaction of SQLite's."""
    file = SqliteFile(path, create=False)
    with translated(URL.create("sqlite", database=str(path))), closing(file.connect()) as connection:
        file.prepare_write(connection)
        _shut_others_out(connection, path)
        copy = _copy_as_it_is(path)
        folder = tempfile.TemporaryDirectory(prefix=".activeclust-repair-", dir=file.path.parent)
        with folder:
            made = Path(folder.name) / "mended.db"
            lost = _mended(copy, made)
            with closing(sqlite3.connect(made)) as mended:
                try:
                    mended.backup(connection)
                except sqlite3.Error as error:
                    rescued = path.with_name(f"{path.name}.mended")
                    take_name(made, rescued)
                    raise StoreError(
                        f"{path} is too damaged to be written into ({error}). What could be saved is in {rescued}: "
                        f"move {path} and what lies beside it away, and give {rescued} its name."
                    ) from error
    return copy, lost


def _shut_others_out(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA busy_timeout = 2000")
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    try:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        raise StoreUnavailable(
            f"{path} is in use: end every loop and page that answers into it first."
        ) from error


def _copy_as_it_is(path: Path) -> Path:
    """The file and its write-ahead log, byte for byte, under a name not in use."""
    import shutil

    number = 0
    while True:
        copy = path.with_name(f"{path.name}.damaged{f'-{number}' if number else ''}")
        if not copy.exists():
            break
        number += 1
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists():
        shutil.copy2(wal, copy.with_name(f"{copy.name}-wal"))
    shutil.copy2(path, copy)
    return copy


def _mended(damaged: Path, made: Path) -> int:
    source = make_engine(URL.create("sqlite", database=str(damaged)), foreign_keys=False)
    target = make_engine(URL.create("sqlite", database=str(made)), create=True)
    lost = 0
    try:
        with transaction(source, write=False) as reading, transaction(target, write=True) as connection:
            create_tables(connection)
            runs = saved_runs(reading)
            lost = _write(connection, runs, saved_annotators(reading)[0])
    finally:
        source.dispose()
        target.dispose()
    with closing(sqlite3.connect(made)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return lost


def _write(connection: Connection, runs: Iterable[SavedRun], names: dict[int, str]) -> int:
    """Write runs into empty tables, under the numbers that they and their annotators had."""
    now = datetime.now(timezone.utc)
    people = [
        {"id": number, "name": name, "created_at": now, "checksum": of_name(name)}
        for number, name in names.items()
    ]
    if people:
        connection.execute(annotator.insert(), people)
    lost = 0
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
        lost += run.n_events - len(run.numbers)
    if connection.dialect.name == "postgresql":  # numbers that are given do not move what counts them
        for table in (annotator, run_table):
            sequence = sa.func.pg_get_serial_sequence(table.name, "id")
            highest = sa.select(sa.func.coalesce(sa.func.max(table.c.id), 1)).scalar_subquery()
            connection.execute(sa.select(sa.func.setval(sequence, highest)))
    return lost


def _rounds(run: SavedRun) -> list[Round]:
    """Rounds with the new numbers of the events that they knew of."""
    if run.complete:
        return run.rounds
    old = sorted(run.numbers)
    return [replace(item, last_seq=bisect_right(old, item.last_seq)) for item in run.rounds]

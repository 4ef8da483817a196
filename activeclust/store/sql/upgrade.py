"""Whether a database is sound and of today's schema, and bringing an older one there.

This is what ``activeclust db check`` and ``activeclust db upgrade`` call.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, Connection, Engine

from activeclust.errors import ActiveClustError, SchemaMismatch, StoreError, StoreUnavailable
from activeclust.store.sql.engine import check_file, make_engine, parse_url, transaction, translated
from activeclust.store.sql.schema import HEAD, REVISIONS, VERSION_TABLE
from activeclust.store.sql.store import SqlStore, lock_creation, read_version

MIGRATIONS = Path(__file__).parents[1] / "migrations"


@dataclass(frozen=True)
class Status:
    """What ``db check`` found."""

    url: str
    found: str | None  #: the database's schema, None where it has none of our tables
    head: str  #: the schema of this version of the package
    n_runs: int | None = None  #: None where the schema is another one
    n_events: int | None = None
    problems: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """``"current"``, ``"older"``, ``"newer"`` or ``"empty"``."""
        if self.found is None:
            return "empty"
        if self.found == self.head:
            return "current"
        return "older" if self.found in REVISIONS else "newer"

    @property
    def ok(self) -> bool:
        """Whether the database can be used as it is."""
        return self.state == "current" and not self.problems

    @property
    def remedy(self) -> str | None:
        """The command that mends it, None where nothing needs to be done or no command helps."""
        return {
            "older": f"activeclust db upgrade {self.url}",
            "newer": "pip install --upgrade activeclust",
        }.get(self.state)


@dataclass(frozen=True)
class Report:
    """What ``db upgrade`` did."""

    url: str
    before: str
    after: str
    copy: Path | None  #: the file as it was; None where nothing was to be done, or on PostgreSQL


def check(url_or_path: str | os.PathLike[str]) -> Status:
    """Look a database over without changing it.

    The file's own structure is checked (SQLite's integrity check), and for every run the current
    anchors are derived from the log again and compared with the stored ones.

    Raises
    ------
    StoreUnavailable, ForeignDatabase
        The database cannot be opened, or is not one of this package.
    """
    with _opened(url_or_path) as (engine, url):
        where = url.render_as_string(hide_password=True)
        with transaction(engine, write=False) as connection:
            found = read_version(connection)
            problems = _file_problems(connection)
    if found != HEAD:
        return Status(where, found, HEAD, problems=problems)
    with closing(SqlStore(os.fspath(url_or_path), create=False)) as store:
        names = [info.spec.name for info in store.runs()]
        n_events = sum(store.open_run(name).last_seq for name in names)
        problems += tuple(problem for name in names for problem in _run_problems(store, name))
    return Status(where, found, HEAD, len(names), n_events, problems)


def upgrade(url_or_path: str | os.PathLike[str]) -> Report:
    """Bring a database to today's schema, an SQLite file after it has been copied beside itself.

    All of it happens in one transaction: after a failure the database is as it was.

    Raises
    ------
    SchemaMismatch
        The database is newer than this package.
    StoreUnavailable, ForeignDatabase
        The database cannot be opened, or is not one of this package.
    StoreError
        A migration failed; nothing has changed.
    """
    with _opened(url_or_path) as (engine, url):
        where = url.render_as_string(hide_password=True)
        with transaction(engine, write=False) as connection:
            before = read_version(connection)
        if before is None:
            raise StoreUnavailable(f"{where} holds no runs yet: there is nothing to upgrade.")
        if before == HEAD:
            return Report(where, before, before, None)
        if before not in REVISIONS:
            raise SchemaMismatch(
                f"{where} has schema {before} and this version knows up to {HEAD}: it is newer. "
                "Run: pip install --upgrade activeclust"
            )
        copy = None
        if url.get_backend_name() == "sqlite":
            assert url.database is not None
            copy = copy_file(Path(url.database), before)
        with transaction(engine, write=True) as connection:
            lock_creation(connection)
            _migrate(connection, where)
        return Report(where, before, HEAD, copy)


def copy_file(path: Path, revision: str) -> Path:
    """A copy of an SQLite file beside it, under a name not in use; what is still in the WAL is in it."""
    number = 0
    while True:
        copy = path.with_name(f"{path.name}.schema-{revision}{f'-{number}' if number else ''}")
        if not copy.exists():
            break
        number += 1
    with (
        translated(URL.create("sqlite", database=str(copy))),
        closing(sqlite3.connect(path)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


@contextmanager
def _opened(url_or_path: str | os.PathLike[str]) -> Iterator[tuple[Engine, URL]]:
    url = parse_url(os.fspath(url_or_path))
    if url.get_backend_name() == "sqlite":
        assert url.database is not None
        check_file(Path(url.database), create=False)
    engine = make_engine(url, foreign_keys=False)
    try:
        yield engine, url
    finally:
        engine.dispose()


def _migrate(connection: Connection, where: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except ActiveClustError:
        raise
    except Exception as error:
        raise StoreError(f"Could not upgrade {where}, which is as it was: {error}.") from error
    if problems := _file_problems(connection):
        raise StoreError(f"Could not upgrade {where}, which is as it was: {problems[0]}.")


def _file_problems(connection: Connection) -> tuple[str, ...]:
    if connection.dialect.name != "sqlite":
        return ()
    found = [line[0] for line in connection.exec_driver_sql("PRAGMA integrity_check(10)")]
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    found += [f"a line of {line[0]} refers to a line of {line[2]} that is missing" for line in broken[:10]]
    return tuple(problem for problem in found if problem != "ok")


def _run_problems(store: SqlStore, name: str) -> list[str]:
    """What in a run's derived tables does not follow from its log."""
    from activeclust.store.memory import MemoryStore

    run = store.open_run(name)
    events = run.events()
    if [event.seq for event in events] != list(range(1, run.last_seq + 1)):
        return [f"run {name!r}: the log has gaps"]
    try:
        model = MemoryStore().create_run(run.spec)
        model.extend(events)
    except ActiveClustError as error:
        return [f"run {name!r}: the log holds an event that makes no sense: {error}"]
    problems = []
    if model.snapshot() != run.snapshot():
        problems.append(f"run {name!r}: the stored anchors are not those of its log")
    if model.votes() != run.votes():
        problems.append(f"run {name!r}: the stored answers of its annotators are not those of its log")
    return problems


__all__ = ["HEAD", "VERSION_TABLE", "Report", "Status", "check", "copy_file", "upgrade"]

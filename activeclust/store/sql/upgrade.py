"""Upgrades an older database to the current schema: ``activeclust db upgrade``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from activeclust.errors import ActiveClustError, SchemaMismatch, StoreError, StoreUnavailable
from activeclust.store.sql.backup import backup
from activeclust.store.sql.engine import shown, transaction
from activeclust.store.sql.opened import file_problems, opened
from activeclust.store.sql.schema import HEAD, REVISIONS
from activeclust.store.sql.store import lock_creation, read_version

MIGRATIONS = Path(__file__).parents[1] / "migrations"


@dataclass(frozen=True)
class Report:
    """The result of ``db upgrade``."""

    url: str
    before: str
    after: str
    copy: Path | None  #: copy of the previous file; None if nothing was to be done, or on PostgreSQL


def upgrade(url_or_path: str | os.PathLike[str]) -> Report:
    """Upgrade a database to the current schema; an SQLite file is first copied to the same folder.

    All of it happens in one transaction: after a failure the database is unchanged.

    Raises
    ------
    SchemaMismatch
        If the database is newer than this package.
    StoreUnavailable, ForeignDatabase
        If the database cannot be opened, or is not one of this package.
    StoreError
        If a migration failed; nothing has changed.
    """
    with opened(url_or_path) as (engine, url):
        where = shown(url)
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
    """A copy of an SQLite file in the same folder, under an unused name; it includes the write-ahead log."""
    number = 0
    while True:
        copy = path.with_name(f"{path.name}.schema-{revision}{f'-{number}' if number else ''}")
        if not copy.exists():
            break
        number += 1
    backup(path, copy)
    return copy


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
    if problems := file_problems(connection):
        raise StoreError(f"Could not upgrade {where}, which is as it was: {problems[0]}.")

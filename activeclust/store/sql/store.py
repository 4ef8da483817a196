"""The store in a database: SQLite by default, PostgreSQL for teams."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.errors import ForeignDatabase, RunExists, RunNotFound, SchemaMismatch, StoreUnavailable
from activeclust.store.checks import (
    NAME_LIMIT,
    check_event,
    check_round,
    check_spec,
    check_superseded,
    check_text,
)
from activeclust.store.records import Event, Kind, Round, RunInfo, RunSpec
from activeclust.store.sql.engine import make_engine, parse_url, shown, transaction, translated, url_of
from activeclust.store.sql.leases import held
from activeclust.store.sql.run import SqlRun
from activeclust.store.sql.run_lines import refresh_checksum, run_line, sound_spec
from activeclust.store.sql.schema import (
    APPLICATION_ID,
    HEAD,
    REVISIONS,
    VERSION_TABLE,
    metadata,
    outcome,
    round_,
    run,
)
from activeclust.store.sql.specs import forget_unused_data, read_row_ids, select_runs
from activeclust.store.sql.transaction import insert_run

version_table = sa.table(VERSION_TABLE, sa.column("version_num"))


class SqlStore:
    """Runs in an SQLite file or a PostgreSQL database. Safe to share between threads and processes.

    Created by :func:`activeclust.store.open_store`, which documents the errors. A store can be pickled: the other
    process opens the same database.
    """

    def __init__(self, url_or_path: str, *, create: bool = True) -> None:
        self._parsed = parse_url(url_or_path)
        self.url = shown(self._parsed)
        self.engine = make_engine(self._parsed, create=create)
        if self._parsed.get_backend_name() == "sqlite":  # absolute, so that it is valid in every folder
            self._again = f"sqlite:///{Path(str(self._parsed.database)).absolute()}"
        else:
            self._again = self._parsed.render_as_string(hide_password=False)
        try:
            self._check_schema(create)
        except BaseException:
            self.engine.dispose()
            raise
        # a connection must not be shared by parent and child after a fork
        if hasattr(os, "register_at_fork"):
            _forget_in_children(self.engine)

    def __reduce__(self) -> tuple[Any, ...]:
        return SqlStore, (self._again,)

    def _check_schema(self, create: bool) -> None:
        with transaction(self.engine, write=False) as connection:
            found = read_version(connection)
        if found is None and create:
            with transaction(self.engine, write=True) as connection:
                lock_creation(connection)
                found = read_version(connection)  # another process may have been quicker
                if found is None:
                    create_tables(connection)
                    found = HEAD
        if found is None:
            raise StoreUnavailable(f"{self.url} holds no runs yet: it has none of this package's tables.")
        refuse_other_version(found, self.url)

    def create_run(self, spec: RunSpec, events: Iterable[Event] = (), rounds: Iterable[Round] = ()) -> SqlRun:
        """A new run, with its first events and rounds; RunExists if the name is in use."""
        spec = check_spec(spec)
        first = [check_event(event, spec.n_rows) for event in events]
        records = [check_round(record, spec.n_rows) for record in rounds]
        with transaction(self.engine, write=True) as connection:
            run_id = insert_run(connection, spec, first, records)
        if run_id is None:
            raise RunExists(f"There is a run {spec.name!r} already: resume it, or take another name.")
        return SqlRun(self, run_id, spec)

    def open_run(self, name: str) -> SqlRun:
        """An existing run; RunNotFound if it does not exist."""
        with transaction(self.engine, write=False) as connection:
            line = connection.execute(select_runs().where(run.c.name == name)).first()
            if line is None:
                raise RunNotFound(f"There is no run {name!r} in {self.url}.")
            spec = replace(sound_spec(line), row_ids=read_row_ids(connection, line))
        return SqlRun(self, line.id, spec)

    def runs(self) -> list[RunInfo]:
        """All runs, the newest last."""
        anchors = (
            sa.select(
                outcome.c.run_id,
                sa.func.count().label("n_anchors"),
                sa.func.count(outcome.c.cluster.distinct()).label("n_clusters"),
            )
            .where(outcome.c.kind == Kind.LABEL)
            .group_by(outcome.c.run_id)
            .subquery()
        )
        rounds = (
            sa.select(
                round_.c.run_id,
                sa.func.count().label("n_rounds"),
                sa.func.max(round_.c.index).label("last_round"),
            )
            .group_by(round_.c.run_id)
            .subquery()
        )
        query = (
            select_runs()
            .add_columns(anchors.c.n_anchors, anchors.c.n_clusters, rounds.c.n_rounds, round_.c.metrics)
            .outerjoin(anchors, anchors.c.run_id == run.c.id)
            .outerjoin(rounds, rounds.c.run_id == run.c.id)
            .outerjoin(round_, (round_.c.run_id == run.c.id) & (round_.c.index == rounds.c.last_round))
        )
        with transaction(self.engine, write=False) as connection:
            return [
                RunInfo(
                    spec=sound_spec(row),
                    created_at=row.created_at,
                    updated_at=row.updated_at,
                    n_anchors=row.n_anchors or 0,
                    n_clusters=row.n_clusters or 0,
                    n_rounds=row.n_rounds or 0,
                    last_metrics=row.metrics or {},
                )
                for row in connection.execute(query)
            ]

    def delete_run(self, name: str) -> None:
        """Remove a run with all its events."""
        with transaction(self.engine, write=True) as connection:
            gone = connection.execute(run.delete().where(run.c.name == name).returning(run.c.id)).scalar()
            forget_unused_data(connection)
        if gone is None:
            raise RunNotFound(f"There is no run {name!r} in {self.url}.")

    def supersede(self, spec: RunSpec, events: Iterable[Event], *, before: str, last_seq: int) -> SqlRun:
        """Replace the run of that name by a new one; the old one is kept as ``before``."""
        spec, before = check_spec(spec), check_text(before, "A run's name", limit=NAME_LIMIT)
        first = [check_event(event, spec.n_rows) for event in events]
        with transaction(self.engine, write=True) as connection:
            named = sa.select(run.c.id).where(run.c.name == sa.bindparam("of"))
            old = connection.execute(named.with_for_update(), {"of": spec.name}).scalar()
            if old is None:
                raise RunNotFound(f"There is no run {spec.name!r} in {self.url}.")
            if connection.execute(named, {"of": before}).first() is not None:
                raise RunExists(f"There is a run {before!r} already: take another name.")
            line = run_line(connection, old, spec.name)
            sound_spec(line)  # damaged data remain recognisable
            check_superseded(spec.name, line.last_seq, last_seq, held(connection, old, None).values())
            connection.execute(run.update().where(run.c.id == old).values(name=before))
            refresh_checksum(connection, run_line(connection, old, before))
            run_id = insert_run(connection, spec, first, ())
            assert run_id is not None  # the name is free now
        return SqlRun(self, run_id, spec)

    def close(self) -> None:
        """Close the connections; committed data stay."""
        with translated(self._parsed):
            self.engine.dispose()


def read_version(connection: Connection) -> str | None:
    """The schema's revision, None for an empty database; ForeignDatabase for another program's."""
    names = set(sa.inspect(connection).get_table_names())
    where = shown(url_of(connection.engine))
    if VERSION_TABLE in names:
        found = connection.execute(sa.select(version_table.c.version_num)).scalar()
        if found is None:
            raise ForeignDatabase(f"{where} names no schema version in {VERSION_TABLE}: it is damaged.")
        return found
    if connection.dialect.name == "sqlite":
        owner = connection.exec_driver_sql("PRAGMA application_id").scalar()
        if names or owner not in (0, APPLICATION_ID):
            raise ForeignDatabase(f"{where} belongs to another program; it has been left as it is.")
    elif taken := sorted(names & set(metadata.tables)):
        raise ForeignDatabase(f"{where} has a table {taken[0]!r} that is not this package's.")
    return None


def lock_creation(connection: Connection) -> None:
    """Let only one process create the tables; for SQLite, BEGIN IMMEDIATE does so."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(APPLICATION_ID)))


def create_tables(connection: Connection) -> None:
    """Create the current schema in an empty database."""
    metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(
        f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
        f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
    )
    connection.execute(sa.insert(version_table), {"version_num": HEAD})
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def refuse_other_version(found: str, url: str) -> None:
    """Raise SchemaMismatch unless ``found`` is the current revision."""
    if found in REVISIONS[:-1]:
        raise SchemaMismatch(
            f"{url} was written by an older version (schema {found}, this is {HEAD}). "
            f"Run: activeclust db upgrade {url}"
        )
    if found != HEAD:
        raise SchemaMismatch(
            f"{url} was written by a newer version (schema {found}, this one knows up to {HEAD}). "
            "Run: pip install --upgrade activeclust"
        )


def _forget_in_children(engine: sa.Engine) -> None:
    import weakref

    reference = weakref.ref(engine)

    def forget() -> None:
        if (alive := reference()) is not None:
            alive.dispose(close=False)

    os.register_at_fork(after_in_child=forget)

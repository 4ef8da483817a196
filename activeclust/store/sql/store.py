"""The store in a database: SQLite by default, PostgreSQL for teams."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.errors import ForeignDatabase, RunExists, RunNotFound, SchemaMismatch, StoreUnavailable
from activeclust.store.base import Kind, RunInfo, RunSpec
from activeclust.store.checks import check_names, check_spec
from activeclust.store.sql.engine import check_file, make_engine, parse_url, transaction, translated
from activeclust.store.sql.queries import insert
from activeclust.store.sql.run import SqlRun
from activeclust.store.sql.schema import (
    APPLICATION_ID,
    HEAD,
    REVISIONS,
    VERSION_TABLE,
    dataset,
    metadata,
    outcome,
    round_,
    row_ids,
    run,
)

version_table = sa.table(VERSION_TABLE, sa.column("version_num"))


class SqlStore:
    """Runs in an SQLite file or a PostgreSQL database; safe among threads and processes.

    Made by :func:`activeclust.store.open_store`, which says what is raised. A store can be pickled:
    the other process opens the same database.
    """

    def __init__(self, url_or_path: str, *, create: bool = True) -> None:
        self._parsed = parse_url(url_or_path)
        self.url = self._parsed.render_as_string(hide_password=True)
        if self._parsed.get_backend_name() == "sqlite":
            assert self._parsed.database is not None
            check_file(Path(self._parsed.database), create=create)
        self.engine = make_engine(self._parsed)
        try:
            self._check_schema(create)
        except BaseException:
            self.engine.dispose()
            raise
        # a connection must not be used on both sides of a fork
        if hasattr(os, "register_at_fork"):
            _forget_in_children(self.engine)

    def __reduce__(self) -> tuple[Any, ...]:
        return SqlStore, (self._parsed.render_as_string(hide_password=False),)

    def _check_schema(self, create: bool) -> None:
        with transaction(self.engine, write=False) as connection:
            found = read_version(connection)
        if found is None and create:
            with transaction(self.engine, write=True) as connection:
                lock_creation(connection)
                found = read_version(connection)  # somebody may have been quicker
                if found is None:
                    create_tables(connection)
                    found = HEAD
        if found is None:
            raise StoreUnavailable(f"{self.url} holds no runs yet: it has none of this package's tables.")
        refuse_other_version(found, self.url)

    def create_run(self, spec: RunSpec) -> SqlRun:
        """A new run; RunExists where the name is taken."""
        spec = check_spec(spec)
        now = datetime.now(timezone.utc)
        with transaction(self.engine, write=True) as connection:
            line = {
                "name": spec.name,
                "dataset_id": _dataset_id(connection, spec, now),
                "strategy": spec.strategy,
                "seed": spec.seed,
                "model_hash": spec.model_hash,
                "batch_size": spec.batch_size,
                "source": spec.source,
                "package_version": spec.package_version,
                "options": spec.options,
                "last_seq": 0,
                "created_at": now,
                "updated_at": now,
            }
            made = insert(connection, run).on_conflict_do_nothing().returning(run.c.id)
            run_id = connection.execute(made, line).scalar()
            if run_id is not None and spec.row_ids is not None:
                connection.execute(row_ids.insert(), {"run_id": run_id, "ids": spec.row_ids})
        if run_id is None:
            raise RunExists(f"There is a run {spec.name!r} already: resume it, or take another name.")
        return SqlRun(self, run_id, spec)

    def open_run(self, name: str) -> SqlRun:
        """An existing run; RunNotFound where there is none."""
        with transaction(self.engine, write=False) as connection:
            query = _select_runs().add_columns(row_ids.c.ids).outerjoin(row_ids, row_ids.c.run_id == run.c.id)
            row = connection.execute(query.where(run.c.name == name)).first()
        if row is None:
            raise RunNotFound(f"There is no run {name!r} in {self.url}.")
        return SqlRun(self, row.id, replace(_to_spec(row), row_ids=row.ids))

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
            _select_runs()
            .add_columns(anchors.c.n_anchors, anchors.c.n_clusters, rounds.c.n_rounds, round_.c.metrics)
            .outerjoin(anchors, anchors.c.run_id == run.c.id)
            .outerjoin(rounds, rounds.c.run_id == run.c.id)
            .outerjoin(round_, (round_.c.run_id == run.c.id) & (round_.c.index == rounds.c.last_round))
        )
        with transaction(self.engine, write=False) as connection:
            return [
                RunInfo(
                    spec=_to_spec(row),
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
            unused = ~sa.exists().where(run.c.dataset_id == dataset.c.id)
            connection.execute(dataset.delete().where(unused))
        if gone is None:
            raise RunNotFound(f"There is no run {name!r} in {self.url}.")

    def rename_runs(self, names: Mapping[str, str]) -> None:
        """Give runs other names, all at one moment."""
        names = check_names(names)
        with transaction(self.engine, write=True) as connection:
            aside = {old: f"\x01{i}" for i, old in enumerate(names)}  # two runs may change places
            for old, between in aside.items():
                found = run.update().where(run.c.name == old).values(name=between)
                if connection.execute(found).rowcount == 0:
                    raise RunNotFound(f"There is no run {old!r} in {self.url}.")
            for old, new in names.items():
                if connection.execute(sa.select(run.c.id).where(run.c.name == new)).first() is not None:
                    raise RunExists(f"There is a run {new!r} already: take another name.")
                connection.execute(run.update().where(run.c.name == aside[old]).values(name=new))

    def close(self) -> None:
        """Let go of connections; what was committed stays."""
        with translated(self._parsed):
            self.engine.dispose()


def read_version(connection: Connection) -> str | None:
    """The schema's revision, None for an empty database; ForeignDatabase for another program's."""
    names = set(sa.inspect(connection).get_table_names())
    where = connection.engine.url.render_as_string(hide_password=True)
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
    """Let one process at a time make the tables; SQLite's BEGIN IMMEDIATE does so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(APPLICATION_ID)))


def create_tables(connection: Connection) -> None:
    """Today's schema in an empty database, stamped as such."""
    metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(
        f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
        f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
    )
    connection.execute(sa.insert(version_table), {"version_num": HEAD})
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def refuse_other_version(found: str, url: str) -> None:
    """SchemaMismatch unless ``found`` is today's revision."""
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


def _dataset_id(connection: Connection, spec: RunSpec, now: datetime) -> int:
    same = (dataset.c.content_hash == spec.data_hash) & (dataset.c.n_rows == spec.n_rows)
    line = {"content_hash": spec.data_hash, "n_rows": spec.n_rows, "created_at": now}
    connection.execute(insert(connection, dataset).on_conflict_do_nothing(), line)
    return connection.execute(sa.select(dataset.c.id).where(same)).scalar_one()


def _select_runs() -> sa.Select[Any]:
    return (
        sa.select(run, dataset.c.content_hash, dataset.c.n_rows)
        .join_from(run, dataset, dataset.c.id == run.c.dataset_id)
        .order_by(run.c.id)
    )


def _to_spec(row: Any) -> RunSpec:
    return RunSpec(
        name=row.name,
        strategy=row.strategy,
        seed=row.seed,
        n_rows=row.n_rows,
        data_hash=row.content_hash,
        model_hash=row.model_hash,
        batch_size=row.batch_size,
        source=row.source,
        package_version=row.package_version,
        options=row.options,
    )

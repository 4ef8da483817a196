"""Checks a database: ``activeclust db check``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from activeclust.errors import ForeignDatabase
from activeclust.store.records import Kind
from activeclust.store.sql.checksums import of_outcome, of_vote
from activeclust.store.sql.engine import shown, transaction
from activeclust.store.sql.opened import file_problems, opened
from activeclust.store.sql.salvage import SavedRun, lines_of, saved_annotators, saved_runs
from activeclust.store.sql.schema import HEAD, REVISIONS, VERSION_TABLE, lease, metadata, outcome
from activeclust.store.sql.schema import vote as vote_table
from activeclust.store.sql.store import read_version

_OURS = "activeclust_"


@dataclass(frozen=True)
class Status:
    """The result of ``db check``."""

    url: str
    found: str | None  #: the database's schema; None if it has none of our tables
    head: str  #: the schema of this version of the package
    n_runs: int | None = None  #: None for another schema
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
        """Whether the database can be used without repair or upgrade."""
        return self.state == "current" and not self.problems

    @property
    def remedy(self) -> str | None:
        """The command to run; None if nothing needs to be done or no command helps."""
        if self.state == "current" and self.problems:
            return f"activeclust db repair {self.url}"
        return {
            "older": f"activeclust db upgrade {self.url}",
            "newer": "pip install --upgrade activeclust",
        }.get(self.state)


def check(url_or_path: str | os.PathLike[str]) -> Status:
    """Check a database without changing it, and list all damage.

    The checks: the structure of the file (SQLite's integrity check); all tables, columns and indexes; the checksum of
    every event; the stored state, compared with the state derived from the log; rounds, leases, names and the settings
    of runs.

    Raises
    ------
    StoreUnavailable, ForeignDatabase
        If the database cannot be opened, or is not one of this package.
    """
    with opened(url_or_path) as (engine, url):
        with transaction(engine, write=False) as connection:
            found = read_version(connection)
        problems: list[str] = []
        runs: list[SavedRun] = []
        for look in (_look_at_file, _look_at_schema, _look_at_runs):
            if found != HEAD and look is not _look_at_file:
                continue
            try:  # one transaction each: after an error PostgreSQL needs a new one
                with transaction(engine, write=False) as connection:
                    problems += look(connection, url, runs)
            except ForeignDatabase as error:
                problems.append(str(error))
        if found != HEAD:
            return Status(shown(url), found, HEAD, problems=tuple(problems))
        n_events = sum(run.n_events for run in runs)
        return Status(shown(url), found, HEAD, len(runs), n_events, tuple(dict.fromkeys(problems)))


def _look_at_file(connection: Connection, _url: URL, _runs: list[SavedRun]) -> Iterator[str]:
    yield from file_problems(connection)


def _look_at_schema(connection: Connection, _url: URL, _runs: list[SavedRun]) -> Iterator[str]:
    """Missing or unexpected tables, columns and indexes, and triggers, which could change written data."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    options = {
        "version_table": VERSION_TABLE,
        "compare_type": True,
        "include_name": lambda name, kind, _parents: kind != "table" or str(name).startswith(_OURS),
    }
    differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    for difference in differences:
        first = difference if isinstance(difference, tuple) else difference[0]
        what, subject = first[0], first[-1]
        name = getattr(subject, "name", None) or first[3 if len(first) > 3 else -1]
        verb = {"add": "is missing", "remove": "does not belong there"}.get(
            what.partition("_")[0], "is another one"
        )
        table = getattr(getattr(subject, "table", None), "name", None)
        yield f"schema: the {what.partition('_')[2]} {name}{f' of {table}' if table else ''} {verb}"
    if connection.dialect.name == "sqlite":
        extra = "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')"
        for kind, name in connection.exec_driver_sql(extra):
            yield f"schema: the {kind} {name} does not belong there"


def _look_at_runs(connection: Connection, _url: URL, runs: list[SavedRun]) -> Iterator[str]:
    names, findings = saved_annotators(connection)
    yield from findings
    for found in saved_runs(connection, names):
        runs.append(found)
        yield from found.findings
        yield from _derived(connection, found, names)
        yield from _leases(connection, found)


def _derived(connection: Connection, found: SavedRun, names: dict[int, str]) -> Iterator[str]:
    """Lines of a run's derived tables that do not follow from its log, or that were altered."""
    model, here = found.model, f"run {found.spec.name!r}"
    snapshot = model.snapshot()
    expected: dict[Any, Any] = {
        anchor.row: (Kind.LABEL, anchor.cluster, anchor.annotator) for anchor in snapshot.anchors
    }
    expected |= {row: (kind, None, None) for row, kind in snapshot.withdrawn.items()}
    stored: dict[Any, Any] = {}
    for line in lines_of(connection, outcome, where=outcome.c.run_id == found.id):
        who = names.get(line.annotator_id) if line.kind is Kind.LABEL else None
        sound = line.kind is not None and line.checksum == of_outcome(
            line.row, line.annotator_id, line.kind, line.cluster, line.seq, line.first
        )
        stored[line.row] = (line.kind, line.cluster, who) if sound else None
    if wrong := _rows_that_differ(expected, stored):
        yield f"{here}: the stored anchors are not those of its log: {wrong}"
    firsts = {
        line.row: line.first for line in lines_of(connection, outcome, where=outcome.c.run_id == found.id)
    }
    expected = {
        (vote.row, vote.annotator, vote.kind is Kind.REVIEW): (vote.kind, vote.cluster)
        for vote in model.votes()
    }
    stored = {}
    for line in lines_of(connection, vote_table, where=vote_table.c.run_id == found.id):
        key = line.row, names.get(line.annotator_id), line.kind is Kind.REVIEW
        sound = line.kind is not None and line.checksum == of_vote(
            line.row, line.annotator_id, line.kind, line.cluster, line.seq, firsts.get(line.row, 0)
        )
        stored[key] = (line.kind, line.cluster) if sound else None
    if wrong := _rows_that_differ(expected, stored):
        yield f"{here}: the stored answers of its annotators are not those of its log: {wrong}"


def _rows_that_differ(expected: dict[Any, Any], stored: dict[Any, Any]) -> str:
    keys = [key for key in {**expected, **stored} if _typed(expected.get(key)) != _typed(stored.get(key))]
    rows = sorted(
        {key[0] if isinstance(key, tuple) else key for key in keys},
        key=lambda row: (type(row) is not int, row if type(row) is int else str(row)),
    )
    if not rows:
        return ""
    return f"{'row' if len(rows) == 1 else 'rows'} {', '.join(map(str, rows[:10]))}{', ...' if len(rows) > 10 else ''}"


def _typed(value: object) -> object:
    return [(type(part), part) for part in value] if isinstance(value, tuple) else value


def _leases(connection: Connection, found: SavedRun) -> Iterator[str]:
    for row, who, expires in connection.execute(
        sa.select(lease.c.row, lease.c.annotator_id, lease.c.expires).where(lease.c.run_id == found.id)
    ):
        right = type(row) is int and 0 <= row < found.spec.n_rows
        if not (right and type(who) is int and isinstance(expires, (int, float))):
            yield f"run {found.spec.name!r}: a lease on row {row!r:.40} makes no sense"

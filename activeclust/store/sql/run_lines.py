"""Lines of the table of runs: found, locked, checked against their checksums, and given new ones."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.errors import RunNotFound
from activeclust.store.base import RunSpec
from activeclust.store.sql.checksums import (
    damaged,
    of_run,
    of_sums,
)
from activeclust.store.sql.schema import run
from activeclust.store.sql.specs import select_runs, to_spec

#: tables whose lines are summed in the run's checksum
SUMS = ("votes", "outcomes", "rounds", "row_ids")
# built once: building a statement takes SQLAlchemy longer than running it
_LOCK = sa.select(run.c.id).where(run.c.id == sa.bindparam("the_run")).with_for_update()
_THIS = select_runs().where(run.c.id == sa.bindparam("the_run"))


def lock_run(connection: Connection, run_id: int) -> None:
    """Keep other writers of the run out until the end of the transaction."""
    connection.execute(_LOCK, {"the_run": run_id})


def run_line(connection: Connection, run_id: int, name: str) -> Any:
    """A run's line; RunNotFound where it has been deleted."""
    line = connection.execute(_THIS, {"the_run": run_id}).first()
    if line is None:
        raise RunNotFound(f"Run {name!r} has been deleted.")
    return line


def sound_spec(line: Any) -> RunSpec:
    """What a run was made from, but its rows' ids; ForeignDatabase where its line is not as it was written."""
    try:
        spec = to_spec(line)
        checksum = _of_line(line)
    except (TypeError, ValueError) as error:
        raise damaged(f"what run {line.name!r:.80} was made from cannot be read") from error
    if checksum != line.checksum:
        raise damaged(
            f"what run {line.name!r:.80} was made from, or where it stands, is not as it was written"
        )
    return spec


def refresh_checksum(connection: Connection, line: Any) -> None:
    """Give a run's line, which has been changed on purpose, its checksum."""
    connection.execute(run.update().where(run.c.id == line.id).values(checksum=_of_line(line)))


def _of_line(line: Any) -> int:
    return of_sums(of_run(to_spec(line)), line.last_seq, **{name: getattr(line, name) for name in SUMS})

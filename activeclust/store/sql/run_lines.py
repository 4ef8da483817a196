"""Lines of the table of runs: finds, locks and checks them, and updates their checksums."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.errors import RunNotFound
from activeclust.store.records import RunSpec
from activeclust.store.sql.checksums import (
    damaged,
    of_run,
    of_sums,
)
from activeclust.store.sql.schema import run
from activeclust.store.sql.specs import select_runs, to_spec

#: tables whose checksums are summed in the run's line
SUMS = ("votes", "outcomes", "rounds", "row_ids")
# built once: building a statement takes SQLAlchemy longer than running it
_LOCK = sa.select(run.c.id).where(run.c.id == sa.bindparam("the_run")).with_for_update()
_THIS = select_runs().where(run.c.id == sa.bindparam("the_run"))


def lock_run(connection: Connection, run_id: int) -> None:
    """Lock the run for other writers until the end of the transaction."""
    connection.execute(_LOCK, {"the_run": run_id})


def run_line(connection: Connection, run_id: int, name: str) -> Any:
    """A run's line; RunNotFound if it has been deleted."""
    line = connection.execute(_THIS, {"the_run": run_id}).first()
    if line is None:
        raise RunNotFound(f"Run {name!r} has been deleted.")
    return line


def sound_spec(line: Any) -> RunSpec:
    """A run's settings, without its rows' ids; ForeignDatabase if its line was altered."""
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
    """Update the checksum of a run's line after a change."""
    connection.execute(run.update().where(run.c.id == line.id).values(checksum=_of_line(line)))


def _of_line(line: Any) -> int:
    return of_sums(of_run(to_spec(line)), line.last_seq, **{name: getattr(line, name) for name in SUMS})

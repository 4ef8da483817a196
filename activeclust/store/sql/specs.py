"""Conversion of the settings of runs to lines of the database and back."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from activeclust.identities import RowIds
from activeclust.store.records import RunSpec
from activeclust.store.sql.checksums import damaged, of_row_ids
from activeclust.store.sql.queries import insert
from activeclust.store.sql.schema import dataset, row_ids, run


def select_runs() -> sa.Select[Any]:
    """The lines of all runs, the newest last; for :func:`to_spec`."""
    return (
        sa.select(run, dataset.c.content_hash, dataset.c.n_rows)
        .join_from(run, dataset, dataset.c.id == run.c.dataset_id, isouter=True)
        .order_by(run.c.id)
    )


def to_spec(line: Any) -> RunSpec:
    """One line of :func:`select_runs` as a spec."""
    return RunSpec(
        name=line.name,
        strategy=line.strategy,
        seed=line.seed,
        n_rows=line.n_rows,
        data_hash=line.content_hash,
        model_hash=line.model_hash,
        batch_size=line.batch_size,
        source=line.source,
        package_version=line.package_version,
        options=line.options,
    )


def to_line(connection: Connection, spec: RunSpec) -> dict[str, Any]:
    """A spec as values of columns; its data set is inserted if it is new."""
    return {
        "name": spec.name,
        "dataset_id": _dataset_id(connection, spec),
        "strategy": spec.strategy,
        "seed": spec.seed,
        "model_hash": spec.model_hash,
        "batch_size": spec.batch_size,
        "source": spec.source,
        "package_version": spec.package_version,
        "options": spec.options,
    }


def _dataset_id(connection: Connection, spec: RunSpec) -> int:
    same = (dataset.c.content_hash == spec.data_hash) & (dataset.c.n_rows == spec.n_rows)
    line = {
        "content_hash": spec.data_hash,
        "n_rows": spec.n_rows,
        "created_at": datetime.now(timezone.utc),
    }
    connection.execute(insert(connection, dataset).on_conflict_do_nothing(), line)
    return connection.execute(sa.select(dataset.c.id).where(same)).scalar_one()


def write_row_ids(connection: Connection, run_id: int, ids: RowIds | None) -> None:
    """Store the identities of a run's rows; earlier ones are replaced."""
    connection.execute(row_ids.delete().where(row_ids.c.run_id == run_id))
    if ids is not None:
        connection.execute(row_ids.insert(), {"run_id": run_id, "ids": ids})


def read_row_ids(connection: Connection, line: Any) -> RowIds | None:
    """The identities of the rows of a run; ForeignDatabase if they were altered."""
    found = connection.execute(sa.select(row_ids.c.ids).where(row_ids.c.run_id == line.id)).scalar()
    if of_row_ids(found) != line.row_ids:
        raise damaged(f"the ids of the rows of run {line.name!r} are not as they were written")
    return found


def forget_unused_data(connection: Connection) -> None:
    """Remove data sets without a run."""
    unused = ~sa.exists().where(run.c.dataset_id == dataset.c.id)
    connection.execute(dataset.delete().where(unused))

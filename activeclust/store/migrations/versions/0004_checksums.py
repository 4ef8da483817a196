"""Checksums of events, chained, and of the other tables' lines."""

import json
import zlib
from collections.abc import Iterator
from datetime import datetime, timezone
from hashlib import blake2b
from typing import Any
from zlib import crc32

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# as activeclust.store.sql.checksums was then: a migration never changes once it is released
ENCODE = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
AT_ONCE = 10_000
SUM = 2**62
UTC = sa.DateTime(timezone=True)


def table(name: str, *columns: str) -> sa.TableClause:
    typed = [sa.column(column, UTC if column == "at" else None) for column in columns]
    return sa.table(f"activeclust_{name}", *typed)


ANNOTATOR = table("annotator", "id", "name", "checksum")
DATASET = table("dataset", "id", "content_hash", "n_rows")
RUN = table(
    "run", "id", "name", "dataset_id", "strategy", "seed", "model_hash", "batch_size", "source",
    "package_version", "options", "last_seq", "votes", "outcomes", "rounds", "row_ids", "checksum",
)  # fmt: skip
EVENT = table(
    "event", "run_id", "seq", "kind", "row", "cluster", "new_cluster", "target", "rows", "annotator_id", "client_id",
    "details", "at", "checksum",
)  # fmt: skip
VOTE = table("vote", "run_id", "row", "annotator_id", "review", "kind", "cluster", "seq", "checksum")
OUTCOME = table("outcome", "run_id", "row", "kind", "cluster", "annotator_id", "seq", "first", "checksum")
ROUND = table("round", "run_id", "index", "budget", "metrics", "asked", "last_seq", "checksum")
ROW_IDS = table("row_ids", "run_id", "ids")
NEW = {
    "annotator": ("checksum",),
    "run": ("votes", "outcomes", "rounds", "row_ids", "checksum"),
    "event": ("checksum",),
    "vote": ("checksum",),
    "outcome": ("checksum",),
    "round": ("checksum",),
}


def upgrade() -> None:
    for name, columns in NEW.items():
        for column in columns:  # with a default SQLite need not copy the table
            new = sa.Column(column, sa.BigInteger(), nullable=False, server_default=sa.text("0"))
            op.add_column(f"activeclust_{name}", new)
    connection = op.get_bind()
    for line in connection.execute(sa.select(ANNOTATOR)).all():
        _set(connection, ANNOTATOR, ("id",), [(line.id, crc32(line.name.encode()))])
    for line in connection.execute(sa.select(RUN).order_by(RUN.c.id)).all():
        _run(connection, line)


def _run(connection: sa.Connection, run: Any) -> None:
    before = 0
    for line in _lines(connection, EVENT, run.id, EVENT.c.seq):
        made = []
        for event in line:
            said = [
                event.seq, event.kind, event.row, _json(event.cluster), _json(event.new_cluster), event.target,
                _json(event.rows) or [], event.annotator_id, event.client_id, _json(event.details) or {},
                _utc(event.at), before,
            ]  # fmt: skip
            digest = blake2b(ENCODE(said).encode(), digest_size=8).digest()
            before = int.from_bytes(digest, "big") >> 1
            made.append((run.id, event.seq, before))
        _set(connection, EVENT, ("run_id", "seq"), made)
    sums = {"votes": _votes(connection, run.id), "outcomes": _outcomes(connection, run.id)}
    sums["rounds"] = _rounds(connection, run.id)
    data = connection.execute(sa.select(DATASET).where(DATASET.c.id == run.dataset_id)).one()
    spec = [
        run.name, run.strategy, run.seed, data.n_rows, data.content_hash, run.model_hash, run.batch_size, run.source,
        run.package_version, _json(run.options),
    ]  # fmt: skip
    of_spec = crc32(ENCODE(spec).encode())
    packed = connection.execute(sa.select(ROW_IDS.c.ids).where(ROW_IDS.c.run_id == run.id)).scalar()
    sums["row_ids"] = (
        0 if packed is None else crc32(ENCODE(json.loads(zlib.decompress(bytes(packed)))).encode())
    )
    stands = f"{of_spec} {run.last_seq} " + " ".join(str(value) for value in sums.values())
    values = {**sums, "checksum": crc32(stands.encode())}
    connection.execute(RUN.update().where(RUN.c.id == run.id).values(values))


def _votes(connection: sa.Connection, run_id: int) -> int:
    # in the order of the table's key, in which the lines are read
    firsts = sa.select(OUTCOME.c.row, OUTCOME.c.first).where(OUTCOME.c.run_id == run_id)
    first = {line[0]: line[1] for line in connection.execute(firsts)}
    total = 0
    for line in connection.execute(sa.select(VOTE).where(VOTE.c.run_id == run_id)).all():
        said = (
            f"{line.row!r} {line.annotator_id!r} {line.kind} {line.seq!r} {first.get(line.row, 0)!r} "
            + _typed(line.cluster)
        )
        where = (run_id, line.row, line.annotator_id, line.review, crc32(said.encode()))
        _set(connection, VOTE, ("run_id", "row", "annotator_id", "review"), [where])
        total += where[-1]
    return total % SUM


def _outcomes(connection: sa.Connection, run_id: int) -> int:
    total = 0
    for line in connection.execute(sa.select(OUTCOME).where(OUTCOME.c.run_id == run_id)).all():
        said = f"{line.row!r} {line.annotator_id!r} {line.kind} {line.seq!r} {line.first!r} " + _typed(
            line.cluster
        )
        _set(connection, OUTCOME, ("run_id", "row"), [(run_id, line.row, crc32(said.encode()))])
        total += crc32(said.encode())
    return total % SUM


def _rounds(connection: sa.Connection, run_id: int) -> int:
    total = 0
    for line in connection.execute(sa.select(ROUND).where(ROUND.c.run_id == run_id)).all():
        said = [line.index, line.budget, _json(line.metrics), _json(line.asked), line.last_seq]
        checksum = crc32(ENCODE(said).encode())
        _set(connection, ROUND, ("run_id", "index"), [(run_id, line.index, checksum)])
        total += checksum
    return total % SUM


def _lines(connection: sa.Connection, of: sa.TableClause, run_id: int, by: Any) -> Iterator[list[Any]]:
    """The lines of a run in order, some at a time: a log may be larger than memory."""
    last = 0
    while True:
        query = sa.select(of).where(of.c.run_id == run_id, by > last).order_by(by).limit(AT_ONCE)
        found = connection.execute(query).all()
        if not found:
            return
        yield list(found)
        last = getattr(found[-1], by.name)


def _set(connection: sa.Connection, of: sa.TableClause, key: tuple[str, ...], values: list[Any]) -> None:
    """Write checksums: each of ``values`` is a line's key and its checksum."""
    change = of.update().where(*(of.c[name] == sa.bindparam(f"key_{name}") for name in key))
    names = [*(f"key_{name}" for name in key), "checksum"]
    given = [dict(zip(names, value, strict=True)) for value in values]
    connection.execute(change.values(checksum=sa.bindparam("checksum")), given)


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _typed(text: str | None) -> str:
    cluster = _json(text)
    return f"{type(cluster).__name__} {cluster}"


def _utc(at: datetime) -> str:
    at = at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)
    return at.isoformat()

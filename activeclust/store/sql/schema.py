"""The tables. The event table holds the log; vote and outcome are derived from it in the same transaction.

:mod:`activeclust.store.sql.checksums` defines the checksums.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from activeclust.store.sql.types import UTC, EscapedJson, Json, KindName, Name, PackedRowIds

VERSION_TABLE = "activeclust_version"  #: Alembic's table, under a name of this package
REVISIONS = (
    "0001",
    "0003",
    "0004",
)  #: every schema so far, oldest first; a test compares it with migrations/
HEAD = REVISIONS[-1]
APPLICATION_ID = 0x41434C55  #: "ACLU" in the header of an SQLite file

#: SQLite numbers only INTEGER primary keys automatically
BigId = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={  # later migrations need the names of constraints
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


def _checksum(name: str = "checksum") -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


dataset = Table(
    "activeclust_dataset",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("content_hash", String(200), nullable=False),
    Column("n_rows", BigInteger, nullable=False),
    Column("created_at", UTC, nullable=False),
    UniqueConstraint("content_hash", "n_rows"),
    sqlite_autoincrement=True,
)

annotator = Table(
    "activeclust_annotator",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("created_at", UTC, nullable=False),
    _checksum(),
    sqlite_autoincrement=True,
)

run = Table(
    "activeclust_run",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("dataset_id", ForeignKey(dataset.c.id), nullable=False),
    Column("strategy", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("model_hash", String(200), nullable=False),
    Column("batch_size", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("package_version", String(200), nullable=False),
    Column("options", EscapedJson, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("created_at", UTC, nullable=False),
    Column("updated_at", UTC, nullable=False),
    # sums of the checksums of the run's lines in those tables, and the checksum of its rows' ids
    _checksum("votes"),
    _checksum("outcomes"),
    _checksum("rounds"),
    _checksum("row_ids"),
    _checksum(),
    # an id is never used twice: a process that still has a deleted run open must not write into a new one
    sqlite_autoincrement=True,
)


def _run_id() -> Column[int]:
    return Column("run_id", ForeignKey(run.c.id, ondelete="CASCADE"), nullable=False)


event = Table(
    "activeclust_event",
    metadata,
    _run_id(),
    Column("seq", BigInteger, nullable=False),
    Column("kind", KindName, nullable=False),
    Column("row", BigInteger),
    Column("cluster", Name),
    Column("new_cluster", Name),
    Column("target", BigInteger),
    Column("rows", Json),
    Column("annotator_id", ForeignKey(annotator.c.id), nullable=False),
    Column("client_id", String(200)),
    Column("details", EscapedJson),
    Column("at", UTC, nullable=False),
    _checksum(),  # checksum of this event and all before it
    PrimaryKeyConstraint("run_id", "seq"),
    ForeignKeyConstraint(["run_id", "target"], ["activeclust_event.run_id", "activeclust_event.seq"]),
    UniqueConstraint("run_id", "client_id"),
    Index(None, "run_id", "row"),
    # an event is undone at most once
    Index(None, "run_id", "target", unique=True),
)

row_ids = Table(
    "activeclust_row_ids",
    metadata,
    Column("run_id", ForeignKey(run.c.id, ondelete="CASCADE"), primary_key=True),
    Column("ids", PackedRowIds, nullable=False),
)

vote = Table(
    "activeclust_vote",
    metadata,
    _run_id(),
    Column("row", BigInteger, nullable=False),
    Column("annotator_id", ForeignKey(annotator.c.id), nullable=False),
    Column("review", Boolean, nullable=False),
    Column("kind", KindName, nullable=False),
    Column("cluster", Name),
    Column("seq", BigInteger, nullable=False),
    _checksum(),
    PrimaryKeyConstraint("run_id", "row", "annotator_id", "review"),
)

outcome = Table(
    "activeclust_outcome",
    metadata,
    _run_id(),
    Column("row", BigInteger, nullable=False),
    Column("kind", KindName, nullable=False),
    Column("cluster", Name),
    Column("annotator_id", ForeignKey(annotator.c.id)),
    Column("seq", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    _checksum(),
    PrimaryKeyConstraint("run_id", "row"),
)

round_ = Table(
    "activeclust_round",
    metadata,
    _run_id(),
    Column("index", BigInteger, nullable=False),
    Column("budget", BigInteger, nullable=False),
    Column("metrics", EscapedJson, nullable=False),
    Column("asked", Json, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    _checksum(),
    PrimaryKeyConstraint("run_id", "index"),
)

lease = Table(
    "activeclust_lease",
    metadata,
    _run_id(),
    Column("row", BigInteger, nullable=False),
    Column("annotator_id", ForeignKey(annotator.c.id), nullable=False),
    Column("expires", Float(53), nullable=False),  # seconds since 1970 by the database's clock
    PrimaryKeyConstraint("run_id", "row", "annotator_id"),
)

"""The first schema: runs, their log of events, and what is derived from it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# written out here, and not taken from schema.py: a migration never changes once it is released
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    _who_and_what()
    _log()
    _derived()


def _who_and_what() -> None:
    op.create_table(
        "activeclust_annotator",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("activeclust_annotator_pkey")),
        sa.UniqueConstraint("name", name=op.f("activeclust_annotator_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "activeclust_dataset",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("content_hash", sa.String(length=200), nullable=False),
        sa.Column("n_rows", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("activeclust_dataset_pkey")),
        sa.UniqueConstraint(
            "content_hash", "n_rows", name=op.f("activeclust_dataset_content_hash_n_rows_key")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "activeclust_run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("dataset_id", BIG_ID, nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("model_hash", sa.String(length=200), nullable=False),
        sa.Column("batch_size", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("package_version", sa.String(length=200), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("updated_at", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["activeclust_dataset.id"], name=op.f("activeclust_run_dataset_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("activeclust_run_pkey")),
        sa.UniqueConstraint("name", name=op.f("activeclust_run_name_key")),
        sqlite_autoincrement=True,
    )


def _log() -> None:
    op.create_table(
        "activeclust_event",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=True),
        sa.Column("cluster", sa.Text(), nullable=True),
        sa.Column("new_cluster", sa.Text(), nullable=True),
        sa.Column("target", sa.BigInteger(), nullable=True),
        sa.Column("rows", sa.Text(), nullable=True),
        sa.Column("annotator_id", BIG_ID, nullable=False),
        sa.Column("client_id", sa.String(length=200), nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("at", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["activeclust_annotator.id"], name=op.f("activeclust_event_annotator_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "target"],
            ["activeclust_event.run_id", "activeclust_event.seq"],
            name=op.f("activeclust_event_run_id_target_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["activeclust_run.id"], name=op.f("activeclust_event_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "seq", name=op.f("activeclust_event_pkey")),
        sa.UniqueConstraint("run_id", "client_id", name=op.f("activeclust_event_run_id_client_id_key")),
    )
    op.create_index(
        op.f("activeclust_event_run_id_row"), "activeclust_event", ["run_id", "row"], unique=False
    )
    op.create_index(
        op.f("activeclust_event_run_id_target"), "activeclust_event", ["run_id", "target"], unique=True
    )


def _derived() -> None:
    op.create_table(
        "activeclust_lease",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("annotator_id", BIG_ID, nullable=False),
        sa.Column("expires", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["activeclust_annotator.id"], name=op.f("activeclust_lease_annotator_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["activeclust_run.id"], name=op.f("activeclust_lease_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "row", "annotator_id", name=op.f("activeclust_lease_pkey")),
    )
    op.create_table(
        "activeclust_outcome",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=True),
        sa.Column("annotator_id", BIG_ID, nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["activeclust_annotator.id"], name=op.f("activeclust_outcome_annotator_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["activeclust_run.id"],
            name=op.f("activeclust_outcome_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "row", name=op.f("activeclust_outcome_pkey")),
    )
    op.create_table(
        "activeclust_round",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("budget", sa.BigInteger(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["activeclust_run.id"], name=op.f("activeclust_round_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "index", name=op.f("activeclust_round_pkey")),
    )
    op.create_table(
        "activeclust_vote",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("annotator_id", BIG_ID, nullable=False),
        sa.Column("review", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["activeclust_annotator.id"], name=op.f("activeclust_vote_annotator_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["activeclust_run.id"], name=op.f("activeclust_vote_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "row", "annotator_id", "review", name=op.f("activeclust_vote_pkey")
        ),
    )

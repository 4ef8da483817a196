"""What tells a run's rows apart, so that its answers find their rows in a file that has changed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "activeclust_row_ids",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("ids", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["activeclust_run.id"],
            name=op.f("activeclust_row_ids_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("activeclust_row_ids_pkey")),
    )

"""Sources are asked again about people whom they have sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "source_grant",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_source_grant")),
    )
    with op.batch_alter_table("source_grant", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_source_grant_due"), ["due"], unique=False)

"""Browsers in which somebody has signed in before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "known_device",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_known_device")),
    )
    with op.batch_alter_table("known_device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_device_expires"), ["expires"], unique=False)
        batch_op.create_index(batch_op.f("ix_known_device_user"), ["user"], unique=False)

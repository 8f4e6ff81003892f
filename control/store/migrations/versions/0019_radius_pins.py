"""Addresses of NAS whose requests must be signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "radius_pin",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("provider", WHOLE, nullable=False),
        sa.Column("nas", sa.Text(), nullable=True),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_radius_pin")),
        sa.UniqueConstraint("address", "provider", name=op.f("uq_radius_pin_address_provider")),
    )
    with op.batch_alter_table("radius_pin", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_radius_pin_nas"), ["nas"], unique=False)
        batch_op.create_index(batch_op.f("ix_radius_pin_provider"), ["provider"], unique=False)

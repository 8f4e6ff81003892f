"""Entitlements of applications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "entitlement",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_entitlement")),
        sa.UniqueConstraint("application", "name", name=op.f("uq_entitlement_application_name")),
    )
    with op.batch_alter_table("entitlement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_entitlement_application"), ["application"], unique=False)

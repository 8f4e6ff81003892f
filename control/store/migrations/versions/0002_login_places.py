"""From where people signed in lately.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("login", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recent", sa.JSON(none_as_null=True), nullable=False, server_default="[]"))
    with op.batch_alter_table("login", schema=None) as batch_op:
        batch_op.alter_column("recent", server_default=None)

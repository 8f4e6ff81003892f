"""When a browser session has last seen a second factor."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("second_factor", sa.Double(), nullable=False, server_default="0"))
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.alter_column("second_factor", existing_type=sa.Double(), server_default=None)

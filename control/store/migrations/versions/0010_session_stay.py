"""How long a browser session may lie unused, and to which network it is bound."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lasting", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("bound_to", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.alter_column("lasting", existing_type=sa.Boolean(), server_default=None)
        batch_op.alter_column("bound_to", existing_type=sa.Text(), server_default=None)

"""Sessions of RADIUS stay when their NAS gives their name to another one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

TABLE = "radius_session"
NAME = ["nas", "nas_name", "session"]


def upgrade() -> None:
    with op.batch_alter_table(TABLE, schema=None) as batch_op:
        batch_op.add_column(sa.Column("former", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table(TABLE, schema=None) as batch_op:
        batch_op.alter_column("former", existing_type=sa.Text(), existing_nullable=False, server_default=None)
        batch_op.drop_constraint(op.f("uq_radius_session_nas_nas_name_session"), type_="unique")
        batch_op.create_unique_constraint(op.f("uq_radius_session_nas_nas_name_session_former"), [*NAME, "former"])

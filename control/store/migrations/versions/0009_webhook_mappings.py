"""What is posted to URLs, and which file owns an entitlement."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("notification_transport", schema=None) as batch_op:
        batch_op.add_column(sa.Column("webhook_mapping_body", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("webhook_mapping_headers", sa.Text(), nullable=True))
    with op.batch_alter_table("entitlement", schema=None) as batch_op:
        batch_op.add_column(sa.Column("managed", sa.Text(), nullable=True))

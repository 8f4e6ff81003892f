"""Notification rules, transports, and what waits to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "notification",
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_notification")),
    )
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notification_created"), ["created"], unique=False)
        batch_op.create_index(batch_op.f("ix_notification_expires"), ["expires"], unique=False)
        batch_op.create_index(batch_op.f("ix_notification_user"), ["user"], unique=False)

    op.create_table(
        "notification_delivery",
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("user", WHOLE, nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("tries", WHOLE, nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_notification_delivery")),
    )
    with op.batch_alter_table("notification_delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notification_delivery_due"), ["due"], unique=False)
        batch_op.create_index(batch_op.f("ix_notification_delivery_transport"), ["transport"], unique=False)

    op.create_table(
        "notification_rule",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("transports", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("destination_group", sa.Text(), nullable=True),
        sa.Column("destination_event_user", sa.Boolean(), nullable=False),
        sa.Column("policy_engine_mode", sa.Text(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_notification_rule")),
        sa.UniqueConstraint("name", name=op.f("uq_notification_rule_name")),
    )
    op.create_table(
        "notification_transport",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=False),
        sa.Column("email_subject_prefix", sa.Text(), nullable=False),
        sa.Column("email_template", sa.Text(), nullable=False),
        sa.Column("send_once", sa.Boolean(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_notification_transport")),
        sa.UniqueConstraint("name", name=op.f("uq_notification_transport_name")),
    )
    op.create_table(
        "untold_event",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_untold_event")),
    )
    with op.batch_alter_table("untold_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_untold_event_created"), ["created"], unique=False)

"""Links of flows, fields of prompt stages, invitations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "flow_token",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("user", WHOLE, nullable=True),
        sa.Column("flow", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_flow_token")),
    )
    with op.batch_alter_table("flow_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_flow_token_expires"), ["expires"], unique=False)
        batch_op.create_index(batch_op.f("ix_flow_token_user"), ["user"], unique=False)

    op.create_table(
        "invitation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.Column("fixed_data", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("single_use", sa.Boolean(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=True),
        sa.Column("created_by", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_invitation")),
    )
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invitation_created_by"), ["created_by"], unique=False)

    op.create_table(
        "prompt",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("field_key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("placeholder", sa.Text(), nullable=False),
        sa.Column("initial_value", sa.Text(), nullable=False),
        sa.Column("order", WHOLE, nullable=False),
        sa.Column("sub_text", sa.Text(), nullable=False),
        sa.Column("placeholder_expression", sa.Boolean(), nullable=False),
        sa.Column("initial_value_expression", sa.Boolean(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_prompt")),
        sa.UniqueConstraint("name", name=op.f("uq_prompt_name")),
    )

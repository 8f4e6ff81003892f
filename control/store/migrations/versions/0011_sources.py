"""Foreign providers at which people sign in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "source",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("provider_type", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("user_matching_mode", sa.Text(), nullable=False),
        sa.Column("authentication_flow", sa.Text(), nullable=True),
        sa.Column("enrollment_flow", sa.Text(), nullable=True),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
        sa.UniqueConstraint("slug", name=op.f("uq_source_slug")),
    )
    op.create_table(
        "source_connection",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("last_updated", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_source_connection")),
        sa.UniqueConstraint("source", "identifier", name=op.f("uq_source_connection_source_identifier")),
    )
    op.create_table(
        "source_sign_in",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("next", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_source_sign_in")),
    )
    op.create_table(
        "source_session",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_source_session")),
    )
    op.create_table(
        "spent_logout_token",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_spent_logout_token")),
    )
    for table, column in (
        ("source_connection", "user"),
        ("source_sign_in", "expires"),
        ("source_session", "identifier"),
        ("source_session", "sid"),
        ("spent_logout_token", "expires"),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_index(batch_op.f(f"ix_{table}_{column}"), [column], unique=False)

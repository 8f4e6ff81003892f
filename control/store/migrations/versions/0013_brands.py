"""How we look and what we are called, by host."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "brand",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("default", sa.Boolean(), nullable=False),
        sa.Column("branding_title", sa.Text(), nullable=False),
        sa.Column("branding_logo", sa.Text(), nullable=False),
        sa.Column("branding_favicon", sa.Text(), nullable=False),
        sa.Column("branding_custom_css", sa.Text(), nullable=False),
        sa.Column("flow_authentication", sa.Text(), nullable=True),
        sa.Column("flow_invalidation", sa.Text(), nullable=True),
        sa.Column("flow_recovery", sa.Text(), nullable=True),
        sa.Column("flow_unenrollment", sa.Text(), nullable=True),
        sa.Column("flow_user_settings", sa.Text(), nullable=True),
        sa.Column("flow_device_code", sa.Text(), nullable=True),
        sa.Column("default_application", sa.Text(), nullable=True),
        sa.Column("web_certificate", sa.Text(), nullable=True),
        sa.Column("client_certificates", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_brand")),
        sa.UniqueConstraint("domain", name=op.f("uq_brand_domain")),
    )

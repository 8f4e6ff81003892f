"""People are found by the attribute `upn`."""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

LONGEST = 600
"""Characters: what is longer fits into no index of PostgreSQL."""


def upgrade() -> None:
    op.add_column("user", sa.Column("upn_folded", sa.Text(), nullable=True))
    user = sa.table("user", sa.column("pk"), sa.column("attributes", sa.JSON()), sa.column("upn_folded"))
    connection = op.get_bind()
    for pk, attributes in connection.execute(sa.select(user.c.pk, user.c.attributes)).all():
        if isinstance(upn := attributes.get("upn"), str) and len(found := _folded(upn)) <= LONGEST:
            connection.execute(sa.update(user).where(user.c.pk == pk).values(upn_folded=found))
    op.create_index(op.f("ix_user_upn_folded"), "user", ["upn_folded"], unique=False)


def _folded(text: str) -> str:
    """As `rules.names.folded` was when this was written."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())

"""Nobody is found by an attribute `upn` that no index of PostgreSQL holds, in whichever database they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

LONGEST = 600
"""Characters."""


def upgrade() -> None:
    user = sa.table("user", sa.column("upn_folded"))
    op.execute(sa.update(user).where(sa.func.length(user.c.upn_folded) > LONGEST).values(upn_folded=None))

"""What a RADIUS session stands on beside its user, and orders that are given again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


ADDED: dict[str, dict[str, tuple[sa.types.TypeEngine[Any], str]]] = {
    "radius_session": {"credential": (sa.Text(), "")},
    "radius_order": {"rounds": (WHOLE, "0"), "due": (sa.Double(), "0")},
}
"""Table, column, and its type and value in the rows that there are."""


def upgrade() -> None:
    for table, columns in ADDED.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name, (kind, value) in columns.items():
                batch_op.add_column(sa.Column(name, kind, nullable=False, server_default=value))
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name, (kind, _) in columns.items():
                batch_op.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)

"""The validation stages of the first start ask for security keys and mailed codes, too.

They named what there was. Whoever has only what came later would be let in without it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

STAGES = (
    "default-authentication-mfa-validation",
    "default-second-factor-validation",
    "default-recovery-mfa-validation",
)
BEFORE = {"static", "totp"}
LATER = ["webauthn", "email"]


def upgrade() -> None:
    stage = sa.table("stage", sa.column("pk"), sa.column("name"), sa.column("settings", sa.JSON()))
    connection = op.get_bind()
    for pk, settings in connection.execute(sa.select(stage.c.pk, stage.c.settings).where(stage.c.name.in_(STAGES))):
        classes = settings.get("device_classes", [])
        if set(classes) == BEFORE:  # else somebody has chosen
            changed = {**settings, "device_classes": [*classes, *LATER]}
            connection.execute(sa.update(stage).where(stage.c.pk == pk).values(settings=changed))

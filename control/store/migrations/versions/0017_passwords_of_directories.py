"""The password stage that stores were made with before there were LDAP sources asks those, too, as that of a new one.

Only where it is as it was made, and nobody has a directory yet: who has one has decided, or is told by the doctor.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

MADE_WITH = ["authentik.core.auth.InbuiltBackend", "authentik.core.auth.TokenBackend"]
LDAP = "authentik.sources.ldap.auth.LDAPBackend"


def upgrade() -> None:
    source = sa.table("source", sa.column("provider_type"))
    stage = sa.table("stage", sa.column("pk"), sa.column("name"), sa.column("settings", sa.JSON()))
    connection = op.get_bind()
    directories = sa.select(source.c.provider_type).where(source.c.provider_type == "ldap")
    if connection.execute(directories).first() is not None:
        return
    ours = sa.select(stage.c.pk, stage.c.settings).where(stage.c.name == "default-authentication-password")
    for pk, settings in connection.execute(ours).all():
        if settings.get("backends") == MADE_WITH:
            asked = {**settings, "backends": [*MADE_WITH, LDAP]}
            connection.execute(sa.update(stage).where(stage.c.pk == pk).values(settings=asked))

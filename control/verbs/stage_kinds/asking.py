"""Stages that ask for something else than who somebody is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from control.records import Policy, Prompt
from control.verbs.fields import Duration, Name, Text
from control.verbs.stage_kinds.kind import ByOneServer, Kind, StageFields
from control.verbs.stage_kinds.proving import Number, Uuids


class PromptStageFields(StageFields):
    fields: Uuids = Field(default_factory=list)
    validation_policies: Uuids = Field(default_factory=list)


class ConsentFields(StageFields):
    mode: Literal["always_require", "permanent", "expiring"] = "always_require"
    consent_expire_in: Duration = "weeks=4"


class EmailFields(StageFields):
    use_global_settings: ByOneServer = True
    subject: Annotated[Text, Field(min_length=1)] = "authentik"
    template: Name = "email/password_reset.html"
    token_expiry: Duration = "minutes=30"  # noqa: S105
    activate_user_on_success: bool = False
    recovery_max_attempts: Number = 5
    recovery_cache_timeout: Duration = "minutes=5"


class InvitationFields(StageFields):
    continue_flow_without_invitation: bool | None = None
    """None: as the installation's own setting says."""


PROMPT = Kind(
    "prompt",
    "Prompt Stage",
    "Asks for anything: fields with types, judged by policies.",
    PromptStageFields,
    path="prompt/stages",
    references={"fields": Prompt, "validation_policies": Policy},
)
CONSENT = Kind(
    "consent",
    "Consent Stage",
    "Asks whether an application may know what it asks for.",
    ConsentFields,
)
EMAIL = Kind(
    "email",
    "Email Stage",
    "Sends a link, by which the flow goes on: whoever opens it has the mailbox.",
    EmailFields,
    proves=True,
)
INVITATION = Kind(
    "invitation",
    "Invitation Stage",
    "Lets nobody on but who was invited.",
    InvitationFields,
    path="invitation/stages",
    asks=False,
)

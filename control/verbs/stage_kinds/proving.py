"""Stages that find out who somebody is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from control.records import Flow, Stage
from control.verbs.fields import Duration, Text, Uuid
from control.verbs.stage_kinds.kind import Kind, StageFields

MOST_NAMED = 50
"""Records that one setting names."""
MOST_WRONG = 100
"""Answers that a stage takes before the flow starts anew; the account's own brake comes long before."""
Uuids = Annotated[list[Uuid], Field(max_length=MOST_NAMED)]
Number = Annotated[int, Field(ge=1, le=MOST_WRONG)]
UserField = Literal["email", "username", "upn"]
Backend = Literal[
    "authentik.core.auth.InbuiltBackend",
    "authentik.core.auth.TokenBackend",
    "authentik.sources.ldap.auth.LDAPBackend",
    "authentik.sources.kerberos.auth.KerberosBackend",
]
DeviceClass = Literal["static", "totp", "webauthn", "duo", "sms", "email"]


def _each_once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


class IdentificationFields(StageFields):
    user_fields: Annotated[list[UserField], Field(min_length=1, max_length=MOST_NAMED), AfterValidator(_each_once)] = (
        Field(
            default=[
                "email",
                "username",
            ]
        )
    )
    password_stage: Uuid | None = None
    captcha_stage: Uuid | None = None
    case_insensitive_matching: bool = True
    show_matched_user: bool = True
    enrollment_flow: Uuid | None = None
    recovery_flow: Uuid | None = None
    passwordless_flow: Uuid | None = None
    sources: Uuids = Field(default_factory=list)
    show_source_labels: bool = False
    pretend_user_exists: bool = True
    enable_remember_me: bool = False
    webauthn_stage: Uuid | None = None


class PasswordFields(StageFields):
    backends: Annotated[list[Backend], Field(min_length=1, max_length=MOST_NAMED), AfterValidator(_each_once)] = Field(
        default=[
            "authentik.core.auth.InbuiltBackend",
            "authentik.core.auth.TokenBackend",
            "authentik.sources.ldap.auth.LDAPBackend",
        ]
    )
    configure_flow: Uuid | None = None
    failed_attempts_before_cancel: Number = 5
    allow_show_password: bool = False


class ValidateFields(StageFields):
    not_configured_action: Literal["skip", "deny", "configure"] = "skip"
    device_classes: Annotated[list[DeviceClass], Field(max_length=MOST_NAMED), AfterValidator(_each_once)] = Field(
        default=[
            "static",
            "totp",
            "webauthn",
            "duo",
            "sms",
            "email",
        ]
    )
    configuration_stages: Uuids = Field(default_factory=list)
    last_auth_threshold: Duration = "seconds=0"
    webauthn_user_verification: Literal["required", "preferred", "discouraged"] = "preferred"
    webauthn_allowed_device_types: Annotated[list[Text], Field(max_length=MOST_NAMED)] = Field(default_factory=list)


IDENTIFICATION = Kind(
    "identification",
    "Identification Stage",
    "Asks who somebody is: a user name, an e-mail address or a UPN.",
    IdentificationFields,
    references={
        "password_stage": Stage,
        "captcha_stage": Stage,
        "webauthn_stage": Stage,
        "enrollment_flow": Flow,
        "recovery_flow": Flow,
        "passwordless_flow": Flow,
    },
    headless=True,
)
PASSWORD = Kind(
    "password",
    "Password Stage",
    "Asks for the password of whoever was named before.",
    PasswordFields,
    references={"configure_flow": Flow},
    headless=True,
    proves=True,
)
VALIDATE = Kind(
    "authenticator_validate",
    "Authenticator Validation Stage",
    "Asks for a second factor: a one-time code of a program, or one from a list.",
    ValidateFields,
    path="authenticator/validate",
    references={"configuration_stages": Stage},
    headless=True,
)

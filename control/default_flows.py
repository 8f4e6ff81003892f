"""The flows that every store has, under authentik's slugs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control.records import Flow, Prompt, Stage, StageBinding
from control.store.interface import Query, Transaction


@dataclass(frozen=True, slots=True)
class DefaultStage:
    name: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    prompts: tuple[Prompt, ...] = ()
    """The fields that it asks for."""
    stages: Mapping[str, DefaultStage] = field(default_factory=dict)
    """Settings that name other stages."""


@dataclass(frozen=True, slots=True)
class DefaultFlow:
    flow: Flow
    stages: tuple[tuple[int, DefaultStage], ...] = ()
    """(order, stage)"""


PASSWORD = DefaultStage(
    "default-authentication-password",
    "password",
    {
        "backends": [
            "authentik.core.auth.InbuiltBackend",
            "authentik.core.auth.TokenBackend",
            "authentik.sources.ldap.auth.LDAPBackend",
        ],
        "failed_attempts_before_cancel": 5,
    },
)
SECOND_FACTORS = ("static", "totp", "webauthn", "email")
"""Device classes that count wherever one is asked for."""
MFA = DefaultStage(
    "default-authentication-mfa-validation",
    "authenticator_validate",
    {
        "device_classes": list(SECOND_FACTORS),
        "not_configured_action": "skip",
        "last_auth_threshold": "seconds=0",
    },
)
IDENTIFICATION = DefaultStage(
    "default-authentication-identification",
    "identification",
    {"user_fields": ["email", "username"], "case_insensitive_matching": True},
    stages={"webauthn_stage": MFA},
)
STEP_UP = "default-second-factor-flow"
"""Slug of the flow that asks whoever has signed in for a second factor again."""
CONFIRMATION = "default-email-confirmation-flow"
"""Slug of the flow by which people confirm the address that their account has."""
STEP_UP_FACTOR = DefaultStage(
    "default-second-factor-validation",
    "authenticator_validate",
    {
        "device_classes": list(SECOND_FACTORS),
        "not_configured_action": "deny",
        "last_auth_threshold": "seconds=0",
    },
)
TOTP_SETUP = DefaultStage("default-authenticator-totp-setup", "authenticator_totp", {"digits": 6})
STATIC_SETUP = DefaultStage(
    "default-authenticator-static-setup", "authenticator_static", {"token_count": 6, "token_length": 12}
)
EMAIL_SETUP = DefaultStage(
    "default-authenticator-email-setup", "authenticator_email", {"token_expiry": "minutes=15", "subject": "Your code"}
)
WEBAUTHN_SETUP = DefaultStage(
    "default-authenticator-webauthn-setup",
    "authenticator_webauthn",
    {"user_verification": "preferred", "resident_key_requirement": "preferred"},
)
CHANGE = DefaultStage("default-password-change-prompt", "password_change")
LOGIN = DefaultStage("default-authentication-login", "user_login", {"session_duration": "seconds=0"})
LOGOUT = DefaultStage("default-invalidation-logout", "user_logout")
CONSENT = DefaultStage(
    "default-provider-authorization-consent", "consent", {"mode": "expiring", "consent_expire_in": "weeks=4"}
)
INITIAL_SETUP = DefaultStage("default-initial-setup", "initial_setup")

PASSWORDS = (
    Prompt("default-password-change-field-password", "password", "New password", "password", order=100),
    Prompt(
        "default-password-change-field-password-repeat", "password_repeat", "New password again", "password", order=101
    ),
)
USERNAME = Prompt("default-user-settings-field-username", "username", "User name", "username", order=200)
NAME = Prompt("default-user-settings-field-name", "name", "Name", "text", required=False, order=201)
EMAIL = Prompt("default-user-settings-field-email", "email", "E-mail address", "email", order=202)
OWN_USERNAME = Prompt(
    "default-user-settings-field-own-username",
    "username",
    "User name",
    "username",
    order=200,
    initial_value="return request.user.username",
    initial_value_expression=True,
)
OWN_NAME = Prompt(
    "default-user-settings-field-own-name",
    "name",
    "Name",
    "text",
    required=False,
    order=201,
    initial_value="return request.user.name",
    initial_value_expression=True,
)
OWN_EMAIL = Prompt(
    "default-user-settings-field-own-email",
    "email",
    "E-mail address",
    "email",
    order=202,
    initial_value="return request.user.email",
    initial_value_expression=True,
)
RECOVERY_IDENTIFICATION = DefaultStage(
    "default-recovery-identification",
    "identification",
    {"user_fields": ["email", "username"], "case_insensitive_matching": True},
)
RECOVERY_EMAIL = DefaultStage(
    "default-recovery-email",
    "email",
    {"subject": "Choose a new password", "template": "email/password_reset.html", "token_expiry": "minutes=30"},
)
RECOVERY_MFA = DefaultStage(
    "default-recovery-mfa-validation",
    "authenticator_validate",
    {
        "device_classes": list(SECOND_FACTORS),
        "not_configured_action": "skip",
        "last_auth_threshold": "seconds=0",
    },
)
RECOVERY_PASSWORD = DefaultStage("default-recovery-password", "prompt", prompts=PASSWORDS)
RECOVERY_WRITE = DefaultStage("default-recovery-user-write", "user_write", {"user_creation_mode": "never_create"})
ENROLLMENT_INVITATION = DefaultStage("default-enrollment-invitation", "invitation")
ENROLLMENT_PROMPT = DefaultStage("default-enrollment-prompt", "prompt", prompts=(USERNAME, NAME, EMAIL, *PASSWORDS))
ENROLLMENT_EMAIL = DefaultStage(
    "default-enrollment-email",
    "email",
    {"subject": "Confirm your address", "template": "email/account_confirmation.html", "token_expiry": "hours=24"},
)
ENROLLMENT_WRITE = DefaultStage(
    "default-enrollment-user-write", "user_write", {"user_creation_mode": "always_create", "user_type": "external"}
)
SOURCE_WRITE = DefaultStage(
    "default-source-enrollment-write", "user_write", {"user_creation_mode": "always_create", "user_type": "external"}
)
SETTINGS_PROMPT = DefaultStage("default-user-settings", "prompt", prompts=(OWN_USERNAME, OWN_NAME, OWN_EMAIL))
SETTINGS_WRITE = DefaultStage("default-user-settings-write", "user_write", {"user_creation_mode": "never_create"})
CONFIRMATION_EMAIL = DefaultStage(
    "default-email-confirmation-email",
    "email",
    {"subject": "Confirm your address", "template": "email/address_confirmation.html", "token_expiry": "hours=24"},
)
DELETE = DefaultStage("default-unenrollment-user-delete", "user_delete")

DEFAULT_FLOWS: tuple[DefaultFlow, ...] = (
    DefaultFlow(
        Flow(
            slug="default-authentication-flow",
            name="Welcome!",
            title="Welcome!",
            designation="authentication",
        ),
        ((10, IDENTIFICATION), (20, PASSWORD), (30, MFA), (100, LOGIN)),
    ),
    DefaultFlow(
        Flow(
            slug=STEP_UP,
            name="Second factor",
            title="Show that it is you",
            designation="stage_configuration",
            authentication="require_authenticated",
        ),
        ((10, STEP_UP_FACTOR),),
    ),
    DefaultFlow(
        Flow(
            slug="default-invalidation-flow",
            name="Logout",
            title="Default Invalidation Flow",
            designation="invalidation",
        ),
        ((0, LOGOUT),),
    ),
    DefaultFlow(
        Flow(
            slug="default-provider-authorization-implicit-consent",
            name="Authorize Application",
            title="Redirecting to %(app)s",
            designation="authorization",
            authentication="require_authenticated",
        ),
    ),
    DefaultFlow(
        Flow(
            slug="default-provider-authorization-explicit-consent",
            name="Authorize Application",
            title="Redirecting to %(app)s",
            designation="authorization",
            authentication="require_authenticated",
        ),
        ((0, CONSENT),),
    ),
    DefaultFlow(
        Flow(
            slug="default-provider-invalidation-flow",
            name="Logged out of application",
            title="You've logged out of %(app)s.",
            designation="invalidation",
        ),
    ),
    DefaultFlow(
        Flow(
            slug="default-authenticator-totp-setup",
            name="default-authenticator-totp-setup",
            title="Set up Two-Factor authentication",
            designation="stage_configuration",
            authentication="require_authenticated",
        ),
        ((0, TOTP_SETUP),),
    ),
    DefaultFlow(
        Flow(
            slug="default-authenticator-static-setup",
            name="default-authenticator-static-setup",
            title="Set up Two-Factor authentication",
            designation="stage_configuration",
            authentication="require_authenticated",
        ),
        ((0, STATIC_SETUP),),
    ),
    DefaultFlow(
        Flow(
            slug="default-authenticator-webauthn-setup",
            name="default-authenticator-webauthn-setup",
            title="Set up a passkey or security key",
            designation="stage_configuration",
            authentication="require_authenticated",
        ),
        ((0, WEBAUTHN_SETUP),),
    ),
    DefaultFlow(
        Flow(
            slug="default-authenticator-email-setup",
            name="default-authenticator-email-setup",
            title="Set up codes by e-mail",
            designation="stage_configuration",
            authentication="require_authenticated",
        ),
        ((0, EMAIL_SETUP),),
    ),
    DefaultFlow(
        Flow(
            slug="default-password-change",
            name="Change Password",
            title="Change password",
            designation="stage_configuration",
        ),
        ((0, IDENTIFICATION), (10, PASSWORD), (20, MFA), (30, CHANGE), (100, LOGIN)),
    ),
    DefaultFlow(
        Flow(
            slug="default-recovery-flow",
            name="Recovery",
            title="Reset your password",
            designation="recovery",
        ),
        (
            (10, RECOVERY_IDENTIFICATION),
            (20, RECOVERY_EMAIL),
            (25, RECOVERY_MFA),
            (30, RECOVERY_PASSWORD),
            (40, RECOVERY_WRITE),
        ),
    ),
    DefaultFlow(
        Flow(
            slug="default-enrollment-flow",
            name="Enrollment",
            title="Make an account",
            designation="enrollment",
            authentication="require_unauthenticated",
        ),
        ((5, ENROLLMENT_INVITATION), (10, ENROLLMENT_PROMPT), (20, ENROLLMENT_EMAIL), (30, ENROLLMENT_WRITE)),
    ),
    DefaultFlow(
        Flow(
            slug="default-source-enrollment",
            name="Welcome!",
            title="Welcome!",
            designation="enrollment",
            authentication="require_unauthenticated",
        ),
        ((30, SOURCE_WRITE), (100, LOGIN)),
    ),
    DefaultFlow(
        Flow(
            slug="default-user-settings-flow",
            name="User settings",
            title="Your details",
            designation="stage_configuration",
            authentication="require_authenticated",
        ),
        ((20, SETTINGS_PROMPT), (100, SETTINGS_WRITE)),
    ),
    DefaultFlow(
        Flow(
            slug=CONFIRMATION,
            name="Confirmation of an address",
            title="Confirm your address",
            designation="stage_configuration",
            authentication="require_authenticated",
        ),
        ((10, CONFIRMATION_EMAIL),),
    ),
    DefaultFlow(
        Flow(
            slug="default-unenrollment-flow",
            name="Unenrollment",
            title="Delete your account",
            designation="unenrollment",
        ),
        ((0, IDENTIFICATION), (10, PASSWORD), (20, MFA), (30, DELETE)),
    ),
    DefaultFlow(
        Flow(
            slug="initial-setup",
            name="Initial setup",
            title="Set up the administrator",
            designation="stage_configuration",
        ),
        ((10, INITIAL_SETUP), (100, LOGIN)),
    ),
)


def ensure_flows(tx: Transaction) -> None:
    """Makes the flows that are missing, with their stages. A flow that is there belongs to the operator."""
    for default in DEFAULT_FLOWS:
        if tx.find(Flow, slug=default.flow.slug) is None:
            flow = tx.insert(default.flow)
            for order, stage in default.stages:
                tx.insert(StageBinding(flow=flow.pk, stage=_stage(tx, stage).pk, order=order))


def _stage(tx: Transaction, default: DefaultStage) -> Stage:
    found = tx.find(Stage, name=default.name)
    if found is not None:
        return found
    fields = [_prompt(tx, prompt).pk for prompt in default.prompts]
    named = {setting: _stage(tx, stage).pk for setting, stage in default.stages.items()}
    settings = {**default.settings, **named, **({"fields": fields} if fields else {})}
    return tx.insert(Stage(default.name, default.kind, settings=settings))


def _prompt(tx: Transaction, default: Prompt) -> Prompt:
    found = tx.select(Prompt, Query(equal={"name": default.name}, limit=1))
    return found[0] if found else tx.insert(default)

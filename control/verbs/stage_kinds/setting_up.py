"""Stages in which somebody sets up what they will sign in with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from control.records import Flow
from control.verbs.fields import Duration, Name, Text, Uuid
from control.verbs.stage_kinds.kind import ByOneServer, Kind, StageFields

SHORTEST_CODE, LONGEST_CODE = 8, 32
"""Letters and digits: eight are 39 bits, which the wait between wrong codes protects; more than 32 nobody types."""
MOST_CODES = 50


class SetupFields(StageFields):
    configure_flow: Uuid | None = None
    friendly_name: Text = ""


class TotpFields(SetupFields):
    digits: Literal[6, 8] = 6


class StaticFields(SetupFields):
    token_count: Annotated[int, Field(ge=1, le=MOST_CODES)] = 6
    token_length: Annotated[int, Field(ge=SHORTEST_CODE, le=LONGEST_CODE)] = 12


class WebAuthnFields(SetupFields):
    user_verification: Literal["required", "preferred", "discouraged"] = "preferred"
    authenticator_attachment: Literal["platform", "cross-platform"] | None = None
    resident_key_requirement: Literal["required", "preferred", "discouraged"] = "preferred"


class EmailSetupFields(SetupFields):
    use_global_settings: ByOneServer = True
    token_expiry: Duration = "minutes=15"  # noqa: S105
    subject: Annotated[Text, Field(min_length=1)] = "Your code"
    template: Name = "email/email_otp.html"


TOTP = Kind(
    "authenticator_totp",
    "TOTP Authenticator Setup Stage",
    "Sets up a program that makes one-time codes.",
    TotpFields,
    path="authenticator/totp",
    references={"configure_flow": Flow},
)
STATIC = Kind(
    "authenticator_static",
    "Static Authenticator Setup Stage",
    "Gives somebody a list of codes for the day on which they have nothing else.",
    StaticFields,
    path="authenticator/static",
    references={"configure_flow": Flow},
)
WEBAUTHN = Kind(
    "authenticator_webauthn",
    "WebAuthn Authenticator Setup Stage",
    "Sets up a passkey or a security key.",
    WebAuthnFields,
    path="authenticator/webauthn",
    references={"configure_flow": Flow},
)
EMAIL = Kind(
    "authenticator_email",
    "Email Authenticator Setup Stage",
    "Sets up an address to which codes are sent.",
    EmailSetupFields,
    path="authenticator/email",
    references={"configure_flow": Flow},
)
PASSWORD_CHANGE = Kind(
    "password_change",
    "Password Change Stage",
    "Asks for a new password, after the old one was shown in this very flow.",
)
INITIAL_SETUP = Kind(
    "initial_setup",
    "Initial Setup Stage",
    "Gives the first administrator a password, once.",
    proves=True,
)

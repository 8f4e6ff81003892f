"""The kinds of stages, by the name that a stage's record carries."""

from __future__ import annotations

from control.flows.stages.authenticator_setup import StaticSetupStage, TotpSetupStage
from control.flows.stages.authenticator_validate import AuthenticatorValidateStage
from control.flows.stages.consent import ConsentStage
from control.flows.stages.email import EmailStage
from control.flows.stages.email_setup import EmailSetupStage
from control.flows.stages.ends import DenyStage, RedirectStage
from control.flows.stages.identification import IdentificationStage
from control.flows.stages.initial_setup import InitialSetupStage
from control.flows.stages.invitation import InvitationStage
from control.flows.stages.login import UserLoginStage, UserLogoutStage
from control.flows.stages.password import PasswordStage
from control.flows.stages.password_change import PasswordChangeStage
from control.flows.stages.prompt import PromptStage
from control.flows.stages.user_delete import UserDeleteStage
from control.flows.stages.user_write import UserWriteStage
from control.flows.stages.webauthn_setup import WebAuthnSetupStage
from control.flows.state import Stage

STAGES: dict[str, Stage] = {
    "identification": IdentificationStage(),
    "password": PasswordStage(),
    "password_change": PasswordChangeStage(),
    "authenticator_validate": AuthenticatorValidateStage(),
    "authenticator_totp": TotpSetupStage(),
    "authenticator_static": StaticSetupStage(),
    "authenticator_email": EmailSetupStage(),
    "authenticator_webauthn": WebAuthnSetupStage(),
    "user_login": UserLoginStage(),
    "user_logout": UserLogoutStage(),
    "email": EmailStage(),
    "prompt": PromptStage(),
    "invitation": InvitationStage(),
    "user_write": UserWriteStage(),
    "user_delete": UserDeleteStage(),
    "consent": ConsentStage(),
    "deny": DenyStage(),
    "redirect": RedirectStage(),
    "initial_setup": InitialSetupStage(),
}

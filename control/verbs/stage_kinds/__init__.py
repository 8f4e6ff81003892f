"""What each kind of stage is made from: authentik's field names and defaults. What it does is in
`control.flows.stages`."""

from __future__ import annotations

from control.verbs.stage_kinds import asking, ending, proving, setting_up
from control.verbs.stage_kinds.kind import Kind, StageFields

__all__ = ["KINDS", "Kind", "StageFields"]

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        proving.IDENTIFICATION,
        proving.PASSWORD,
        proving.VALIDATE,
        setting_up.TOTP,
        setting_up.STATIC,
        setting_up.WEBAUTHN,
        setting_up.EMAIL,
        setting_up.PASSWORD_CHANGE,
        setting_up.INITIAL_SETUP,
        asking.PROMPT,
        asking.CONSENT,
        asking.EMAIL,
        asking.INVITATION,
        ending.DENY,
        ending.REDIRECT,
        ending.USER_LOGIN,
        ending.USER_LOGOUT,
        ending.USER_WRITE,
        ending.USER_DELETE,
    )
}

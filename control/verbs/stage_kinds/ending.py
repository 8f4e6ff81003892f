"""Stages that do something without a question: most of them end a flow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from control.records import Flow, Group
from control.targets import LONGEST_TARGET, is_local, is_web
from control.verbs.fields import Duration, LongText, Text, Uuid
from control.verbs.stage_kinds.kind import Kind, StageFields


class DenyFields(StageFields):
    deny_message: LongText = ""


def _target(text: str) -> str:
    if text and not (is_local(text) or is_web(text)):
        raise ValueError("Write a path of this server, like /if/user/, or an address with http:// or https://.")
    return text


class RedirectFields(StageFields):
    keep_context: bool = True
    mode: Literal["static", "flow"] = "static"
    target_static: Annotated[str, Field(max_length=LONGEST_TARGET), AfterValidator(_target)] = ""
    target_flow: Uuid | None = None


class UserLoginFields(StageFields):
    session_duration: Duration = "seconds=0"
    terminate_other_sessions: bool = False
    remember_me_offset: Duration = "seconds=0"
    network_binding: Literal["no_binding", "bind_asn", "bind_asn_network", "bind_asn_network_ip"] = "no_binding"
    geoip_binding: Literal["no_binding", "bind_continent", "bind_continent_country", "bind_continent_country_city"] = (
        "no_binding"
    )
    remember_device: Duration = "days=30"


class UserWriteFields(StageFields):
    user_creation_mode: Literal["never_create", "create_when_required", "always_create"] = "create_when_required"
    create_users_as_inactive: bool = False
    create_users_group: Uuid | None = None
    user_type: Literal["internal", "external", "service_account"] = "external"
    user_path_template: Text = "users"


DENY = Kind("deny", "Deny Stage", "Ends the flow, with a sentence.", DenyFields, headless=True, asks=False)
REDIRECT = Kind(
    "redirect",
    "Redirect Stage",
    "Ends the flow, and leads to an address or into another flow.",
    RedirectFields,
    references={"target_flow": Flow},
    asks=False,
)
USER_LOGIN = Kind(
    "user_login",
    "User Login Stage",
    "Signs in whoever has shown in this flow who they are.",
    UserLoginFields,
    headless=True,
    asks=False,
)
USER_LOGOUT = Kind("user_logout", "User Logout Stage", "Ends the browser's session.", asks=False)
USER_WRITE = Kind(
    "user_write",
    "User Write Stage",
    "Makes an account of what was asked for, or changes one.",
    UserWriteFields,
    references={"create_users_group": Group},
    asks=False,
)
USER_DELETE = Kind("user_delete", "User Delete Stage", "Deletes one's own account.", asks=False)

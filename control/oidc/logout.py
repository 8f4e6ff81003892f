"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): whose session may end unasked, and where to go then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from control.endings import sid_of
from control.oidc.clients import Client
from control.oidc.discovery import issuer
from control.oidc.keys import signing_key
from control.sessions import Visit
from control.store.interface import Transaction


@dataclass(frozen=True, slots=True)
class Leaving:
    must_ask: bool
    """The request does not prove that it comes from an application of this very session: a link on any page could."""
    to: str | None
    """Where the application wants the browser then; None: a page of ours."""


def decide(tx: Transaction, client: Client, asked: Mapping[str, str], visit: Visit | None, base: str) -> Leaving:
    """The browser is sent on only with a valid hint and to a registered address (section 3). Raises NoKey."""
    hint = signing_key(tx, client).claims_of(asked.get("id_token_hint", ""))
    is_ours = hint is not None and hint.get("aud") == client.client_id and hint.get("iss") == issuer(base, client)
    if hint is None or not is_ours:
        return Leaving(True, None)
    same_session = visit is not None and hint.get("sid") == sid_of(visit.session.pk)
    uri = asked.get("post_logout_redirect_uri", "")
    if not uri or not client.knows_logout_redirect(uri):
        return Leaving(not same_session, None)
    state = {"state": asked["state"]} if "state" in asked else {}
    return Leaving(not same_session, f"{uri}{'&' if '?' in uri else '?'}{urlencode(state)}" if state else uri)

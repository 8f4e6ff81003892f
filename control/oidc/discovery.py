"""Where everything is: addresses below a base URL, and the document that lists them (OpenID Connect Discovery, 3)."""

from __future__ import annotations

from typing import Any

from control.oidc import claims
from control.oidc.clients import Client
from control.oidc.keys import ALGORITHM

ROOT = "/application/o"
AUTHORIZE = f"{ROOT}/authorize/"
ACR = "goauthentik.io/providers/oauth2/default"
SECOND_FACTOR = "https://refeds.org/profile/mfa"
"""As `ACR`, with a second factor; the name that the field has for it."""
CLIENT_AUTHENTICATION = ("client_secret_basic", "client_secret_post")
RESPONSE_MODES = ("query", "fragment", "form_post")
GRANT_TYPES = ("authorization_code", "refresh_token")
GRANTS_OF_PROGRAMS = ("client_credentials",)
"""For clients that can keep a secret."""
PROTOCOL_CLAIMS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "at_hash", "sid")


def issuer(base: str, client: Client) -> str:
    """``base`` is scheme and host, without a slash at the end."""
    if client.provider.settings.get("issuer_mode") == "global":
        return f"{base}/"
    return f"{base}{ROOT}/{client.application.slug}/"


def document(base: str, client: Client) -> dict[str, Any]:
    own = f"{base}{ROOT}/{client.application.slug}"
    grants = GRANT_TYPES if client.is_public or client.provider.kind != "oauth2" else GRANT_TYPES + GRANTS_OF_PROGRAMS
    methods = ("none", *CLIENT_AUTHENTICATION) if client.is_public else CLIENT_AUTHENTICATION
    return {
        "issuer": issuer(base, client),
        "authorization_endpoint": f"{base}{AUTHORIZE}",
        "token_endpoint": f"{base}{ROOT}/token/",
        "userinfo_endpoint": f"{base}{ROOT}/userinfo/",
        "end_session_endpoint": f"{own}/end-session/",
        "introspection_endpoint": f"{base}{ROOT}/introspect/",
        "revocation_endpoint": f"{base}{ROOT}/revoke/",
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "jwks_uri": f"{own}/jwks/",
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(grants),
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": list(methods),
        "acr_values_supported": [ACR, SECOND_FACTOR],
        "scopes_supported": list(client.scopes),
        "claims_supported": [*PROTOCOL_CLAIMS, *claims.NAMES],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }

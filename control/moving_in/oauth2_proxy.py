"""oauth2-proxy's configuration (``oauth2-proxy.cfg``): the application that it stands before.

Whoever it lets in by something that cannot be said here (addresses of mail, organizations, whatever a version of it may
have) gets no application, which would be open to everyone: it is left to the operator.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from control.apply.sections import Given
from control.moving_in.found import CannotRead, Found

SIGN_IN = re.compile(r"provider|client_|oidc_|login_url|redeem_url|profile_url|validate_url|scope|prompt|acr_|azure_")
"""How oauth2-proxy finds out who somebody is."""
NEUTRAL = re.compile(
    r"(?:http|https|metrics)_address|tls_|logging_|.*_logging.*|cookie_|session_|redis_|reverse_proxy|proxy_prefix"
    r"|ping_|ready_|footer|banner|custom_|show_debug|silence_|force_|real_client|trusted_proxy|whitelist_domain"
    r"|redirect_url|flush_interval|gcp_|set_xauthrequest|pass_user_headers|skip_provider_button|skip_auth_strip"
)
"""About the program, or the same for every application here."""
ELSEWHERE = re.compile(
    r"pass_|set_|prefer_email|user_id_claim|request_|errors_to|exclude_logging|auth_logging|standard_logging|encode_state"
    r"|skip_auth_preflight|skip_jwt_bearer|skip_claims|skip_oidc|extra_jwt|api_routes|trusted_ips|bearer_token|version"
    r"|ssl_|upstream_|use_system_trust|proxy_websockets|basic_auth_password|signature_key|jwt_key|pubjwk|backend_logout"
    r"|insecure_oidc|google_(?:admin|service|use|target)|github_token|code_challenge|approval_prompt|resource"
    r"|relative_redirect|display_htpasswd|allow_query|entra_id_federated"
)
"""What is not taken over, and keeps nobody out there."""
_TIME = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")
_ROUTE = re.compile(r"(.*?)(!?=)(.*)", re.DOTALL)
"""What stands before the first equals sign is a method there, whatever it looks like: such a path is not open."""


def read(octets: bytes) -> Found:
    """Raises CannotRead."""
    try:
        text = octets.decode()
        said = tomllib.loads(text)
    except UnicodeDecodeError:
        raise CannotRead("is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise CannotRead(f"is no TOML: {error}") from None
    external = _address(str(said.get("redirect_url", "")))
    if external is None:
        raise CannotRead("has no redirect_url, which says at what address the application is")
    found = Found()
    lines = {match[1]: number for number, line in enumerate(text.splitlines(), 1) if (match := _key(line))}
    lines |= {name: 1 for name in said if name not in lines}
    _application(found, said, lines, f"{external.scheme}://{external.netloc}", external.hostname or "")
    return found


def _address(text: str) -> SplitResult | None:
    """Of HTTP, with a host; None: it is none."""
    try:
        parts = urlsplit(text)
        return parts if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def _key(line: str) -> re.Match[str] | None:
    return re.match(r"\s*\"?([A-Za-z_]\w*)\"?\s*=", line)


def _application(found: Found, said: Given, lines: dict[str, int], external: str, host: str) -> None:
    provider: Given = {"kind": "proxy", "mode": "forward_single", "external_host": external}
    provider |= _behind(found, said, lines) | _domain(said, host)
    if (open_ := list(_open_paths(found, said, lines))) and provider["mode"] == "forward_domain":
        found.leave(
            lines["redirect_url"], "paths that need no sign-in stay closed: they would open those of every host"
        )
    elif open_:
        provider["skip_path_regex"] = "\n".join(open_)
    if lasts := _lasts(said.get("cookie_expire")):
        provider["access_token_validity"] = lasts
    line = lines["redirect_url"]
    if not found.take("providers", host, provider, line):
        return
    narrowed = [name for name, value in said.items() if _narrows(name, value)]
    for name in narrowed:
        found.leave(lines[name], f"{name} says who may come in, and cannot be said here; {host} gets no application")
    groups = _texts(said.get("allowed_groups", said.get("allowed_group")))
    if not narrowed and "*" not in _texts(said.get("email_domains")) and not groups:
        found.leave(line, f"nothing says who may come in; {host} gets no application")
    elif not narrowed:
        for name in groups:
            if name not in found.sections["groups"]:
                found.take("groups", name, {}, line)
        bindings = [{"group": name} for name in groups]
        entry = {"name": host, "provider": host} | ({"bindings": bindings} if bindings else {})
        found.take("applications", host.replace(".", "-"), entry, line)
    for name in said:
        if SIGN_IN.match(name):
            found.leave(lines[name], "who asks for passwords there is a source here; see docs/sources.md")
        elif ELSEWHERE.match(name):
            found.leave(lines[name], f"{name} is not taken over")


_READ = ("upstreams", "skip_auth_routes", "skip_auth_regex", "allowed_groups", "allowed_group")


def _behind(found: Found, said: Given, lines: dict[str, int]) -> Given:
    """Whether it passes requests on, and where to."""
    upstreams = [one for one in _texts(said.get("upstreams")) if not one.startswith("static://")]
    if not upstreams:
        return {}
    first = _address(upstreams[0])
    if first is None or len(upstreams) > 1 or first.path not in ("", "/"):
        sentence = "upstreams of several kinds or paths are for a reverse proxy: put one in front, and ask us there"
        found.leave(lines["upstreams"], sentence)
        return {}
    verified = {"internal_host_ssl_validation": False} if said.get("ssl_upstream_insecure_skip_verify") else {}
    return {"mode": "proxy", "internal_host": f"{first.scheme}://{first.netloc}"} | verified


def _domain(said: Given, host: str) -> Given:
    """One session for all hosts of a domain."""
    for domain in (one.removeprefix(".") for one in _texts(said.get("cookie_domains", said.get("cookie_domain")))):
        if domain and domain != host and host.endswith(f".{domain}") and not said.get("upstreams"):
            return {"mode": "forward_domain", "cookie_domain": domain}
    return {}


def _open_paths(found: Found, said: Given, lines: dict[str, int]) -> Iterator[str]:
    """Patterns that are looked for in the path, there as here; but here each is a line, without blanks around it."""
    for name in ("skip_auth_regex", "skip_auth_routes"):
        for said_there in _texts(said.get(name)):
            route = _ROUTE.fullmatch(said_there) if name == "skip_auth_routes" else None
            pattern = said_there if route is None else route[3] if (route[1], route[2]) == ("", "=") else ""
            if pattern and pattern.strip().splitlines() == [pattern]:
                yield pattern
            else:
                found.leave(lines[name], f"{said_there!r} stays closed; say it in an access rule of the provider")


def _narrows(name: str, value: Any) -> bool:
    """Does it keep anybody out, so that it could not be left away? What is not known may."""
    if name == "email_domains":
        return bool(value) and "*" not in _texts(value)
    if name in ("allowed_groups", "allowed_group"):
        return _texts(value) != (value if isinstance(value, list) else [value] if value else [])
    return bool(value) and name not in _READ and not any(one.match(name) for one in (SIGN_IN, NEUTRAL, ELSEWHERE))


def _lasts(expire: Any) -> str:
    match = _TIME.fullmatch(expire) if isinstance(expire, str) else None
    parts = zip(("hours", "minutes", "seconds"), match.groups(), strict=True) if match else ()
    return ";".join(f"{unit}={int(count)}" for unit, count in parts if count and int(count))


def _texts(value: Any) -> list[str]:
    many = value if isinstance(value, list) else [value]
    return [one for one in many if isinstance(one, str) and one]

"""What we ask a foreign provider: where it signs people in, tokens for a code, and who came (RFC 6749, OpenID Connect
Core 3.1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

from control.oidc.fetching import Declined
from control.oidc.foreign import Away, ForeignTokens
from control.records import Source
from control.sources.kinds import KINDS, OFFLINE, WELL_KNOWN, SourceKind, settings_of

LONGEST_IDENTIFIER = 255
"""OpenID Connect Core, 2."""
LONGEST_CLAIM = 254
MOST_NAMES = 5000
"""Organisations, or groups, of one person."""
PAGE, MOST_PAGES = 100, 20
"""Organisations in one answer, and answers, of a provider that lists them."""
LONGEST_REFRESH_TOKEN = 4096
"""Characters; Microsoft's have some 1,500."""
OVER = ("invalid_grant", "bad_refresh_token")
"""RFC 6749, 5.2; and GitHub's word for it."""


class Inquire(Protocol):
    def __call__(self, url: str, headers: Mapping[str, str], form: bytes | None = None) -> Awaitable[bytes]:
        """Raises OSError, ValueError, Declined."""
        ...


class Untrue(Exception):
    """What came back from a source does not prove who somebody is. The text is for the operator's log."""


class Over(Untrue):
    """The source lets whoever it was in no more."""


class _No(Untrue):
    """``error`` is the source's (RFC 6749, 5.2)."""

    def __init__(self, error: str) -> None:
        super().__init__(f"the source says {error}")
        self.error = error


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a browser takes along to a source."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Stranger:
    """Who came back, in the source's words. ``email`` is empty unless the source has confirmed it."""

    identifier: str
    username: str
    name: str
    email: str
    sid: str
    refresh_token: str = field(default="", repr=False)
    """To ask again with; empty if the source gives none."""
    good_for: float = 0.0
    """Seconds for which the source stands by what it said; 0 if it does not say."""
    auth_time: float | None = None
    """When they signed in there, seconds since the epoch; None if it does not say."""
    organizations: tuple[str, ...] = ()
    """Empty, too, if nobody wants to know."""
    groups: tuple[str, ...] | None = None
    """None if it does not say, or nobody wants to know."""


def issuer_of(source: Source) -> str:
    """As the discovery document writes it, up to a slash at the end."""
    kind = KINDS[source.provider_type]
    return str(source.settings["oidc_well_known_url"] or kind.oidc_well_known_url).removesuffix(WELL_KNOWN)


class SourceTokens:
    """``tokens`` keeps issuers' documents and keys."""

    def __init__(self, tokens: ForeignTokens, inquire: Inquire) -> None:
        self._tokens = tokens
        self._inquire = inquire

    async def authorization_url(self, source: Source, leaving: Leaving, max_age: int) -> str:
        """``max_age``: the oldest sign-in there that counts, in seconds. Raises Away, Untrue."""
        kind = KINDS[source.provider_type]
        more = str(source.settings["additional_scopes"]).split()
        offline = dict(kind.offline) if OFFLINE in more else {}
        more = [*(scope for scope in more if scope != OFFLINE), *offline.pop("scope", "").split()]
        more += kind.organizations_scopes if any(_wanted(source, kind)) else ()
        asked = {
            "response_type": "code",
            "client_id": source.settings["consumer_key"],
            "redirect_uri": leaving.redirect_uri,
            "scope": " ".join(dict.fromkeys([*kind.scopes, *more])),
            "state": leaving.state,
            **offline,
        }
        if kind.is_oidc:
            asked |= {"nonce": leaving.nonce, "max_age": str(max_age)}
        if source.settings["pkce"] == "S256":
            digest = hashlib.sha256(leaving.verifier.encode()).digest()
            asked |= {
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            }
        where = await self._endpoint(source, kind, "authorization_url", "authorization_endpoint")
        return f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(asked)}"

    async def arrived(self, source: Source, leaving: Leaving, code: str, issuer: str | None) -> Stranger:
        """Who brought this code. ``issuer``: the answer's ``iss`` (RFC 9207), if it has one. Raises Away, Untrue."""
        kind = KINDS[source.provider_type]
        if kind.is_oidc:
            await self._check_issuer(source, issuer)
        tokens = await self._redeemed(source, kind, leaving, code)
        came = await self._who(source, kind, leaving, tokens)
        return replace(came, refresh_token=_refresh_token(tokens), good_for=_good_for(tokens))

    async def renewed(self, source: Source, identifier: str, refresh_token: str) -> tuple[str, float]:
        """The source still lets them in: what to ask with next time, and for how many seconds it stands by that (0: it
        does not say). OpenID Connect Core, 12. Raises Away, also for an answer that says nothing; Untrue, also Over.
        """
        kind = KINDS[source.provider_type]
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            tokens = await self._tokens_for(source, kind, form)
        except _No as no:
            raise (Over if no.error in OVER else Away)(str(no)) from no
        except Untrue as error:
            raise Away(str(error)) from error
        if "id_token" in tokens and (await self.claims(source, tokens["id_token"])).get("sub") != identifier:
            raise Untrue("the ID token is about somebody else")
        return _refresh_token(tokens) or refresh_token, _good_for(tokens)

    async def _who(self, source: Source, kind: SourceKind, leaving: Leaving, tokens: Mapping[str, Any]) -> Stranger:
        access = tokens.get("access_token")
        if not kind.is_oidc:
            return await self._by_profile(source, kind, access)
        claims = await self.claims(source, tokens.get("id_token"))
        if not hmac.compare_digest(_text(claims.get("nonce")).encode(), leaving.nonce.encode()):
            raise Untrue("the ID token's nonce is not that of this sign-in")
        organizations, groups = _wanted(source, kind)
        told, needed = claims, set[str]() if kind.is_signed else {*organizations, *groups}
        if isinstance(access, str) and not {"email", *needed} <= claims.keys():
            told = {**await self._userinfo(source, access, claims.get("sub")), **claims}
        said = claims if kind.is_signed else told
        if "email" not in claims:  # else its confirmation has to come from the same place
            claims = told
        stranger = _stranger(claims, kind, claims.get("email") if claims.get("email_verified") is True else "")
        return replace(stranger, organizations=_names(said, organizations) or (), groups=_names(said, groups))

    async def claims(self, source: Source, token: object) -> dict[str, Any]:
        """What the source's issuer has signed for us. Raises Away, Untrue."""
        client = str(source.settings["consumer_key"])
        issuer = await self._issuer(source)
        claims = await self._tokens.claims(token, issuer, client, among=True) if isinstance(token, str) else None
        if claims is None:
            raise Untrue("the token is not signed by the issuer, not for us, or not good now")
        given_to = claims.get("azp", client if claims["aud"] in (client, [client]) else None)
        if given_to != client:  # OpenID Connect Core, 3.1.3.7
            raise Untrue("the token was given to another client, or to several without saying to which (azp)")
        return claims

    async def _issuer(self, source: Source) -> str:
        """As its document and its tokens write it. Raises Away."""
        return str((await self._tokens.document(issuer_of(source)))["issuer"])

    async def _check_issuer(self, source: Source, said: str | None) -> None:
        """RFC 9207, 2.4: a code of another issuer is given to nobody."""
        issuer = await self._issuer(source)
        document = await self._tokens.document(issuer)
        must = document.get("authorization_response_iss_parameter_supported") is True
        if (said is None and must) or (said is not None and said != issuer):
            raise Untrue("the answer is another issuer's")

    async def _endpoint(self, source: Source, kind: SourceKind, field: str, told: str) -> str:
        """Raises Away, Untrue."""
        if not kind.is_oidc:
            return str(source.settings[field] or getattr(kind, field))
        issuer = await self._issuer(source)
        where = (await self._tokens.document(issuer)).get(told)
        if not isinstance(where, str) or urlsplit(where).scheme not in ("https", urlsplit(issuer).scheme):
            raise Untrue(f"the issuer's document names no {told} that can be trusted")
        return where

    async def _redeemed(self, source: Source, kind: SourceKind, leaving: Leaving, code: str) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": leaving.redirect_uri}
        if source.settings["pkce"] == "S256":
            form["code_verifier"] = leaving.verifier
        return await self._tokens_for(source, kind, form)

    async def _tokens_for(self, source: Source, kind: SourceKind, form: dict[str, str]) -> dict[str, Any]:
        """RFC 6749, 2.3.1 and 5. Raises Away, Untrue."""
        client, secret = str(source.settings["consumer_key"]), source.secrets["consumer_secret"]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if not secret:
            form["client_id"] = client
        elif source.settings["authorization_code_auth_method"] == "basic_auth":
            pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"  # RFC 6749, 2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client, "client_secret": secret}
        where = await self._endpoint(source, kind, "access_token_url", "token_endpoint")
        told = await self._told(where, headers, urlencode(form).encode("ascii"))
        if "error" in told:  # GitHub's status is 200 all the same
            raise _No(_text(told["error"]))
        return told

    async def _userinfo(self, source: Source, access: str, subject: object) -> dict[str, Any]:
        """OpenID Connect Core, 5.3.2: what is said of somebody else counts for nothing."""
        document = await self._tokens.document(await self._issuer(source))
        if "userinfo_endpoint" not in document:
            return {}
        where = await self._endpoint(source, KINDS[source.provider_type], "profile_url", "userinfo_endpoint")
        told = await self._told(where, {"Authorization": f"Bearer {access}"})
        return told if told.get("sub") == subject else {}

    async def _by_profile(self, source: Source, kind: SourceKind, access: object) -> Stranger:
        if not isinstance(access, str):
            raise Untrue("no access token was given for the code")
        headers = {"Authorization": f"Bearer {access}", "User-Agent": "outpost"}
        at = str(source.settings["profile_url"] or kind.profile_url)
        profile = await self._told(at, headers)
        emails = source.settings["emails_url"] or kind.emails_url
        stranger = _stranger(profile, kind, await self._confirmed(str(emails), headers) if emails else "")
        if not any(_wanted(source, kind)):
            return stranger
        organizations = await self._organizations(at.rstrip("/") + kind.organizations_path, headers)
        return replace(stranger, organizations=organizations, groups=organizations)

    async def _organizations(self, url: str, headers: Mapping[str, str]) -> tuple[str, ...]:
        """All of them: who is in one that was not read would lose a group. Raises Away, Untrue."""
        found: list[str] = []
        for page in range(1, MOST_PAGES + 1):
            listed = await self._read(f"{url}?per_page={PAGE}&page={page}", headers)
            if not isinstance(listed, list):
                raise Untrue(f"{url} answered no list")
            found += [_text(one.get("login")) for one in listed if isinstance(one, dict)]
            if len(listed) < PAGE:
                return tuple(filter(None, found))
        raise Untrue(f"{url} lists more than {PAGE * MOST_PAGES} organisations")

    async def _confirmed(self, url: str, headers: Mapping[str, str]) -> str:
        """The primary address, if it is confirmed."""
        listed = await self._read(url, headers)
        for one in listed if isinstance(listed, list) else []:
            if isinstance(one, dict) and one.get("primary") is True and one.get("verified") is True:
                return _text(one.get("email"))
        return ""

    async def _told(self, url: str, headers: Mapping[str, str], form: bytes | None = None) -> dict[str, Any]:
        found = await self._read(url, headers, form)
        if not isinstance(found, dict):
            raise Untrue(f"{url} answered no object")
        return found

    async def _read(self, url: str, headers: Mapping[str, str], form: bytes | None = None) -> Any:
        try:
            return json.loads(await self._inquire(url, headers, form))
        except Declined as error:
            raise _No(_error_of(error.content)) from error
        except OSError as error:
            raise Away(f"{url}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise Untrue(str(error)) from error


def _stranger(claims: Mapping[str, Any], kind: SourceKind, email: object) -> Stranger:
    """Raises Untrue."""
    said = claims.get(kind.identifier)
    identifier = str(said) if isinstance(said, int) and not isinstance(said, bool) else _text(said)
    if not identifier or len(identifier) > LONGEST_IDENTIFIER:
        raise Untrue(f"nobody is named: no {kind.identifier}")
    return Stranger(
        identifier,
        _text(claims.get(kind.username)) or _text(email),
        _text(claims.get("name")),
        _text(email),
        _text(claims.get("sid")),
        auth_time=_moment(claims.get("auth_time")),
    )


def _wanted(source: Source, kind: SourceKind) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The claims that name organisations, and groups, as far as this source needs them."""
    settings = settings_of(source)
    organizations = kind.organizations if settings["allowed_organizations"] else ()
    return organizations, kind.groups if settings["group_mapping"] else ()


def _names(claims: Mapping[str, Any], wanted: tuple[str, ...]) -> tuple[str, ...] | None:
    """What these claims name: texts, or objects whose keys are names (Keycloak's ``organization``). None if there is
    none of them. Raises Untrue for more than can be looked at."""
    said = [claims[name] for name in wanted if isinstance(claims.get(name), str | list | dict)]
    named = [name for one in said for part in (one if isinstance(one, list) else [one]) for name in _named(part)]
    if len(named) > MOST_NAMES:
        raise Untrue(f"more than {MOST_NAMES} organisations or groups are named")
    return tuple(named) if said else None


def _named(part: object) -> list[str]:
    return [part] if isinstance(part, str) else list(part) if isinstance(part, dict) else []


def _refresh_token(tokens: Mapping[str, Any]) -> str:
    said = tokens.get("refresh_token")
    return said if isinstance(said, str) and len(said) <= LONGEST_REFRESH_TOKEN else ""


def _good_for(tokens: Mapping[str, Any]) -> float:
    said = tokens.get("expires_in")
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) and said > 0 else 0.0


def _error_of(content: bytes) -> str:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    return _text(said.get("error")) if isinstance(said, dict) else ""


def _moment(said: object) -> float | None:
    """A NumericDate (RFC 7519, 2)."""
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said < 1e11 else None


def _text(said: object) -> str:
    return said if isinstance(said, str) and len(said) <= LONGEST_CLAIM else ""

"""What a browser could send through a reverse proxy, and what is wrong with the proxy if this comes of it.

Each probe is a row of `PROBES`. Nothing is signed in, and nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from outpost.listeners.probes import Seen
from protocols.proxy.hosts import normalised, without_port
from protocols.proxy.redirects import OURS, START, asked_by

OTHER_HOST, OTHER_PATH, OTHER_ADDRESS = "spoofed.invalid", "/outpost-doctor-spoofed", "203.0.113.77"
COOKIE = "outpost_doctor"
PING, NGINX = f"{OURS}ping", f"{OURS}auth/nginx"
AUTHORIZE = "/application/o/authorize/"
WHO = "outpost-doctor-has-made-this-up"
_BROWSERS = "start, callback, sign_out, ping and jwks.json"
_HAND_ON = f"hand {_BROWSERS} below {OURS} on to the outpost, with Host, X-Forwarded-Proto and X-Forwarded-Host."
IDENTITY = ("X-Authentik-Username", "X_Authentik_Username", "X.Authentik.Username", "Remote-User", "Remote_User")


@dataclass(frozen=True, slots=True)
class Place:
    """What is behind the URL."""

    scheme: str
    host: str
    """As people type it, with the port if it is not the scheme's own."""
    name: str
    port: int
    path: str
    dialled: str
    """Address that is connected to."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in lower case; several of one name joined."""
    body: bytes

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


@dataclass(frozen=True, slots=True)
class Outcome:
    place: Place
    answer: Answer
    seen: Sequence[Seen]
    follow: Callable[[str], Answer]
    """Another request to the same proxy, by its path."""

    @property
    def understood(self) -> list[Seen]:
        return [one for one in self.seen if one.trusted and not one.problem]


Judge = Callable[[Outcome], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Probe:
    what: str
    judge: Judge
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    absolute: bool = False
    """The target names the true host, and Host another."""
    path: str = ""
    """In place of the URL's own."""


def _asks_at_all(outcome: Outcome) -> Iterator[str]:
    seen, status = outcome.seen, outcome.answer.status
    if not seen:
        yield (
            f"The proxy answered {status} and did not ask this outpost. Does {outcome.place.name} lead to it, and does "
            "it ask about every path? Everything that it does not ask about is open to everybody."
        )
        return
    for one in seen:
        if not one.trusted:
            yield f"The outpost does not trust the proxy: add {one.peer} to OUTPOST_LISTEN__TRUSTED_PROXY_CIDRS."
        elif one.problem:
            yield f"The outpost could not understand the question. {one.problem}"
    for one in outcome.understood:
        if without_port(one.host) != without_port(normalised(outcome.place.host, outcome.place.scheme)):
            yield (
                f"The proxy says that {one.host} was asked for, and it was {outcome.place.host}: it must hand on the "
                "browser's own host."
            )
        elif not one.served:
            yield f"No proxy provider that asks has the external host {one.host}: correct it, or make one."
        if one.scheme != outcome.place.scheme:
            yield f"The proxy says {one.scheme}, and it was {outcome.place.scheme}: it must say which scheme was used."
    if seen and 200 <= status < 300 and outcome.place.path == "/":
        yield f"The page was shown (status {status}) although nobody has signed in. Is that path meant to be open?"


def _hands_on_cookies(outcome: Outcome) -> Iterator[str]:
    if outcome.understood and not any(COOKIE in one.cookies for one in outcome.understood):
        yield "The proxy does not hand on Cookie when it asks, so that nobody who has signed in is known again."


def _keeps_host(outcome: Outcome) -> Iterator[str]:
    if any(one.host == OTHER_HOST for one in outcome.understood):
        yield (
            "A browser can choose the host that is decided about, with X-Forwarded-Host or X-Original-URL: the proxy "
            "must set these headers itself, and remove the one that it does not use."
        )


def _keeps_target(outcome: Outcome) -> Iterator[str]:
    if any(one.target.startswith(OTHER_PATH) for one in outcome.understood):
        yield (
            "A browser can choose the path that is decided about, with X-Forwarded-Uri, X-Original-URI or "
            "X-Original-URL: the proxy must set these headers itself, and remove those that it does not use."
        )


def _takes_one_host(outcome: Outcome) -> Iterator[str]:
    if any(one.host == OTHER_HOST for one in outcome.understood):
        yield (
            "With one host in the request line and another in Host, the proxy serves the first and tells the second: a "
            "browser gets into one application by the rules of another. In nginx write $host, not $http_host."
        )


def _keeps_method(outcome: Outcome) -> Iterator[str]:
    if any(one.method == "DELETE" for one in outcome.understood):
        yield (
            "A browser can choose the method that is decided about: the proxy must set X-Original-Method (nginx) or "
            "X-Forwarded-Method to the request's own."
        )


def _tells_method(outcome: Outcome) -> Iterator[str]:
    if any(one.method != "POST" for one in outcome.understood):
        yield (
            "The proxy does not tell the method, so that access rules for methods never fit. In nginx add "
            "proxy_set_header X-Original-Method $request_method."
        )


def _keeps_address(outcome: Outcome) -> Iterator[str]:
    if any(one.client == OTHER_ADDRESS for one in outcome.understood):
        yield (
            "A browser can choose its own address with X-Forwarded-For: the proxy must set that header to the address "
            "that it sees, or add it as the last."
        )


def _keeps_scheme(outcome: Outcome) -> Iterator[str]:
    other = "http" if outcome.place.scheme == "https" else "https"
    if any(one.scheme == other for one in outcome.understood):
        yield "A browser can choose the scheme with X-Forwarded-Proto: the proxy must set that header itself."


def _leads_to_signing_in(outcome: Outcome) -> Iterator[str]:
    """nginx shows the way to ours first; others hand on our own redirect."""
    answer = outcome.answer
    if not any(one.served for one in outcome.understood) or 200 <= answer.status < 300:
        return
    if answer.status in (301, 302, 303, 307) and START in answer.location:
        parts = urlsplit(answer.location)
        if parts.netloc and without_port(parts.netloc.lower()) != outcome.place.name:
            return  # the portal of a domain, which is another place
        answer = outcome.follow(f"{parts.path}?{parts.query}")
        if AUTHORIZE not in answer.location:
            yield (f"{START} answers {answer.status} through the proxy and leads nobody to sign in: {_HAND_ON}")
            return
    elif answer.status not in (302, 303):
        yield (
            f"A browser that has not signed in gets {answer.status} and is not sent to sign in. In nginx, error_page "
            f"401 must lead to {START}."
        )
        return
    elif AUTHORIZE not in answer.location:
        return
    if "authentik_browser_" not in answer.headers.get("set-cookie", ""):
        yield (
            "The proxy loses Set-Cookie on the way to the browser, so that every sign-in ends in a circle: it must "
            "pass on all of the outpost's header fields."
        )


def _brings_forms_back(outcome: Outcome) -> Iterator[str]:
    """A redirect of the proxy's own turns every request into a GET (ingress-nginx)."""
    parts = urlsplit(outcome.answer.location)
    if parts.path == START and POSTED in parts.query and asked_by(parts.query) == "GET":
        yield (
            "Whoever posts a form after the end of their session comes back to where they posted it to, with a GET, "
            "and hears nothing of that: the proxy must tell the method in front of rd. In ingress-nginx, auth-signin "
            "ends in start?method=$request_method&rd=$escaped_request_uri."
        )


def _tells_programs(outcome: Outcome) -> Iterator[str]:
    if any(one.served for one in outcome.understood) and outcome.answer.status in (301, 302, 303):
        yield (
            "A program (Accept: application/json) is sent to a page to sign in, where 401 would tell it. The proxy "
            "must hand on Accept, X-Requested-With and Sec-Fetch-Mode."
        )


def _removes_identity(outcome: Outcome) -> Iterator[str]:
    """Where the page shows what the application was given, as an echo does."""
    if outcome.answer.status < 300 and WHO.encode() in outcome.answer.body:
        yield (
            "The application is given identity headers that a browser has made up: the proxy must replace or remove "
            "each of them, and every spelling that the application takes for the same (X_Authentik_Username)."
        )


OTHER_URL = f"https://{OTHER_HOST}{OTHER_PATH}"
ASKED_BY_BROWSER = "/outpost-doctor-asks"
POSTED = "/outpost-doctor-posted"


def _leads_back(outcome: Outcome) -> Iterator[str]:
    """nginx asks without telling where a sign-in comes back; that has to be a place of its own."""
    if any(one.served and one.address == NGINX for one in outcome.seen) and outcome.follow(PING).status != 204:
        yield f"Whoever has signed in finds no way back: {_HAND_ON}"


def _asks_itself(outcome: Outcome) -> Iterator[str]:
    if any(one.target == ASKED_BY_BROWSER for one in outcome.understood):
        yield (
            "A browser can ask what the proxy asks, and is told what is meant for the application, its access token "
            f"included: of what is below {OURS}, hand on {_BROWSERS} alone."
        )


PROBES: tuple[Probe, ...] = (
    Probe("is the outpost asked, and about what", _asks_at_all),
    Probe("are cookies handed on", _hands_on_cookies, (("Cookie", f"{COOKIE}=1"),)),
    Probe("X-Forwarded-Host of a browser", _keeps_host, (("X-Forwarded-Host", OTHER_HOST),)),
    Probe("X-Original-URL of a browser", _keeps_host, (("X-Original-URL", OTHER_URL),)),
    Probe("X-Original-URL of a browser, its path", _keeps_target, (("X-Original-URL", OTHER_URL),)),
    Probe("X-Original-URI of a browser", _keeps_target, (("X-Original-URI", OTHER_PATH),)),
    Probe("X-Forwarded-Uri of a browser", _keeps_target, (("X-Forwarded-Uri", OTHER_PATH),)),
    Probe("two hosts in one request", _takes_one_host, absolute=True),
    Probe("X-Original-Method of a browser", _keeps_method, (("X-Original-Method", "DELETE"),)),
    Probe("X-Forwarded-Method of a browser", _keeps_method, (("X-Forwarded-Method", "DELETE"),)),
    Probe("is the method told", _tells_method, method="POST"),
    Probe("X-Forwarded-For of a browser", _keeps_address, (("X-Forwarded-For", OTHER_ADDRESS),)),
    Probe("X-Forwarded-Proto of a browser, http", _keeps_scheme, (("X-Forwarded-Proto", "http"),)),
    Probe("X-Forwarded-Proto of a browser, https", _keeps_scheme, (("X-Forwarded-Proto", "https"),)),
    Probe("is a browser led to sign in", _leads_to_signing_in, (("Sec-Fetch-Mode", "navigate"),)),
    Probe("is there a way back", _leads_back),
    Probe("do forms come back", _brings_forms_back, (("Sec-Fetch-Mode", "navigate"),), method="POST", path=POSTED),
    Probe("questions of a browser", _asks_itself, path=f"{OURS}auth/envoy{ASKED_BY_BROWSER}"),
    Probe("are programs told", _tells_programs, (("Accept", "application/json"),)),
    Probe("identity headers of a browser", _removes_identity, tuple((name, WHO) for name in IDENTITY)),
)

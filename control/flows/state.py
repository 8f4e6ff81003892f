"""The values of a flow: where somebody stands, what a stage answered, what comes next.

A `State` is plain JSON in the session's row; it holds everything that the next request needs and no secret.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, TypeVar

from control.expression.http import HttpFacts
from control.mail.post import Post
from control.passwords.hashing import Candidate, Verified, Wanted
from control.policies.judge import Judge
from control.sources.ldap.described import Directory
from control.store.interface import Actor, Transaction

T = TypeVar("T")

PASSKEY = "auth_webauthn_pwl"
"""How somebody was proved whom a passkey named, in authentik's word."""

Errors = Mapping[str, list[tuple[str, str]]]
"""field: sentences with their codes."""


# --- what stages are given -----------------------------------------------------------------------------------------


class FlowStore(Protocol):
    """The part of `control.store.interface.Store` that stages use."""

    def read(self, verb: Callable[[Transaction], T]) -> Awaitable[T]: ...

    def write(self, verb: Callable[[Transaction], T], actor: Actor = ...) -> Awaitable[T]: ...


class FlowPasswords(Protocol):
    """The part of `control.passwords.hashing.Passwords` that stages use. All raise Busy."""

    async def hash(self, password: str) -> str: ...

    async def measure(self, password: str, wanted: Wanted) -> Candidate: ...

    async def verify(self, stored: str | None, password: str) -> Verified: ...


class FlowDirectories(Protocol):
    """The part of `control.sources.ldap.directories.Directories` that stages use. Raises Away, Busy."""

    async def accepts(self, directory: Directory, whose: str | None, password: str, peer: str = "") -> bool: ...


class FlowServices(Protocol):
    @property
    def store(self) -> FlowStore: ...

    @property
    def passwords(self) -> FlowPasswords: ...

    @property
    def directories(self) -> FlowDirectories: ...

    @property
    def now(self) -> Callable[[], float]: ...

    @property
    def random(self) -> Callable[[int], bytes]: ...

    @property
    def judge(self) -> Judge: ...

    @property
    def post(self) -> Post: ...

    @property
    def public_url(self) -> str:
        """As the configuration has it; what an administrator has set comes first."""
        ...

    @property
    def origin(self) -> str:
        """Where the answer comes from: door and address; empty when unknown."""
        ...

    @property
    def http(self) -> HttpFacts | None:
        """The request that carries the answer, if it came to us as one."""
        ...

    def on_behalf(self, owner: str, http: HttpFacts | None = None) -> FlowServices:
        """The same for one origin, with passwords checked in its turns."""
        ...


# --- where somebody stands -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Context:
    """What the stages so far have found out. Each stage may write the fields that it declares, and no other."""

    next: str = "/"
    """Where to go afterwards: a path on this host."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """From the link that started the flow: shown in forms, never believed."""
    requester: int | None = None
    """Who was signed in when the flow began."""
    flow: str = ""
    """The flow's slug."""
    targets: tuple[str, ...] = ()
    """Origins beside ours that the browser may be sent to afterwards, for the forms' Content-Security-Policy."""
    authorization: Mapping[str, Any] = field(default_factory=dict)
    """Of an authorization flow: ``request`` (names the request that it lets through), ``application`` (pk), ``name``,
    ``scopes``, and ``permissions`` as the consent stage shows them. Empty: the flow lets nothing through."""
    prompt: Mapping[str, Any] = field(default_factory=dict)
    """What prompts have asked for, by their fields' keys; no password."""
    chosen: str = field(default="", repr=False)
    """The hash of a new password that was typed."""
    source: Mapping[str, str] = field(default_factory=dict)
    """Of somebody whom a foreign provider has sent: ``source`` (pk), ``identifier`` there, ``sid`` of its session, and
    ``groups``, the pks of those here that it named, unless it says nothing of groups."""
    invitation: str = ""
    """pk of the one that let somebody enrol."""
    waits: bool = False
    """A link was sent, and the stage at hand waits for it to be opened."""
    mailed: str = ""
    """To this address; empty where there was nobody to write to."""
    by_mail: bool = False
    """By mail; else somebody hands it over, and whoever opens it has shown no mailbox."""
    link_version: int = 0
    """The account's ``credential_version`` then: a later one voids the link."""
    link: str = ""
    """SHA-256 hex of what the link holds by which this browser came into the flow."""
    opened: bool = False
    """That link has been used up here."""
    confirmed: str = ""
    """The address at which somebody has opened a link in this flow."""
    uid: str | None = None
    """The name as typed; None until somebody has said one."""
    pending_user: int | None = None
    """Whose name that is; None for a name that nobody has. Once set, it stays."""
    proved: int | None = None
    """The user whose credential was checked and right."""
    proved_version: int = 0
    """The account's ``credential_version`` when it was checked: a later one means that it is right no more."""
    method: str = ""
    """How it was proved: `password` (the account's own), `app_password` (never in a browser), `setup_code`,
    `email_link`, `enrollment`, `source` or `PASSKEY`."""
    ends: float | None = None
    """When what was shown ends by itself, seconds since the epoch."""
    factors: tuple[int, ...] = ()
    """Second factors (pks) that were shown in this run, or set up in it."""
    factor_shown: bool = False
    """One of them had been set up before."""
    spent: bool = False
    """A one-time code was used up: what was typed must not be remembered."""
    judged: bool = False
    """A policy said which stages there are: what was typed may not be enough another time, and is not remembered."""
    door: str = ""
    """The protocol of the door that a headless run is for; empty: a browser."""
    by_outpost: bool = False
    """An outpost of authentik's runs it through the API, for a door of its own."""
    token: str = ""
    """The token (pk) of a device that was typed for a password."""
    login: int | None = None
    """The user to sign in when the flow ends."""
    stay: Mapping[str, Any] = field(default_factory=dict)
    """On what terms: the fields of `control.sessions.Stay`."""
    logout: bool = False
    """End the browser's session when the flow ends."""
    leads: str = ""
    """The slug of the flow that this one leads into at its end."""
    failures: int = 0
    """Wrong answers to the stage at hand."""
    code_for: int = 0
    """The second factor (pk) to whose address a code was mailed in this flow."""
    code_at: int = 0
    """When, in milliseconds since the epoch."""
    nonce: str = ""
    """Random text, another one with every question: what a key has to sign."""


@dataclass(frozen=True, slots=True)
class PlannedStage:
    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    binding: str = ""
    """pk of the stage binding whose own bindings are asked when the flow comes here; empty: it has none."""
    on_wrong: str = "retry"
    """What a wrong answer means: retry, restart, restart_with_context."""


@dataclass(frozen=True, slots=True)
class State:
    slug: str
    title: str
    designation: str
    plan: tuple[PlannedStage, ...]
    background: str = ""
    layout: str = "stacked"
    position: int = 0
    context: Context = field(default_factory=Context)

    @property
    def stage(self) -> PlannedStage | None:
        """The stage at hand; None when all are done."""
        return self.plan[self.position] if self.position < len(self.plan) else None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: object) -> State | None:
        """None if this is not a state of this version: the flow then begins anew."""
        if not isinstance(stored, dict):
            return None
        try:
            plan = tuple(PlannedStage(**stage) for stage in stored["plan"])
            context = Context(**stored["context"])
            context = replace(context, targets=tuple(context.targets), factors=tuple(context.factors))
            return cls(**{**stored, "plan": plan, "context": context})
        except (KeyError, TypeError):
            return None


# --- what a stage answers ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on; ``changes`` are fields of the context."""

    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a wrong answer named, of whom the flow keeps nothing: the next one may name somebody else."""

    uid: str
    """The name as typed."""
    user: int | None
    """Whose it is; None for a name that nobody has."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """Ask again. With a ``reason`` (a code of `rules.reasons`) it was a wrong answer and counts as a failure."""

    errors: Errors
    reason: str = ""
    named: Named | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask, and know this meanwhile; ``changes`` are fields of the context."""

    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deny:
    """The flow ends here. ``message`` is for the person."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The flow ends well, and the browser goes somewhere else than ``next``."""

    to: str
    flow: str = ""
    """The slug of the flow that it goes into."""


@dataclass(frozen=True, slots=True)
class Instead:
    """Another stage takes the place of this one."""

    stage: PlannedStage


@dataclass(frozen=True, slots=True)
class First:
    """Another stage comes before this one, which is then arrived at again."""

    stage: PlannedStage


@dataclass(frozen=True, slots=True)
class Link:
    """Write to somebody, with a link by which the flow goes on here; then ask."""

    to: str
    """An address; empty where there is nobody to write to, which nobody sees."""
    user: int | None
    """Whom the flow is about from here on, if nobody has been named in it."""
    version: int
    """Of their credential now."""
    shown: Mapping[str, str]
    """``name`` and ``username`` for the letter."""
    anybodys: bool
    """Nobody has confirmed the address: it may be somebody's who knows nothing of this."""
    template: str
    subject: str
    lasts: float
    most: int = 5
    within: float = 300.0
    """So many letters for one address in so many seconds (authentik's numbers): nobody fills a mailbox by asking."""


Verdict = Continue | Ask | Invalid | Deny | Leave | Instead | First | Link


class Stage(Protocol):
    """One kind of stage. Stages know nothing of one another; the executor alone moves on."""

    @property
    def asks(self) -> bool:
        """May it show something and wait for an answer?"""
        ...

    @property
    def writes(self) -> frozenset[str]:
        """The fields of the context that it may change."""
        ...

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        """What there is to do before anything is asked; None: ask."""
        ...

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        """Component and fields of the JSON challenge, which the pages draw too. Only called if it asks."""
        ...

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        """To the answer. Only called if it asks."""
        ...


# --- what the executor answers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Challenge:
    """Show ``component`` and keep ``state``. ``reason`` says why the last answer was wrong, for the operator."""

    state: State
    component: dict[str, Any]
    reason: str = ""
    named: Named | None = None

    @property
    def about(self) -> Named:
        """Whom the last answer was about."""
        context = self.state.context
        return self.named or Named(context.uid or "", context.pending_user)


@dataclass(frozen=True, slots=True)
class Done:
    to: str
    context: Context


@dataclass(frozen=True, slots=True)
class Denied:
    reason: str
    message: str
    context: Context

    @property
    def component(self) -> dict[str, Any]:
        return {"component": "ak-stage-access-denied", "error_message": self.message}


Step = Challenge | Done | Denied

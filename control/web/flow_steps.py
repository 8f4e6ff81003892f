"""A flow in one browser's session: found there, begun, and answered. What a step leaves behind is `settling`'s.

Pages and the JSON executor share it; they differ in how they say what a step asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from starlette.requests import Request

from control import reputation, sessions, tries
from control.default_flows import STEP_UP
from control.flows import executor, links
from control.flows.bound import Deciding, NotForYou, keep
from control.flows.planning import Came, SignInFirst, closed, plan
from control.flows.stages.authenticator_validate import SETUPS
from control.flows.stages.email import OVER
from control.flows.state import Challenge, Context, Denied, Done, PlannedStage, State, Step
from control.launcher import arrival_origins
from control.oidc import authorize
from control.purposes import flow_for
from control.records import Flow, Session, Stage, StageBinding, User
from control.sessions import Caller, Visit
from control.store.interface import NotFound, Query, Transaction
from control.web.browser import address, visit
from control.web.services import Services
from rules.names import shown
from rules.places import place
from rules.reasons import REASONS

LED_INTO = "led_into"
"""The name of the slug in the session into whose flow another one has just led."""
LED_FOR = "led_for"
"""The name in the session of the authorization request that it has led there for."""
FLOW = "flow"
"""The name of the flow's state in the session."""
ASKED = "asked"
"""The name there of when that was asked last, seconds since the epoch."""
GUESSED = {
    "password": ("password",),
    "authenticator_validate": ("code", "webauthn"),
    "identification": ("password", "passkey"),
}
"""Kinds of stages, and what is guessed at in their answers; of the last only where it asks for a password, too."""
PROVING = frozenset({"password", "authenticator_validate"})
"""Kinds of stages that ask for nothing else."""
CHANGES = SETUPS | {"user_write"}
"""Kinds of stages that change the account of whoever was signed in before, if nobody else has proved who they are."""
SERIOUS = CHANGES | {"password_change", "user_delete"}
"""These change it, or end it, whoever has proved what."""
PROOFS = PROVING | {"email"}
"""Kinds of stages that do prove that."""
SIGNED_IN = frozenset({"require_authenticated", "require_superuser"})
CHANGING, FLOWS = ("/if/user/settings/", "/if/admin/"), "/if/flow/"
LINK = "flow_token"
"""The query parameter of a link in a letter (authentik's)."""
HINTS = ("code", "itoken")
"""Query parameters that a form may show."""
LONGEST_HINT = 128
"""Characters; a setup code is shorter."""


async def standing(request: Request, services: Services, slug: str) -> tuple[Visit | None, State | None]:
    """The browser's session, and where it stands in this flow."""
    found = await visit(request, services)
    stored = State.from_json(found.session.data.get(FLOW)) if found is not None else None
    if found is None or stored is None or stored.slug != slug or _was_left(found.session, stored, services.now()):
        return found, None
    return found, stored


def _was_left(session: Session, going: State, now: float) -> bool:
    """Whoever has signed in has gone away from a form by which an account is changed: it waits for nobody else."""
    is_serious = any(stage.kind in SERIOUS for stage in going.plan)
    idle = now - float(session.data.get(ASKED, 0.0))
    return session.signed_in and is_serious and idle >= sessions.RECENT_SECONDS and not sessions.is_recent(session, now)


def hints_of(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:LONGEST_HINT] for name in HINTS if (value := query.get(name))}


async def begin(
    services: Services,
    slug: str,
    found: Visit | None,
    next: str,
    hints: Mapping[str, str],
    who: Caller,
    by_outpost: bool = False,
) -> Step | None:
    """The flow's first step; None if it would sign in somebody who is signed in. Raises NotFound, NotForYou."""
    user = found.user if found is not None else None
    deciding = Deciding(services.judge, who.client_ip, who.http)

    def planned(tx: Transaction) -> State | None:
        flow = tx.find(Flow, slug=slug)
        if flow is None:
            raise NotFound(f"flow {slug}")
        signs_in = flow.designation == "authentication" or flow.slug == STEP_UP
        if signs_in and found is not None and _is_enough(tx, found, next):
            return None
        if found is not None and user is not None and flow_asks_recent(tx, flow) and not _is_recent(tx, found):
            raise SignInFirst("Sign in again before you change what you sign in with.")
        about = authorize.consent_asked(tx, next, flow, _led_for(found, slug))
        requester = user.pk if user is not None else None
        came = Came(found is not None and found.session.data.get(LED_INTO) == slug, by_outpost)
        try:
            state = plan(tx, flow, requester, next, hints, deciding, authorization=about, came=came)
        except NotForYou as refusal:
            _say_where_to_go(flow, next, refusal)
            raise
        host = who.http.host if who.http is not None else ""
        targets = arrival_origins(tx, host) if next == "/" else authorize.form_targets(tx, next)
        return replace(state, context=replace(state.context, targets=tuple(targets)))

    try:
        state = await services.store.read(planned)
    finally:
        await keep(services.store, deciding.traces)
    here = services.on_behalf(f"http {who.client_ip}", who.http)
    step = await executor.start(state, here) if state is not None else None
    if slug == STEP_UP and isinstance(step, Done):  # and would come back here at once, and again
        return Denied("no_second_factor", "This flow asks for no second factor. Tell the administrator.", step.context)
    return step


def _led_for(found: Visit | None, slug: str) -> str:
    """The authorization request for which another flow has just led into this one, if any."""
    data = found.session.data if found is not None else {}
    return str(data.get(LED_FOR, "")) if data.get(LED_INTO) == slug else ""


def _say_where_to_go(flow: Flow, next: str, refusal: NotForYou) -> None:
    """By its ``denied_action``. Where nobody has signed in yet, going on would come back here."""
    if flow.denied_action != "message" and flow.designation != "authentication" and next != "/":
        refusal.further, refusal.silently = next, flow.denied_action == "continue"


async def resume(services: Services, slug: str, key: str, who: Caller) -> Step:
    """Where the link in a letter leads. Nothing is used up by looking."""

    def found(tx: Transaction) -> tuple[State | None, str | None]:
        state = links.find(tx, key, slug)
        return state, closed(tx, state) if state is not None else None

    state, why = await services.store.read(found)
    if why is not None:
        return Denied("flow_denied", why, Context())
    here = services.on_behalf(f"http {who.client_ip}", who.http)
    asked = await executor.challenge(state, here) if state is not None else None
    return asked or Denied(OVER.reason, OVER.message, Context())


def came_by(going: State, key: str) -> bool:
    """Has the flow at hand begun with this link?"""
    return going.context.link == links.digest(key)


def _is_enough(tx: Transaction, found: Visit, next: str) -> bool:
    """Has somebody signed in already, and lately enough for what comes next?"""
    if found.user is None:
        return False
    asked = authorize.behind(tx, next)
    if asked is None:
        return not _asks_recent(tx, next) or _is_recent(tx, found)
    now = tx.now
    return authorize.is_fresh(asked, found.session, now) and authorize.has_factor(asked, found.session, now)


def fresh_since(tx: Transaction, next: str) -> float | None:
    """Before which moment a sign-in that leads there would not be enough; None: it may be of any age."""
    asked = authorize.behind(tx, next)
    if asked is not None:
        return authorize.fresh_since(asked, tx.now)
    return tx.now - sessions.RECENT_SECONDS if _asks_recent(tx, next) else None


def _is_recent(tx: Transaction, found: Visit) -> bool:
    return sessions.is_recent(found.session, tx.now)


def _asks_recent(tx: Transaction, next: str) -> bool:
    """Does this lead to where people change what they sign in with, or administrators anything?"""
    path = urlsplit(next).path
    if path.startswith(CHANGING):
        return True
    flow = tx.find(Flow, slug=path.removeprefix(FLOWS).strip("/")) if path.startswith(FLOWS) else None
    return flow is not None and flow_asks_recent(tx, flow)


def flow_asks_recent(tx: Transaction, flow: Flow) -> bool:
    """Does the flow change what somebody signs in with, or where their mail goes, who has signed in before it?"""
    bound = [line.stage for line in tx.select(StageBinding, Query(equal={"flow": flow.pk}))]
    kinds = {stage.kind for stage in tx.select(Stage, Query(within={"pk": bound}))}
    if flow.authentication == "require_unauthenticated" or not kinds & CHANGES:
        return False
    return flow.authentication in SIGNED_IN or not kinds & PROOFS


async def answer(services: Services, going: State, fields: Mapping[str, str], who: Caller) -> Step:
    """The step after an answer; its passwords are checked in the turns of the address that it came from.

    An answer that proves something is one try, counted before it is looked at: many at once do not pass as one. One
    that is empty is none.
    """
    where, stage = place(who.client_ip), going.stage
    typed = shown(fields.get("uid_field", "").strip()) if _asks_both(stage) else ""
    proves = stage is not None and (stage.kind in PROVING or bool(typed)) and _guesses(stage, fields)
    name = (
        typed or going.context.uid or (await services.store.read(lambda tx: _requester(tx, going)) if proves else None)
    )
    if name is None or not proves:
        step = await executor.answer(going, fields, services.on_behalf(f"http {who.client_ip}", who.http))
        if name is not None and isinstance(step, Done) and step.context.login is not None:
            signed_in = name
            await services.store.write(lambda tx: _right(tx, signed_in, where, who.client_ip))
        return step
    held_up = await services.store.write(lambda tx: _try(tx, name, where))
    if held_up is not None:
        return Denied(held_up, REASONS[held_up].stranger, going.context)
    step = await executor.answer(going, fields, services.on_behalf(f"http {who.client_ip}", who.http))
    await services.store.write(lambda tx: _tried(tx, name, where, who.client_ip, going, step))
    return step


def _asks_both(stage: PlannedStage | None) -> bool:
    """The name, and with it a password that is guessed at?"""
    return stage is not None and stage.kind == "identification" and bool(stage.settings.get("password_stage"))


def _guesses(stage: PlannedStage, fields: Mapping[str, str]) -> bool:
    return any(fields.get(name) for name in GUESSED[stage.kind])


def _requester(tx: Transaction, going: State) -> str | None:
    """Who has signed in, and shows a second factor again."""
    user = tx.find(User, pk=going.context.requester or 0)
    return user.username if user is not None else None


def _try(tx: Transaction, name: str, where: str) -> str | None:
    held_up = tries.refusal(tx, name, where)
    if held_up is None:
        tries.wrong(tx, name, where)
    return held_up


def _tried(tx: Transaction, name: str, where: str, address: str, going: State, step: Step) -> None:
    """A wrong answer stays counted. Only the last of all proofs begins anew: each alone proves too little."""
    match step:
        case Done(_, context) if context.login is not None or steps_up(context):
            tries.take_back(tx, name, where)
            _right(tx, name, where, address)
        case Challenge(_, _, reason) | Denied(reason, _, _) if reason and reason not in tries.NO_GUESSES:
            reputation.count(tx, name, address, right=False)
        case _:
            tries.take_back(tx, name, where)


def _right(tx: Transaction, name: str, where: str, address: str) -> None:
    tries.right(tx, name, where)
    reputation.count(tx, name, address, right=True)


async def default_slug(request: Request, services: Services, purpose: str) -> str:
    """Of the flow for the host that was asked for. Raises NotFound."""
    host = address(request, services).host
    return (await services.store.read(lambda tx: flow_for(tx, purpose, host))).slug


def changes_session(step: Done) -> bool:
    """Does it sign somebody in or out? A GET must not: links from other sites lead to it."""
    return step.context.login is not None or step.context.logout or steps_up(step.context)


def steps_up(context: Context) -> bool:
    """Has whoever was signed in shown a second factor, and nothing else?"""
    return context.login is None and context.uid is None and context.factor_shown

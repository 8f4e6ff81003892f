"""Would somebody be let into an application, through which step, and what would change the answer? (DESIGN section 9)

Nothing is decided here: the functions that decide at the doors are asked, over a transaction that only reads, and
what each of them said is written down. What was typed is not known here, so the proof is taken to be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from control import tries
from control.authentication import Proved, admit, served_provider
from control.explaining import ldap, proxy
from control.explaining.explained import Explanation, Line, Step
from control.mappings import doors, trial
from control.mappings.answers import Mappings
from control.policies.asking import Asking
from control.policies.judge import Judge, standing
from control.radius import sessions as radius_sessions
from control.records import Application, Binding, Group, Outpost, Policy, Provider, User
from control.store.interface import Query, Transaction
from control.verbs import users
from control.verbs.rights import closure
from protocols.link.messages import Authenticate, VisitorRequest
from protocols.proxy.shown_lines import typed_lines
from rules import bindings, validity
from rules.groups import ancestors
from rules.places import place
from rules.reasons import REASONS

PROTOCOLS = {"ldap": ("ldap",), "radius": ("radius",), "proxy": ("proxy",), "oauth2": ("oauth2",)}
"""Protocol to the kinds of providers that speak it."""

DOORS = frozenset({"radius", "proxy"})
"""Protocols whose doors ask property mappings at each login."""
BROWSERS = frozenset({"proxy", "oauth2"})
"""Protocols by which somebody comes with a browser."""
ACCESS = frozenset({"no_binding", "policy_denied", "policy_failed"})
"""Reasons that bindings give."""


Lines = Iterable[tuple[str, str]]
"""Header lines: name and value."""


class Unknown(Exception):
    """There is nothing of this name; the text is a sentence, ``field`` the part of the question that is wrong."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Asked:
    user: str
    """Login name, or e-mail address."""
    application: str
    """Slug, or name."""
    protocol: str = ""
    """"": that of the application's provider."""
    peer: str = ""
    """The address that the request would come from."""
    station: str = ""
    """RADIUS' Calling-Station-Id."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What else the request would say: nas, ssid, host, path, method, at which policies look; of LDAP tls (yes, no),
    and the base and filter of a search."""
    visitor: VisitorRequest | None = None
    """Of a request that a proxy tells of: scheme and header lines."""


def with_visitor(asked: Asked, scheme: str, lines: Lines) -> Asked:
    """A question about a browser's request, of this scheme and with these header lines. Raises Unknown."""
    try:
        return replace(asked, visitor=VisitorRequest(scheme, typed_lines(lines)))
    except ValueError as error:
        raise Unknown("headers", str(error)) from None


def explain(tx: Transaction, asked: Asked, judge: Judge) -> Explanation:
    """Raises Unknown for an application that does not exist; a user who does not is an answer."""
    application = _application(tx, asked.application)
    user = _user(tx, asked.user)
    provider = tx.find(Provider, pk=application.provider) if application.provider is not None else None
    protocol = asked.protocol or (provider.kind if provider is not None else "")
    asking = _asking(tx, asked, user, protocol, application, provider)
    told = _bindings(tx, application)
    lines = tuple(_line(tx, binding, judge, asking) for binding in told)
    steps = [
        _served(tx, provider, protocol),
        _tried(tx, asked),
        _account(tx, user),
        _password(tx, user, protocol),
        _access(tx, application, told, judge, asking),
    ]
    if provider is not None and protocol == provider.kind == "ldap":
        steps += ldap.steps(tx, provider, user, asked.attributes)
    if provider is not None and protocol == "radius" and radius_sessions.limit_of(provider):
        steps.append(_sessions(tx, provider, asking))
    if provider is not None and protocol == provider.kind == "proxy":
        steps.append(proxy.step(tx, provider, asking))
    mappings = _mappings(tx, provider, asking)
    if mappings:
        steps.append(_mapped(tx, provider, asking, protocol, mappings))
    refused = next((step for step in steps if not step.passed), None)
    reason = refused.reason if refused is not None else _decided(tx, provider, user, judge, asking)
    return Explanation(
        reason=reason,
        user=user.username if user is not None else asked.user,
        application=application.slug,
        provider=provider.name if provider is not None else "",
        protocol=protocol,
        mode=application.policy_engine_mode,
        steps=tuple(steps),
        lines=lines,
        mappings=mappings,
        changes=tuple(_changes(tx, application, user, reason, lines)),
    )


def _asking(
    tx: Transaction,
    asked: Asked,
    user: User | None,
    protocol: str,
    application: Application,
    provider: Provider | None,
) -> Asking:
    """What the door would tell policies."""
    station = {"calling_station": asked.station} if asked.station else {}
    usual = proxy.usual(provider) if provider is not None and protocol == provider.kind == "proxy" else {}
    told = {**usual, **asked.attributes, **station, "protocol": protocol}
    visitor = asked.visitor if protocol == "proxy" else None
    return Asking(user, tx.now, asked.peer, asked.user, told, target=application, visitor=visitor)


def _decided(tx: Transaction, provider: Provider | None, user: User | None, judge: Judge, asking: Asking) -> str:
    """What the door itself would say."""
    if provider is None or user is None:
        return "unknown_provider" if provider is None else "unknown_user"
    proved = Proved("accepted", user.pk, user.credential_version)
    return admit(tx, provider.pk, proved, replace(asking, user=None), judge).reason


# --- the steps, in the order of the doors --------------------------------------------------------------------------


def _served(tx: Transaction, provider: Provider | None, protocol: str) -> Step:
    if provider is None:
        return Step("served", False, "The application has no provider, so no door leads to it.", "unknown_provider")
    if provider.kind not in PROTOCOLS.get(protocol, ()):
        said = f"The provider {provider.name!r} speaks {provider.kind}, not {protocol}."
        return Step("served", False, said, "unknown_provider")
    if provider.kind == "oauth2":
        return Step("served", True, f"The provider {provider.name!r} is served by control itself.")
    outposts = [one for one in tx.select(Outpost) if served_provider(tx, one.pk, provider.pk) is not None]
    if not outposts:
        said = f"No outpost serves the provider {provider.name!r}. Assign it to one."
        return Step("served", False, said, "unknown_provider")
    names = ", ".join(repr(one.name) for one in outposts)
    return Step("served", True, f"The provider {provider.name!r} is served by {names}.")


def _tried(tx: Transaction, asked: Asked) -> Step:
    if not asked.peer:
        return Step("tries", True, "From where is not said, so wrong tries are not looked at.")
    reason = tries.refusal(tx, asked.user, place(asked.peer, asked.station))
    if reason is None:
        return Step("tries", True, f"Nothing is held against tries from {asked.peer}.")
    return Step("tries", False, REASONS[reason].operator, reason)


def _account(tx: Transaction, user: User | None) -> Step:
    if user is None:
        return Step("account", False, REASONS["unknown_user"].operator, "unknown_user")
    refusal = validity.refusal(user, tx.now)
    if refusal is not None:
        return Step("account", False, REASONS[refusal].operator, refusal)
    return Step("account", True, f"The account of {user.username!r} is active and valid now.")


def _password(tx: Transaction, user: User | None, protocol: str) -> Step:
    """Only doors that cannot ask for a new one refuse; what was typed is taken to be the account's own password."""
    due = users.password_due(tx, user) if user is not None else None
    if due is None:
        return Step("password", True, "The password need not be changed.")
    if protocol in BROWSERS:
        return Step("password", True, "A browser asks for a new password first; a password sent by itself is refused.")
    return Step("password", False, REASONS[due].operator, due)


def _access(tx: Transaction, application: Application, told: Sequence[Binding], judge: Judge, asking: Asking) -> Step:
    if asking.user is None:
        return Step("access", False, "Nobody has this name, so no binding is asked.", "unknown_user")
    found = judge.decide(tx, application, asking)
    if not found.passing:
        return Step("access", False, REASONS[found.reason].operator, found.reason)
    if any(binding.enabled for binding in told):
        return Step("access", True, "A binding lets this user in.")
    return Step("access", True, "The application has no bindings: it is open to everybody.")


def _sessions(tx: Transaction, provider: Provider, asking: Asking) -> Step:
    limit, station = radius_sessions.limit_of(provider), asking.attributes.get("calling_station", "")
    if asking.user is not None and radius_sessions.is_full(tx, provider, asking.user.pk, station):
        return Step("sessions", False, REASONS["too_many_sessions"].operator, "too_many_sessions")
    return Step("sessions", True, f"There is room for another session of theirs: the provider allows {limit}.")


def _mappings(tx: Transaction, provider: Provider | None, asking: Asking) -> tuple[Mapping[str, Any], ...]:
    if provider is None or asking.user is None:
        return ()
    return tuple(trial.of_provider(tx, provider, asking.user, asking.attributes, asking.peer, Mappings()))


def _mapped(
    tx: Transaction,
    provider: Provider | None,
    asking: Asking,
    protocol: str,
    mappings: Sequence[Mapping[str, Any]],
) -> Step:
    failing = [one for one in mappings if one["fault"] is not None]
    refused = any(one["on_failure"] == "refuse" for one in failing)
    if protocol in DOORS and provider is not None and asking.user is not None:  # the door's own word
        question = Authenticate("", provider.pk, asking.identifier, {}, protocol, asking.peer, dict(asking.attributes))
        refused = doors.mapped(tx, provider, asking.user, question, Mappings()).refused
    if refused:
        return Step("mappings", False, REASONS["mapping_failed"].operator, "mapping_failed")
    if failing:
        told = "; ".join(f"{one['name']!r} fails ({one['result']})" for one in failing)
        return Step("mappings", True, f"Of what property mappings say, something is left out: {told}")
    return Step("mappings", True, "Property mappings say what is told of this user.")


# --- bindings, and what would change the answer --------------------------------------------------------------------


def _bindings(tx: Transaction, application: Application) -> list[Binding]:
    return tx.select(Binding, Query(equal={"target": application.pk}, ordering=("order",)))


def _line(tx: Transaction, binding: Binding, judge: Judge, asking: Asking) -> Line:
    """A policy is asked whether or not the doors would need its answer."""
    kind, name = _whose(tx, binding)
    answer = judge.ask(tx, binding, asking) if binding.policy is not None and asking.user is not None else None
    words = {binding.pk: answer.word} if answer is not None else {}
    user, groups = standing(tx, asking)
    passing = asking.user is not None and bindings.passes(binding, user, groups, words) is True
    return Line(binding, kind, name, passing, answer)


def _whose(tx: Transaction, binding: Binding) -> tuple[str, str]:
    if binding.group is not None:
        group = tx.find(Group, pk=binding.group)
        return "group", group.name if group is not None else binding.group
    if binding.user is not None:
        user = tx.find(User, pk=binding.user)
        return "user", user.username if user is not None else str(binding.user)
    policy = tx.find(Policy, pk=binding.policy)
    return "policy", policy.name if policy is not None else str(binding.policy)


def _changes(
    tx: Transaction, application: Application, user: User | None, reason: str, lines: Sequence[Line]
) -> list[str]:
    if reason == "accepted":
        return []
    if reason not in ACCESS or user is None:
        return [REASONS[reason].operator]
    found = [*_joining(tx, application, user, lines), *_answering(tx, application, user, lines)]
    if found:
        return found
    if application.policy_engine_mode == "any":
        return [f"Bind {user.username!r} to the application {application.name!r}."]
    closed = [f"{line.kind} {line.name!r}" for line in lines if line.binding.enabled and not line.passing]
    return [f"All bindings have to let them in, and more than one does not: {', '.join(closed)}."]


def _joining(tx: Transaction, application: Application, user: User, lines: Sequence[Line]) -> list[str]:
    """Groups that the user could join, or leave, so that the same bindings let them in: tried out by the same rule."""
    parents = {group.pk: group.parents for group in tx.select(Group)}
    mine = tx.groups_of([user.pk])[user.pk]
    found = []
    for line in lines:
        binding = line.binding
        if not binding.enabled or binding.group is None:
            continue
        joined = ancestors([*mine, binding.group], lambda pk: parents.get(pk, ()))
        left = ancestors([pk for pk in mine if pk != binding.group], lambda pk: parents.get(pk, ()))
        if not binding.negate and _admitted(application, lines, user, joined, _words(lines)):
            found.append(f"Add {user.username!r} to the group {line.name!r}.")
        if binding.negate and _admitted(application, lines, user, left, _words(lines)):
            found.append(f"Take {user.username!r} out of the group {line.name!r}.")
    return found


def _answering(tx: Transaction, application: Application, user: User, lines: Sequence[Line]) -> list[str]:
    """Policies that, with another answer, would let them in."""
    groups = frozenset(group.pk for group in closure(tx, user.pk))
    found = []
    for line in lines:
        answer = line.answer
        if answer is None or line.passing or not line.binding.enabled:
            continue
        if _admitted(application, lines, user, groups, {**_words(lines), line.binding.pk: not answer.word}):
            said = answer.fault or " ".join((*answer.verdict.messages, *answer.verdict.log))
            needed = "pass" if not answer.word else "not pass"
            found.append(f"Let the policy {line.name!r} {needed}, or take it off the application. {said}".rstrip())
    return found


def _words(lines: Sequence[Line]) -> dict[str, bool]:
    return {line.binding.pk: line.answer.word for line in lines if line.answer is not None}


def _admitted(
    application: Application,
    lines: Sequence[Line],
    user: User,
    groups: frozenset[str],
    words: Mapping[str, bool],
) -> bool:
    told = [line.binding for line in lines]
    return bindings.admits(application.policy_engine_mode, told, user.pk, groups, words)


def _application(tx: Transaction, named: str) -> Application:
    found = tx.find(Application, slug=named) or next(iter(tx.select(Application, Query(equal={"name": named}))), None)
    if found is None:
        raise Unknown("application", f"There is no application {named!r}.")
    return found


def _user(tx: Transaction, named: str) -> User | None:
    for fields in ("username", "email"):
        found = tx.select(User, Query(alike={fields: named}, limit=1)) if named else []
        if found:
            return found[0]
    return None

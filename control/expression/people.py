"""People and groups as expressions see them: what was read from the store before, and nothing that reads there.

Facts are plain and frozen, and may be kept; what is made of them for one run is that run's own, so that nothing an
expression does to an attribute outlives it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from control.expression.exposed import Lazy, Thing, copied, free
from control.expression.listing import Listing
from control.expression.operations import kind_of
from rules.attributes import merged
from rules.secret_attributes import secret, without


@dataclass(frozen=True, slots=True)
class Facts:
    """A thing with these attributes and nothing else. Equal to another with the same ``title`` and ``pk``."""

    title: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    shown: str = ""


@dataclass(frozen=True, slots=True)
class GroupFacts:
    pk: str
    name: str
    is_superuser: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    """pks"""

    def seen(self, hidden: frozenset[str]) -> GroupFacts:
        if not secret(self.attributes, hidden):
            return self
        return replace(self, attributes=without(dict(self.attributes), hidden))


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """``fields`` by authentik's names: username, name, email, uid, uuid, attributes and the like."""

    pk: int
    fields: Mapping[str, Any]
    direct: tuple[GroupFacts, ...] = ()
    """By name, as ``every``."""
    every: tuple[GroupFacts, ...] = ()
    """With those above: a member of a child is a member of its parents."""
    has_password: bool = False
    entitlements: Mapping[str, tuple[Facts, ...]] = field(default_factory=dict)
    """By the pk of their application, in the order of their names."""
    factors: tuple[str, ...] = ()
    """Kinds of the second factors that are set up: ``totp``, ``static``."""

    def seen(self, nested: bool, hidden: frozenset[str] = frozenset()) -> PersonFacts:
        """With ``nested``, the groups above count as the person's own. Without the attributes that are ``hidden``
        (`rules.secret_attributes.key`)."""
        facts = replace(self, direct=self.every) if nested else self
        if not hidden:
            return facts
        return replace(
            facts,
            fields={**facts.fields, "attributes": without(dict(facts.fields.get("attributes", {})), hidden)},
            direct=tuple(one.seen(hidden) for one in facts.direct),
            every=tuple(one.seen(hidden) for one in facts.every),
        )


class Person(Thing):
    """A user, or nobody: then ``is_anonymous``."""

    __slots__ = ("all_groups", "factors")

    def __init__(self, facts: PersonFacts | None) -> None:
        groups = _groups(facts.every) if facts is not None else {}
        self.factors = facts.factors if facts is not None else ()
        self.all_groups = Listing([group for group, _ in groups.values()])
        fields = _NOBODY if facts is None else {**facts.fields, "pk": facts.pk, "id": facts.pk}
        direct = Listing([groups[one.pk][0] for one in (facts.direct if facts is not None else ())])
        super().__init__(
            "User",
            {
                **_own(fields),
                "is_anonymous": facts is None,
                "is_authenticated": facts is not None,
                **dict.fromkeys(("is_superuser", "is_staff"), any(one.is_superuser for _, one in groups.values())),
                "has_usable_password": free("has_usable_password", lambda: facts is not None and facts.has_password),
                "groups": direct,
                "ak_groups": direct,
                "all_groups": free("all_groups", lambda: self.all_groups),
                "group_attributes": copied("group_attributes", lambda *given: deepcopy(_merged(facts))),
                "app_entitlements": free("app_entitlements", lambda app: Listing(_entitled(facts, app))),
                "app_entitlements_attributes": copied(
                    "app_entitlements_attributes", lambda app: _entitled_attributes(facts, app)
                ),
                "avatar": _avatar(fields),
                "locale": free("locale", lambda *given: _locale(fields)),
                **dict.fromkeys(("first_name", "last_name"), ""),
                **{name: free(name, lambda: "") for name in ("get_full_name", "get_short_name")},
                "get_username": free("get_username", lambda: str(fields.get("username", ""))),
            },
            shown=str(fields.get("username", "")) or "AnonymousUser",
            identity=("User", facts.pk if facts is not None else None),
        )


_NOBODY: Mapping[str, Any] = {
    "pk": None,
    "id": None,
    "uid": "",
    "uuid": "",
    "username": "",
    "name": "",
    "email": "",
    "attributes": {},
    "is_active": False,
    "type": "",
    "path": "",
}


def _groups(every: Sequence[GroupFacts]) -> dict[str, tuple[Thing, GroupFacts]]:
    """By pk. A group knows its parents; its other members are none of an expression's business."""
    made: dict[str, tuple[Thing, GroupFacts]] = {}

    def parents(group: GroupFacts) -> Listing:
        return Listing([made[pk][0] for pk in group.parents if pk in made])

    def parent(group: GroupFacts) -> Thing | None:
        return next((made[pk][0] for pk in group.parents if pk in made), None)

    for group in every:
        fields = {
            **_own({"attributes": group.attributes}),
            "pk": group.pk,
            "group_uuid": group.pk,
            "name": group.name,
            "is_superuser": group.is_superuser,
            "parents": Lazy(partial(parents, group)),
            "parent": Lazy(partial(parent, group)),
        }
        made[group.pk] = Thing("Group", fields, shown=group.name, identity=("Group", group.pk)), group
    return made


def _merged(facts: PersonFacts | None) -> dict[str, Any]:
    if facts is None:
        return {}
    return merged((dict(group.attributes) for group in facts.every), dict(facts.fields.get("attributes", {})))


def _entitled_facts(facts: PersonFacts | None, app: Any) -> tuple[Facts, ...]:
    """Raises TypeError for what is no application; None is one that has no entitlements."""
    if app is None or facts is None:
        return ()
    if not isinstance(app, Thing) or app.title != "Application":
        raise TypeError(f"an application is needed here, such as provider.application, not '{kind_of(app)}'")
    return facts.entitlements.get(app.attribute("pk"), ())


def _entitled(facts: PersonFacts | None, app: Any) -> list[Thing]:
    return [thing(one) for one in _entitled_facts(facts, app)]


def _entitled_attributes(facts: PersonFacts | None, app: Any) -> dict[str, Any]:
    """Merged, without the person's own, as authentik has it."""
    return deepcopy(merged((dict(one.fields["attributes"]) for one in _entitled_facts(facts, app)), {}))


def _avatar(fields: Mapping[str, Any]) -> str:
    """The address of a picture, as authentik has it of ``attributes.avatar``; nobody is asked for another."""
    own = fields.get("attributes")
    told = own.get("avatar") if isinstance(own, Mapping) else None
    return told if isinstance(told, str) else ""


def _locale(fields: Mapping[str, Any]) -> str:
    own = fields.get("attributes")
    settings = own.get("settings") if isinstance(own, Mapping) else None
    return str(settings.get("locale", "")) if type(settings) is dict else ""


def _own(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What could be changed is copied when it is asked for."""
    return {
        name: Lazy(partial(deepcopy, value)) if isinstance(value, (dict, list)) else value
        for name, value in fields.items()
    }


def thing(facts: Facts) -> Thing:
    fields = {name: Lazy(partial(exposed, value)) for name, value in facts.fields.items()}
    pk = facts.fields.get("pk")
    return Thing(facts.title, fields, facts.shown, (facts.title, pk) if pk is not None else None)


def exposed(value: Any) -> Any:
    """A value of a context for one run: facts become things, and what could be changed is copied."""
    match value:
        case PersonFacts():
            return Person(value)
        case Facts():
            return thing(value)
        case Mapping():
            return {key: exposed(part) for key, part in value.items()}
        case list():
            return [exposed(part) for part in value]
        case _:
            return value


def person(value: Any) -> Person:
    """The user that was handed to one of authentik's functions. Raises TypeError."""
    if not isinstance(value, Person):
        raise TypeError(f"a user is needed here, such as request.user, not '{kind_of(value)}'")
    return value

"""Makes the store what a description says: one verb, so that all of it takes effect together or not at all.

A file changes only what it owns (``managed`` carries its mark) and may refer to everything. Of the providers of an
outpost it settles its own ones; the others stay. A field that the file does not name keeps its value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from control.apply.description import ADOPT, PASSWORD_FIELDS, ApplyError, Description
from control.records import (
    Application,
    Binding,
    Certificate,
    Flow,
    Group,
    Outpost,
    PropertyMapping,
    Provider,
    Record,
    User,
)
from control.store.interface import Query, Transaction
from control.verbs import applications, bindings, groups, outposts, providers, users
from control.verbs.fields import NON_FIELD, Invalid
from settings.yaml_lines import Place

R = TypeVar("R", User, Group, Provider, Application)

LABELS = {User: "user", Group: "group", Provider: "provider", Application: "application"}
UNTOLD = frozenset(
    {"last_updated", "credential_version", "sessions_not_before", "email_verified", "client_id", "managed"}
)
"""Fields that follow from others."""
EMBEDDED_NAME = "embedded"
NAMED_PLACES: dict[str, tuple[type[Record], str]] = {
    "authentication_flow": (Flow, "slug"),
    "authorization_flow": (Flow, "slug"),
    "invalidation_flow": (Flow, "slug"),
    "certificate": (Certificate, "name"),
    "signing_key": (Certificate, "name"),
}
"""Fields of a provider that hold a pk, and by what the file names the record."""


def reconcile(
    tx: Transaction, description: Description, hashes: Mapping[str, str], random: Callable[[int], bytes]
) -> list[str]:
    """What changed, a line each. ``hashes``: username to the password hash to store. Raises ApplyError."""
    run = _Run(tx, description, hashes, random)
    for section, settle in (
        ("users", run.user),
        ("groups", run.group),
        ("groups", run.group_relations),
        ("providers", run.provider),
        ("applications", run.application),
        ("outposts", run.outpost),
    ):
        for key, entry in description.sections[section].items():
            try:
                settle(key, entry)
            except Invalid as error:
                run.refuse(section, key, error)
    if run.faults:
        raise ApplyError(run.faults)
    return run.said or ["nothing to change"]


class _Run:
    def __init__(
        self, tx: Transaction, description: Description, hashes: Mapping[str, str], random: Callable[[int], bytes]
    ) -> None:
        self.tx = tx
        self.description = description
        self.hashes = hashes
        self.random = random
        self.said: list[str] = []
        self.faults: list[str] = []
        self.created: set[tuple[str, str]] = set()

    def refuse(self, section: str, key: str, error: Invalid) -> None:
        for name, sentences in error.fields.items():
            place: Place = (section, key) if name == NON_FIELD else (section, key, name)
            self.faults += [self.description.fault(place, sentence) for sentence in sentences]

    # --- the sections ----------------------------------------------------------------------------------------------

    def user(self, username: str, entry: Mapping[str, Any]) -> None:
        given = _without(entry, *PASSWORD_FIELDS)
        found = self.tx.find(User, username=username)
        user = self._settle(
            User,
            username,
            found,
            given,
            lambda: users.create(self.tx, {"name": username, **given, "username": username}),
            lambda user: users.update(self.tx, user.pk, given),
        )
        if user is not None and username in self.hashes:
            users.set_password(self.tx, user.pk, self.hashes[username])
            self.said.append(f"set the password of user {username}")

    def group(self, name: str, entry: Mapping[str, Any]) -> None:
        """Parents and members follow in `group_relations`, when all groups are there."""
        given = _without(entry, "users", "parents")
        self._settle(
            Group,
            name,
            self.tx.find(Group, name=name),
            given,
            lambda: groups.create(self.tx, {**given, "name": name}),
            lambda group: groups.update(self.tx, group.pk, given),
        )

    def group_relations(self, name: str, entry: Mapping[str, Any]) -> None:
        group = self._own(Group, "name", name)
        given: dict[str, Any] = {}
        if "parents" in entry:
            given["parents"] = self._pks(Group, "name", "parents", entry["parents"])
        if "users" in entry:
            given["users"] = self._pks(User, "username", "users", entry["users"])
        if group is None or not given:
            return
        members = self._members(group)
        changed = groups.update(self.tx, group.pk, given)
        told = [field for field, differs in (
            ("parents", set(changed.parents) != set(group.parents)),
            ("users", self._members(group) != members),
        ) if differs]  # fmt: skip
        self._tell_change(Group, name, told)

    def provider(self, name: str, entry: Mapping[str, Any]) -> None:
        given = _without(entry, "kind")
        for field, (kind, by) in NAMED_PLACES.items():
            if isinstance(given.get(field), str):
                given[field] = self._pks(kind, by, field, [given[field]])[0]
        if "property_mappings" in given:
            given["property_mappings"] = self._pks(
                PropertyMapping, "name", "property_mappings", given["property_mappings"]
            )
        found = self.tx.find(Provider, name=name)
        if found is not None and found.kind != entry["kind"]:
            raise Invalid({"kind": [f"this provider is there already, of kind {found.kind}; choose another name"]})
        self._settle(
            Provider,
            name,
            found,
            given,
            lambda: providers.create(self.tx, entry["kind"], {**given, "name": name}, self.random),
            lambda provider: providers.update(self.tx, provider.pk, given),
        )

    def application(self, slug: str, entry: Mapping[str, Any]) -> None:
        given = _without(entry, "bindings")
        if isinstance(given.get("provider"), str):
            given["provider"] = self._pks(Provider, "name", "provider", [given["provider"]])[0]
        application = self._settle(
            Application,
            slug,
            self.tx.find(Application, slug=slug),
            given,
            lambda: applications.create(self.tx, {"name": slug, **given, "slug": slug}),
            lambda application: applications.update(self.tx, application.pk, given),
        )
        if application is None:
            return
        before = len(self.said)
        if "bindings" in entry:
            self._bind(application, entry["bindings"])
        if (before < len(self.said) or ("application", slug) in self.created) and self._is_open(application):
            self.said.append(f"application {slug} is open to every active user: it has no bindings")

    def outpost(self, name: str, entry: Mapping[str, Any]) -> None:
        embedded = name == EMBEDDED_NAME
        wanted = {"managed": outposts.EMBEDDED} if embedded else {"name": name}
        outpost = self.tx.find(Outpost, **wanted)
        if outpost is None:
            raise Invalid({NON_FIELD: ["there is no such outpost; create it in the console first"]})
        listed = self._pks(Provider, "name", "providers", entry.get("providers", []))
        own = {provider.pk for provider in self.tx.select(Provider, Query(equal={"managed": self.description.mark}))}
        kept = [pk for pk in outpost.providers if pk in listed or pk not in own]
        served = kept + [pk for pk in listed if pk not in kept]
        if served != list(outpost.providers):
            outposts.update(self.tx, outpost.pk, {"providers": served})
            self.said.append(f"changed outpost {outpost.name}: providers")

    # --- one record ------------------------------------------------------------------------------------------------

    def _settle(
        self,
        kind: type[R],
        key: str,
        found: R | None,
        given: dict[str, Any],
        create: Callable[[], R],
        update: Callable[[R], R],
    ) -> R | None:
        """The record as it is now."""
        adopt = given.pop(ADOPT, False) is True
        mark = self.description.mark
        if found is None:
            made = self.tx.update(replace(create(), managed=mark))
            self.created.add((LABELS[kind], key))
            self.said.append(f"created {LABELS[kind]} {key}")
            return made
        if found.managed != mark:
            found = self._take_over(kind, key, found, adopt)
        changed = update(found)
        self._tell_change(kind, key, _differences(found, changed))
        return changed

    def _take_over(self, kind: type[R], key: str, found: R, adopt: bool) -> R:
        if found.managed is not None:
            raise Invalid(
                {
                    NON_FIELD: [
                        f"is there already and belongs to {found.managed!r}; change it there, or choose another name"
                    ]
                }
            )
        if not adopt:
            raise Invalid(
                {NON_FIELD: ["is there already and does not belong to this file; choose another name, or write "
                             f"'{ADOPT}: true' below it to hand it over to the file"]}
            )  # fmt: skip
        self.said.append(f"took over {LABELS[kind]} {key}")
        return self.tx.update(replace(found, managed=self.description.mark))

    def _own(self, kind: type[R], by: str, key: str) -> R | None:
        found = self.tx.find(kind, **{by: key})
        return found if found is not None and found.managed == self.description.mark else None

    def _tell_change(self, kind: type[R], key: str, names: Sequence[str]) -> None:
        if names and (LABELS[kind], key) not in self.created:
            self.said.append(f"changed {LABELS[kind]} {key}: {', '.join(names)}")

    # --- references ------------------------------------------------------------------------------------------------

    def _pks(self, kind: type[Record], by: str, field: str, names: Sequence[str]) -> list[Any]:
        found: list[Any] = [self.tx.find(kind, **{by: name}) for name in names]
        if unknown := [name for name, record in zip(names, found, strict=True) if record is None]:
            raise Invalid({field: [f"there is no {kind.TABLE} called {name!r}" for name in unknown]})
        return [record.pk for record in found]

    def _members(self, group: Group) -> frozenset[int]:
        return frozenset(self.tx.members_of([group.pk]).get(group.pk, ()))

    def _is_open(self, application: Application) -> bool:
        return self.tx.count(Binding, Query(equal={"target": application.pk, "enabled": True})) == 0

    def _bind(self, application: Application, wanted: Sequence[Mapping[str, Any]]) -> None:
        """Of the application's bindings, the file's own become exactly ``wanted``."""
        present = self.tx.select(Binding, Query(equal={"target": application.pk}))
        own = {(line.group, line.user): line for line in present if line.managed == self.description.mark}
        changed = False
        for order, line in enumerate(wanted):
            given: dict[str, Any] = {"order": order, **line}
            if "group" in line:
                given["group"] = self._pks(Group, "name", "bindings", [line["group"]])[0]
            else:
                given["user"] = self._pks(User, "username", "bindings", [line["user"]])[0]
            old = own.pop((given.get("group"), given.get("user")), None)
            if old is None:
                made = bindings.create(self.tx, {**given, "target": application.pk})
                self.tx.update(replace(made, managed=self.description.mark))
                changed = True
            else:
                changed |= bindings.update(self.tx, old.pk, given) != old
        for old in own.values():
            bindings.delete(self.tx, old.pk)
            changed = True
        if changed:
            self._tell_change(Application, application.slug, ["bindings"])


def _without(entry: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in names}


def _differences(before: Record, after: Record) -> list[str]:
    """Names of the fields that differ, never their values; of a provider's settings and secrets, the names inside."""
    names: list[str] = []
    for field in fields(before):  # type: ignore[arg-type]
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old == new or field.name in UNTOLD:
            continue
        if field.name in ("settings", "secrets"):
            names += sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        else:
            names.append(field.name)
    return names

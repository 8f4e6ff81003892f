"""What expressions are told of a person: read from the store in one transaction, plain and frozen from then on."""

from __future__ import annotations

from control.expression.people import PersonFacts
from control.mappings.facts import by_application, group_facts, person_fields
from control.records import Login, User
from control.store.interface import Transaction
from control.verbs import authenticators, entitlements
from control.verbs.rights import closure


def person_facts(tx: Transaction, user: User) -> PersonFacts:
    direct = set(tx.groups_of([user.pk]).get(user.pk, []))
    every = tuple(group_facts(group) for group in closure(tx, user.pk))
    login = tx.find(Login, pk=user.pk)
    return PersonFacts(
        pk=user.pk,
        fields=person_fields(user, tx.install_id, login.last_login if login is not None else None),
        direct=tuple(group for group in every if group.pk in direct),
        every=every,
        has_password=bool(user.password),
        entitlements=by_application(entitlements.everyone(tx).of(user.pk, [group.pk for group in every])),
        factors=tuple(factor.kind for factor in authenticators.of(tx, user.pk)),
    )

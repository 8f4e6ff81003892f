"""Invitations: links by which somebody may make themselves an account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from control.records import Flow, Invitation
from control.store.interface import Transaction
from control.verbs.fields import Attributes, Fields, Invalid, Moment, Slug, Uuid, existing, overlaid, parse

LONGEST_DATA = 100
"""Answers that one invitation gives."""


class InvitationFields(Fields):
    name: Slug
    expires: Moment = None
    fixed_data: Attributes = Field(default_factory=dict)
    single_use: bool = False
    flow: Uuid | None = None


def create(tx: Transaction, given: Mapping[str, Any], created_by: int | None = None) -> Invitation:
    """Raises Invalid."""
    fields = _checked(tx, parse(InvitationFields, given))
    return tx.insert(Invitation(**fields.model_dump(), created_by=created_by))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Invitation:
    """Raises Invalid, NotFound."""
    invitation = tx.get(Invitation, pk)
    current = {name: getattr(invitation, name) for name in InvitationFields.model_fields}
    fields = _checked(tx, overlaid(InvitationFields, current, given, partial))
    return tx.update(replace(invitation, **fields.model_dump()))


def delete(tx: Transaction, pk: str) -> None:
    """Raises NotFound."""
    tx.delete(tx.get(Invitation, pk))


def _checked(tx: Transaction, fields: InvitationFields) -> InvitationFields:
    if len(fields.fixed_data) > LONGEST_DATA:
        raise Invalid({"fixed_data": [f"Give at most {LONGEST_DATA} answers."]})
    if any("password" in key.lower() for key in fields.fixed_data):
        raise Invalid({"fixed_data": ["A password is chosen by the person, and never stands in an invitation."]})
    if fields.flow is not None and existing(tx, Flow, "flow", [fields.flow])[0].designation != "enrollment":
        raise Invalid({"flow": ["Name a flow for enrollment."]})
    return fields

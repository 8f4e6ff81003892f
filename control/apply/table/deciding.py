"""Policies of every kind, what binds them, and property mappings."""

from __future__ import annotations

from control.apply.sections import Part, Section
from control.policies import kinds
from control.records import Binding, Policy, PropertyMapping
from control.verbs import bindings, policies, property_mappings

POLICIES = Section(
    "policies",
    "policy",
    Policy,
    lambda tx, kind, given, random: policies.create(tx, kind, given),
    policies.update,
    policies.delete,
    lambda tx, policy: policies.current(policy),
    kinds={name: kind.fields for name, kind in kinds.KINDS.items()},
    last=True,
)

MAPPINGS = Section(
    "property_mappings",
    "property mapping",
    PropertyMapping,
    lambda tx, kind, given, random: property_mappings.create(tx, kind, given),
    property_mappings.update,
    property_mappings.delete,
    lambda tx, mapping: property_mappings.current(mapping),
    kinds={name: kind.fields for name, kind in property_mappings.KINDS.items()},
    unwritten=frozenset({"managed"}),
    own_mark=True,
    last=True,
)

BINDINGS = Part(
    "bindings",
    Binding,
    "target",
    bindings.BindingFields,
    bindings.create,
    bindings.update,
    bindings.delete,
    same=bindings.SUBJECTS,
    example="[{policy: office-hours}, {group: staff}, {user: alice}]",
    one_of=bindings.SUBJECTS,
    references={"policy": "policies", "group": "groups", "user": "users"},
)
"""Of applications, and of whatever else asks whether somebody may."""

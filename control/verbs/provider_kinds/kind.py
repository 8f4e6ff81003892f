"""What all kinds of provider share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from control.verbs.certificates import revocations_in
from control.verbs.fields import Fields, LongText, Name, Uuid

MAX_AUTHORITIES = 16
"""That issue certificates for the clients of one provider."""


def _revocations(pem: str) -> str:
    if not pem.strip():
        return ""
    revocations_in(pem)
    return pem.rstrip() + "\n"


Authorities = Annotated[list[Uuid], Field(max_length=MAX_AUTHORITIES)]
"""Certificates of those whose client certificates are believed."""
Revocations = Annotated[LongText, AfterValidator(_revocations)]
"""PEM of revocation lists."""


class ProviderFields(Fields):
    name: Name
    authentication_flow: Uuid | None = None
    authorization_flow: Uuid
    invalidation_flow: Uuid
    property_mappings: list[Uuid] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Kind:
    fields: type[ProviderFields]
    model: str
    """authentik's class name, as its messages show it."""
    label: str
    claims: str = ""
    """The setting that says which requests are this provider's; two on one outpost must not say the same. Without one,
    no outpost serves this kind."""
    authorization_flow: str = "default-provider-authorization-implicit-consent"
    invalidation_flow: str = "default-provider-invalidation-flow"
    """Slugs of the flows it gets when none are given."""
    generated: tuple[tuple[str, int], ...] = ()
    """Fields that are made up when none are given, and how many random bytes, written in hexadecimal."""
    mappings: tuple[str, ...] = ()
    """``managed`` of the property mappings that it gets when none are given."""
    secrets: frozenset[str] = frozenset()
    """Fields that are encrypted at rest."""

    form: str = ""
    """The word for it in the name of authentik's form, where it is not the label's first one."""

    @property
    def component(self) -> str:
        return f"ak-provider-{self.form or self.label.split()[0].lower()}-form"

"""What to do next: the gaps that people forget to close, each with the page that closes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from control.certificates import generated
from control.passwords import network_hashes
from control.records import Application, Binding, Certificate, Knock, Outpost, Provider
from control.store.interface import Query, Transaction
from control.verbs import system
from control.verbs.certificates import described
from control.verbs.outposts import EMBEDDED
from control.verbs.provider_kinds import KINDS
from control.web.console.sections import ROOT
from rules.knocks import KINDS as KNOCKS

SOON = 14 * 86_400.0
"""Seconds: a certificate that ends within two weeks is worth a word."""
MOST_KNOCKS = 5
"""On the overview; the others are on their own page."""
MOST = 20
"""On one page."""


@dataclass(frozen=True, slots=True)
class Advice:
    text: str
    action: str
    to: str


def everything(tx: Transaction, here: str) -> list[Advice]:
    """For the overview; ``here`` is the address of the page in the browser."""
    found = [*_public_url(tx, here), *_knocks(tx), *_providers(tx), *_applications(tx), *_certificates(tx)]
    return found[:MOST]


def _public_url(tx: Transaction, here: str) -> Iterator[Advice]:
    if not system.public_url(tx):
        yield Advice(
            f"The public URL is not set. Until it is, each browser's own address stands in for it, now {here}.",
            "Set the public URL",
            f"{ROOT}/admin/settings/?{urlencode({'base_url': here})}",
        )


def _knocks(tx: Transaction) -> Iterator[Advice]:
    """The latest of those that are still unknown."""
    waiting = Query(equal={"answered": None}, ordering=("-last",), limit=MOST_KNOCKS)
    for knock in tx.select(Knock, waiting):
        yield Advice(
            KNOCKS.get(knock.kind, "{what}").format(what=knock.what), "Look at it", f"{ROOT}/events/knocks/{knock.pk}/"
        )


def _providers(tx: Transaction) -> Iterator[Advice]:
    fronted = {application.provider for application in tx.select(Application)}
    served = {pk for outpost in tx.select(Outpost) for pk in outpost.providers}
    for provider in tx.select(Provider, Query(ordering=("name",))):
        yield from of_provider(tx, provider, provider.pk in fronted, provider.pk in served)


def of_provider(tx: Transaction, provider: Provider, is_fronted: bool, is_served: bool) -> Iterator[Advice]:
    """What keeps it from working, or safe."""
    for warning in network_hashes.warnings(provider):
        yield Advice(f"“{provider.name}”: {warning}", "Look at it", f"{ROOT}/core/providers/{provider.pk}/")
    if not is_fronted:
        query = urlencode({"provider": provider.pk, "name": provider.name})
        yield Advice(
            f"No application uses the provider “{provider.name}”, so nobody gets in through it.",
            "Create the application",
            f"{ROOT}/core/applications/~new/?{query}",
        )
    if not is_served and provider.kind in KINDS and KINDS[provider.kind].claims:
        fits = [outpost for outpost in tx.select(Outpost) if outpost.type in ("any", provider.kind)]
        outpost = next((one for one in fits if one.managed == EMBEDDED), fits[0] if fits else None)
        to = f"{ROOT}/outpost/outposts/{outpost.pk}/" if outpost is not None else f"{ROOT}/outpost/outposts/~new/"
        yield Advice(
            f"No outpost serves the provider “{provider.name}”, so it is not live.", "Assign it to an outpost", to
        )
    if provider.kind == "oauth2" and not provider.settings.get("redirect_uris"):
        yield Advice(
            f"The provider “{provider.name}” has no redirect URI, so it can send nobody back to the application.",
            "Add one",
            f"{ROOT}/core/providers/{provider.pk}/",
        )


def _applications(tx: Transaction) -> Iterator[Advice]:
    for application in tx.select(Application, Query(ordering=("name",))):
        if application.provider is None and not application.meta_launch_url:
            yield Advice(
                f"The application “{application.name}” has neither a provider nor a launch URL.",
                "Choose its provider",
                f"{ROOT}/core/applications/{application.slug}/",
            )


def of_application(tx: Transaction, application: Application, lines: Sequence[Binding]) -> Iterator[Advice]:
    if not any(line.enabled for line in lines):
        yield Advice(
            "Nothing is bound to this application, so every active user may use it.",
            "Bind a group or a user",
            f"{ROOT}/policy/bindings/~new/?{urlencode({'target': application.pk})}",
        )
    if application.provider is None and not application.meta_launch_url:
        yield Advice("It has neither a provider nor a launch URL.", "Create a provider", f"{ROOT}/core/providers/~new/")
    elif application.provider is not None:
        provider = tx.get(Provider, application.provider)
        is_served = any(provider.pk in outpost.providers for outpost in tx.select(Outpost))
        yield from of_provider(tx, provider, True, is_served)


def _certificates(tx: Transaction) -> Iterator[Advice]:
    for pair in tx.select(Certificate, Query(ordering=("name",))):
        ends = described(pair.certificate_data).not_after
        if ends is not None and ends < tx.now + SOON and pair.managed not in generated.NAMES:
            when = "has expired" if ends < tx.now else "expires within two weeks"
            yield Advice(f"The certificate “{pair.name}” {when}.", "Renew it", f"{ROOT}/crypto/certificates/{pair.pk}/")

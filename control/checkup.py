"""What an operator would want to hear of a store before its users do: each finding with what to change.

Every check is a function over a `Transaction` that gives sentences; `CHECKS` is the list that the doctor goes through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from control.certificates.generated import SIGNING, is_renewed
from control.mail.outbox import WAITING
from control.records import (
    Application,
    Certificate,
    Event,
    Instance,
    IssuedCertificate,
    Knock,
    Letter,
    MailServer,
    Outpost,
    Provider,
    RadiusNas,
    Stage,
    User,
)
from control.sources.ldap.described import BACKEND, directory, enabled
from control.store.interface import Query, Transaction
from control.verbs import system
from control.verbs.certificates import described
from control.verbs.provider_kinds import KINDS
from control.verbs.providers import default_signing_key
from rules.knocks import KINDS as KNOCKS
from rules.weak_secrets import weakness

DAY = 86_400.0
SOON = 30 * DAY
"""Seconds: long enough to renew a certificate by hand."""
STALE = 15 * 60.0
"""Seconds of silence: sixty heartbeats."""
FORGOTTEN = 30 * DAY
"""Seconds: a process that was not heard of for so long was replaced, and is nobody's worry."""
MOST_AHEAD = 60.0
"""Seconds that what is stored may lie in our future: clocks of replicas differ a little."""
LONG_WAIT = 15 * 60.0
"""Seconds; a letter that nothing is wrong with is gone in one."""
MOST_KNOCKS = 10
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Told:
    """What the settings say that the store does not."""

    public_url: str = ""
    has_mail: bool = False


Check = Callable[[Transaction, Told], Iterator[str]]


def clock(tx: Transaction, told: Told) -> Iterator[str]:
    for event in tx.select(Event, Query(ordering=("-created",), limit=1)):
        ahead = event.created - tx.now
        if ahead > MOST_AHEAD:
            yield (
                f"The newest event lies {ahead:.0f} s in the future: this machine's clock was set back, or another's "
                "is wrong. One-time codes, certificates and sessions go by it. Let NTP set the clocks of all machines."
            )


def public_url(tx: Transaction, told: Told) -> Iterator[str]:
    url = system.public_url(tx) or told.public_url
    if not url:
        yield (
            "No public URL is set, so mail is not sent and links go by each request. Set it under System, "
            "Configuration."
        )
        return
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOCAL:
        yield f"The public URL {url} is not https: browsers send sessions and passwords in the open. Put TLS in front."


def mail(tx: Transaction, told: Told) -> Iterator[str]:
    stored = tx.find(MailServer, pk="smtp")
    if not told.has_mail and (stored is None or not stored.host):
        yield (
            "No mail server is set, so nobody can recover a password. Set OUTPOST_EMAIL__HOST, or name one under "
            "System, Configuration, SMTP server."
        )
    for letter in tx.select(Letter, Query(equal={"state": WAITING}, ordering=("created",), limit=1)):
        if letter.trouble and tx.now - letter.created > LONG_WAIT:
            yield (
                f"Mail has waited since {_moment(letter.created)} and is not sent: {letter.trouble} "
                "`outpost test-email` goes the same way, step by step."
            )


def certificates(tx: Transaction, told: Told) -> Iterator[str]:
    for certificate in tx.select(Certificate, Query(ordering=("name",))):
        ends = described(certificate.certificate_data).not_after
        left = (ends or 0.0) - tx.now
        if ends is None or left > SOON or certificate.managed == SIGNING:
            continue
        when = f"ends {_date(tx.now + left)}" if left > 0 else f"ended {_date(tx.now + left)}"
        fix = (
            "Restart control, which makes another, or put one of your own into its place"
            if is_renewed(certificate)
            else "Renew it, and replace it under its name"
        )
        yield f"The certificate “{certificate.name}” {when}. {fix}."


def outposts(tx: Transaction, told: Told) -> Iterator[str]:
    named = {outpost.pk: outpost.name for outpost in tx.select(Outpost)}
    newest = dict.fromkeys(named, 0.0)
    for instance in tx.select(Instance):
        newest[instance.outpost] = max(newest.get(instance.outpost, 0.0), instance.last_seen)
    for pk, seen in newest.items():
        silent = tx.now - seen
        if pk in named and seen and STALE < silent < FORGOTTEN:
            yield (
                f"The outpost “{named[pk]}” was last heard of at {_moment(seen)}. Does it run, does it reach control, "
                "is its token still there? Its log says which."
            )


def outpost_certificates(tx: Transaction, told: Told) -> Iterator[str]:
    for outpost in tx.select(Outpost, Query(ordering=("name",))):
        authority = tx.find(Certificate, name=outpost.config.get("client_authority") or "")
        issued = tx.select(IssuedCertificate, Query(equal={"user": outpost.user})) if authority is not None else ()
        good = [one.not_after for one in issued if one.revoked is None]
        if good and max(good) - tx.now <= SOON:
            yield (
                f"The certificate that the outpost “{outpost.name}” has to show is good until {_date(max(good))}. "
                "Issue another for its account, and put it where OUTPOST_CLIENT_CERTIFICATE says."
            )


def providers(tx: Transaction, told: Told) -> Iterator[str]:
    fronted = {application.provider for application in tx.select(Application)}
    served = {pk for outpost in tx.select(Outpost) for pk in outpost.providers}
    for provider in tx.select(Provider, Query(ordering=("name",))):
        if provider.pk not in fronted:
            yield f"No application uses the provider “{provider.name}”, so nobody gets in. Make one, or delete it."
        if provider.pk not in served and provider.kind in KINDS and KINDS[provider.kind].claims:
            yield f"No outpost serves the provider “{provider.name}”, so it is not live. Assign it to an outpost."


def secrets(tx: Transaction, told: Told) -> Iterator[str]:
    providers = tx.select(Provider, Query(equal={"kind": "radius"}, ordering=("name",)))
    shared = [(f"RADIUS provider “{one.name}”", str(one.secrets.get("shared_secret", ""))) for one in providers]
    every = tx.select(RadiusNas, Query(ordering=("name",)))
    shared += [(f"NAS “{one.name}”", one.shared_secret) for one in every if one.shared_secret]
    for whose, secret in shared:
        if why := weakness(secret):
            yield (
                f"The shared secret of the {whose} {why}. Make one with `openssl rand -base64 24`, here and at its "
                "clients."
            )


def knocks(tx: Transaction, told: Told) -> Iterator[str]:
    waiting = Query(equal={"answered": None}, ordering=("-last",), limit=MOST_KNOCKS)
    for knock in tx.select(Knock, waiting):
        yield KNOCKS.get(knock.kind, "{what} is unknown.").format(what=knock.what)


def administrators(tx: Transaction, told: Told) -> Iterator[str]:
    if not any(user.password is not None and user.is_active for user in tx.select(User, Query(limit=100))):
        yield "Nobody has a password yet. Open the link that the program printed when it started."


def directories(tx: Transaction, told: Told) -> Iterator[str]:
    stages = tx.select(Stage, Query(equal={"kind": "password"}))
    if not any(BACKEND in stage.settings.get("backends", ()) for stage in stages):
        for source in enabled(tx):
            yield (
                f"No stage asks the LDAP source “{source.name}” for passwords, so its people cannot sign in. Add "
                f"{BACKEND} to the backends of your password stage."
            )
    for source in enabled(tx):
        if directory(tx, source).authorities is None:
            yield f"The certificate that the LDAP source “{source.name}” trusts is gone. Choose another one, or none."


def signing_keys(tx: Transaction, told: Told) -> Iterator[str]:
    """Whoever has one signs as control: it must not lie on machines that strangers talk to."""
    every = tx.select(Provider, Query(ordering=("name",)))
    signing = {pk: one.name for one in every if (pk := one.settings.get("signing_key"))}
    if (default := default_signing_key(tx)) is not None:
        signing[default.pk] = "those without a key of their own"
    for provider in every:
        if (signs := signing.get(provider.settings.get("certificate"))) is not None:
            yield (
                f"The provider “{provider.name}” shows the certificate whose key signs the tokens of {signs}: every "
                "outpost that serves it can sign such tokens. Choose another certificate for it, and a new signing key."
            )


CHECKS: dict[str, Check] = {
    "clock": clock,
    "public URL": public_url,
    "mail": mail,
    "somebody can sign in": administrators,
    "certificates": certificates,
    "outposts": outposts,
    "signing keys": signing_keys,
    "certificates of outposts": outpost_certificates,
    "providers": providers,
    "directories": directories,
    "shared secrets": secrets,
    "nobody unknown has knocked": knocks,
}


def checkup(tx: Transaction, told: Told) -> dict[str, list[str]]:
    """What is wrong, by the name of the check; an empty list: nothing."""
    return {name: list(check(tx, told)) for name, check in CHECKS.items()}


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="minutes")

"""What somebody may open: the tiles of `/if/user/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from control import brands
from control.flows.avatar import hue, letter
from control.policies.asking import Asking
from control.policies.judge import Judge
from control.records import Application, Provider, User
from control.store.interface import Query, Transaction
from control.targets import is_local, is_web
from control.verbs.applications import launch_url, visible_to

DIRECT = {
    "ldap": "It asks for your name and password itself.",
    "radius": "It asks for your name and password itself.",
}
"""How one gets into an application that has no page to open."""
NOBODY = User("")
"""Before it is known who comes."""


@dataclass(frozen=True, slots=True)
class Tile:
    name: str
    url: str | None
    """None: nothing to open here; ``note`` says how to get in."""
    new_tab: bool
    icon: str | None
    letter: str
    hue: int
    description: str
    publisher: str
    note: str


@dataclass(frozen=True, slots=True)
class Shelf:
    heading: str
    """"" for applications without a group, which come first."""
    tiles: Sequence[Tile]


def shelves(tx: Transaction, user: User, judge: Judge, peer: str = "") -> list[Shelf]:
    """The applications that this user may use now, from this address, under their headings, by name."""
    visible = Query(within={"pk": visible_to(tx, user.pk)}, ordering=("group", "name"))
    asking = Asking(user, tx.now, peer, user.username)
    applications = [
        application
        for application in tx.select(Application, visible)
        if not _is_hidden(application) and judge.decide(tx, application, asking).passing
    ]
    used = [application.provider for application in applications if application.provider is not None]
    providers = {provider.pk: provider for provider in tx.select(Provider, Query(within={"pk": used}))}
    found: dict[str, list[Tile]] = {}
    for application in applications:
        provider = providers.get(application.provider) if application.provider is not None else None
        found.setdefault(application.group, []).append(_tile(application, provider, user))
    return [Shelf(heading, found[heading]) for heading in sorted(found, key=str.casefold)]


def arrival(tx: Transaction, user: User, host: str, judge: Judge, peer: str = "") -> str | None:
    """Where somebody of the type `external` goes who came for nothing in particular: to the default application of the
    host's brand, if there is one that they may use and that can be opened."""
    application = default_application(tx, host) if user.type == "external" else None
    if application is None or not judge.decide(tx, application, Asking(user, tx.now, peer, user.username)).passing:
        return None
    return _tile(application, _provider(tx, application), user).url


def arrival_origins(tx: Transaction, host: str) -> list[str]:
    """Beside ours, for the forms of flows that end there: browsers check redirects after a form, too."""
    application = default_application(tx, host)
    url = launch_url(application, _provider(tx, application), NOBODY) if application is not None else None
    parts = urlsplit(url) if url is not None and is_web(url) else None
    return [f"{parts.scheme}://{parts.netloc}"] if parts is not None else []


def default_application(tx: Transaction, host: str) -> Application | None:
    pk = brands.serving(tx, host).default_application
    return tx.find(Application, pk=pk) if pk is not None else None


def _provider(tx: Transaction, application: Application) -> Provider | None:
    return tx.find(Provider, pk=application.provider) if application.provider is not None else None


def _is_hidden(application: Application) -> bool:
    return application.meta_hide or application.meta_launch_url.startswith("blank://")


def _tile(application: Application, provider: Provider | None, user: User) -> Tile:
    url = launch_url(application, provider, user)
    openable = url is not None and (is_web(url) or is_local(url))
    icon = application.meta_icon
    return Tile(
        name=application.name,
        url=url if openable else None,
        new_tab=application.open_in_new_tab,
        icon=icon if is_local(icon) or icon.startswith("data:image/") else None,
        letter=letter(application.name),
        hue=hue(application.slug),
        description=application.meta_description,
        publisher=application.meta_publisher,
        note="" if openable or provider is None else DIRECT.get(provider.kind, ""),
    )

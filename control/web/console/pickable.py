"""The records that forms let one choose."""

from __future__ import annotations

from control.records import (
    Application,
    Certificate,
    Entitlement,
    Flow,
    Group,
    NotificationRule,
    NotificationTransport,
    Policy,
    Prompt,
    PropertyMapping,
    Provider,
    Role,
    Stage,
    StageBinding,
    User,
)
from control.records import Source as Abroad
from control.sources.kinds import KINDS as SOURCE_KINDS
from control.store.interface import Query, Transaction
from control.verbs.property_mappings import KINDS as MAPPING_KINDS
from control.verbs.provider_kinds import KINDS
from control.web.console.pickers import Picker, Source


def flows(*designations: str) -> Picker:
    query = Query(within={"designation": designations})
    return Picker((Source(Flow, _flow, "slug", "flow", query),))


def mappings(provider: str) -> Picker:
    """That a provider of this kind can use."""
    return of_kind(*(name for name, kind in MAPPING_KINDS.items() if provider in kind.providers))


def of_kind(*kinds: str) -> Picker:
    """Property mappings."""
    query = Query(within={"kind": kinds})
    return Picker((Source(PropertyMapping, lambda mapping: mapping.name, one="property mapping", query=query),))


def _flow(flow: Flow) -> str:
    return f"{flow.title or flow.name} ({flow.slug})"


def step(tx: Transaction, bound: StageBinding) -> str:
    """A stage in a flow, for people."""
    flow, stage = tx.find(Flow, pk=bound.flow), tx.find(Stage, pk=bound.stage)
    return f"{stage.name if stage else 'A stage'} in the flow {flow.slug if flow else bound.flow}"


def entitlement(tx: Transaction, one: Entitlement) -> str:
    """With its application, for people."""
    application = tx.find(Application, pk=one.application)
    return f"{one.name} in {application.name if application else one.application}"


def _user(user: User) -> str:
    return f"{user.username} ({user.name})" if user.name and user.name != user.username else user.username


def _provider(provider: Provider) -> str:
    kind = KINDS.get(provider.kind)
    return f"{provider.name} ({kind.label if kind is not None else provider.kind})"


def _served_kinds() -> list[str]:
    return [name for name, kind in KINDS.items() if kind.claims]


USERS = Picker((Source(User, _user, "username", "user"),))
GROUPS = Picker((Source(Group, lambda group: group.name, one="group"),))
ROLES = Picker((Source(Role, lambda role: role.name, one="role"),))
CERTIFICATES = Picker((Source(Certificate, lambda pair: pair.name, one="certificate"),))
PROVIDERS = Picker((Source(Provider, _provider, one="provider"),))
SERVED = Picker((Source(Provider, _provider, one="provider", query=Query(within={"kind": _served_kinds()})),))
"""Those that outposts can serve."""
TRANSPORTS = Picker((Source(NotificationTransport, lambda way: way.name, one="notification transport"),))
POLICIES = Picker((Source(Policy, lambda policy: policy.name, one="policy"),))
FLOWS = Picker((Source(Flow, _flow, "slug", "flow"),))
STAGES = Picker((Source(Stage, lambda stage: stage.name, one="stage"),))
PROMPTS = Picker((Source(Prompt, lambda prompt: prompt.name, one="prompt"),))
SOURCES = Picker((Source(Abroad, lambda source: source.name, "slug", "source"),))
ISSUERS = Picker(
    (
        Source(
            Abroad,
            lambda source: source.name,
            "slug",
            "source",
            query=Query(within={"provider_type": list(SOURCE_KINDS)}),
        ),
    )
)
"""Sources with a page to which a browser can be sent."""
APPLICATIONS = Picker((Source(Application, lambda application: application.name, "slug", "application"),))
TARGETS = Picker(
    (
        Source(Application, lambda application: application.name, "slug", "application", heading="Applications"),
        Source(Flow, _flow, "slug", "application or flow", heading="Flows"),
        Source(StageBinding, lambda bound: "", "pk", "stage of a flow", heading="Stages of flows", described=step),
        Source(Entitlement, lambda one: "", "pk", "entitlement", heading="Entitlements", described=entitlement),
        Source(NotificationRule, lambda rule: rule.name, one="notification rule", heading="Notification rules"),
    )
)
"""What bindings open or close."""

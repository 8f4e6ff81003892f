"""The proxy providers of a snapshot, as deciding about hosts needs them."""

from __future__ import annotations

from outpost.directory.snapshot import Snapshot
from protocols.link.messages import ProviderRecord, ProxySettings
from protocols.proxy.decision import Site
from protocols.proxy.injected import BasicAttributes
from protocols.proxy.skipping import SkippedPaths


class Sites:
    """Of a provider that stays as it was the site is the very same: of ten thousand, one change makes one anew."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[ProviderRecord, Site]] = {}
        self.new: list[Site] = []
        """Those that were made at last."""

    def of(self, snapshot: Snapshot) -> list[Site]:
        before, self._made, self.new = self._made, {}, []
        for pk, record in snapshot.providers.items():
            if isinstance(record.settings, ProxySettings):
                made = before.get(pk)
                if made is None or made[0] is not record:
                    made = record, _site(record, record.settings)
                    self.new.append(made[1])
                self._made[pk] = made
        return [site for _, site in self._made.values()]


def _site(record: ProviderRecord, settings: ProxySettings) -> Site:
    return Site(
        provider=record.pk,
        provider_name=record.name,
        application=record.application,
        application_name=record.application_name,
        mode=settings.mode,
        external_host=settings.external_host,
        cookie_domain=settings.cookie_domain,
        takes_basic=settings.intercept_header_auth,
        client_id=settings.client_id,
        secret=settings.cookie_secret,
        previous_secret=settings.cookie_secret_previous,
        assertion_header=settings.assertion_header,
        basic=_basic_attributes(settings),
        skipped=SkippedPaths(settings.skip_path_regex, whole_url=settings.mode == "forward_domain"),
    )


def _basic_attributes(settings: ProxySettings) -> BasicAttributes | None:
    if not settings.basic_auth_enabled:
        return None
    return BasicAttributes(settings.basic_auth_user_attribute, settings.basic_auth_password_attribute)

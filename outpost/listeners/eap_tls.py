"""The TLS side of EAP: which certificate is shown to whom, which authorities are believed, what may be resumed.

Sessions are kept by OpenSSL, never in tickets, so that the peer's whole chain comes back with them: those of EAP-TLS
are always found again, since their certificates are judged anew each time. A tunnel's are looked for only on TLS 1.2,
and if `outpost.kept.eap_resumption` knows them.
"""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL import SSL

from outpost.listeners.client_trust import ask_for_certificate
from outpost.listeners.tls import server_context
from protocols.link.messages import CertificateRecord, RadiusSettings
from protocols.radius.eap.channel import Channel, Connect, TlsFailed, accepting, keep_server_secret
from protocols.radius.eap.hello import ClientHello
from protocols.radius.eap.packet import Type

Current = Callable[[], RadiusSettings | None]
"""The provider's settings as they are now; None: there is no such provider any more."""
MayResume = Callable[[bytes], bool]
"""May the TLS 1.2 session with this id be resumed now?"""

SESSION_SECONDS = 3600


_Flavour = tuple[int, int, bool, bool]
"""Of a context: provider, EAP type, whether it speaks TLS 1.3 or 1.2, and whether its sessions can be resumed."""


class EapTls:
    """``certificate`` gives the one that a provider shows now, or None."""

    def __init__(self, certificate: Callable[[RadiusSettings], CertificateRecord | None]) -> None:
        self._certificate = certificate
        self._contexts: dict[_Flavour, SSL.Context] = {}

    def forget(self) -> None:
        """After a change of the configuration; every session goes, too."""
        self._contexts.clear()

    def connect(self, provider: int, current: Current, kind: Type, may_resume: MayResume) -> Connect:
        """``current`` is asked when the peer begins: a conversation may be older than the configuration, and would
        leave behind a context of what no longer holds."""

        def made(hello: ClientHello) -> Channel:
            settings = current()
            if settings is None:
                raise TlsFailed("the provider is gone", "eap_not_offered")
            keeps = kind is Type.TLS or _tunnel_is_kept(hello, may_resume)
            return accepting(self._context((provider, int(kind), hello.offers_1_3, keeps), settings))

        return made

    def _context(self, flavour: _Flavour, settings: RadiusSettings) -> SSL.Context:
        found = self._contexts.get(flavour)
        if found is None:
            found = self._contexts[flavour] = self._made(flavour, settings)
        return found

    def _made(self, flavour: _Flavour, settings: RadiusSettings) -> SSL.Context:
        certificate = self._certificate(settings)
        if certificate is None:
            raise TlsFailed("there is no certificate to show", "eap_no_certificate")
        try:
            context = server_context(certificate)
        except (SSL.Error, ValueError, TypeError) as error:
            raise TlsFailed("the certificate cannot be used", "eap_no_certificate") from error
        provider, kind, tls_1_3, keeps = flavour
        version = SSL.TLS1_3_VERSION if tls_1_3 else SSL.TLS1_2_VERSION
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.set_session_id(f"{provider}/{kind}".encode())
        context.set_timeout(SESSION_SECONDS)
        context.set_session_cache_mode(SSL.SESS_CACHE_SERVER if keeps else SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
        if kind == Type.TLS:
            ask_for_certificate(context, settings.client_authorities, settings.client_revocations)
            context.set_keylog_callback(keep_server_secret)
        return context


def _tunnel_is_kept(hello: ClientHello, may_resume: MayResume) -> bool:
    return not hello.offers_1_3 and (not hello.session_id or may_resume(hello.session_id))

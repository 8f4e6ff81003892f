"""Our end for tests of the EAP core: contexts with a test certificate, and the methods over them."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL, crypto

from protocols.radius.eap.channel import Channel, accepting, keep_server_secret
from protocols.radius.eap.conversation import Methods
from protocols.radius.eap.gtc import Gtc
from protocols.radius.eap.hello import ClientHello
from protocols.radius.eap.mschapv2 import MsChapV2
from protocols.radius.eap.packet import Type
from protocols.radius.eap.peap import Peap
from protocols.radius.eap.tls import EapTls
from protocols.radius.eap.ttls import Ttls
from tests.certificates import SERVER, Issued

CHALLENGE = bytes(range(16))


def server_context(version: int, shown: Issued = SERVER, authority: Issued | None = None) -> SSL.Context:
    context: Any = SSL.Context(SSL.TLS_SERVER_METHOD)  # its stubs know the deprecated types alone
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.use_certificate(shown.certificate)
    context.use_privatekey(shown.key)
    context.set_session_id(b"test")
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER if version == SSL.TLS1_2_VERSION else SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    if authority is not None:
        store = context.get_cert_store()
        store.add_cert(crypto.X509.from_cryptography(authority.certificate))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *told: bool(told[-1]))
        context.set_keylog_callback(keep_server_secret)
    made: SSL.Context = context
    return made


class Server:
    """One context for each version; ``size``: octets of TLS in one Request."""

    def __init__(self, size: int = 1024, authority: Issued | None = None) -> None:
        self.size = size
        self.contexts = {
            False: server_context(SSL.TLS1_2_VERSION, authority=authority),
            True: server_context(SSL.TLS1_3_VERSION, authority=authority),
        }

    def connect(self, hello: ClientHello) -> Channel:
        return accepting(self.contexts[hello.offers_1_3])

    def methods(self) -> Methods:
        inner: Methods = {Type.MSCHAPV2: lambda identity: MsChapV2(identity, CHALLENGE), Type.GTC: Gtc}
        return {
            Type.PEAP: lambda identity: Peap(identity, self.connect, self.size, inner),
            Type.TTLS: lambda identity: Ttls(identity, self.connect, self.size, inner),
            Type.TLS: lambda identity: EapTls(identity, self.connect, self.size),
            Type.MSCHAPV2: lambda identity: MsChapV2(identity, CHALLENGE, with_keys=True),
        }

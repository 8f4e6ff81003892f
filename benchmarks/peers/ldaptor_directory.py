"""``python ldaptor_directory.py people.ldif PORT TLS_PORT certificate.pem``: ldaptor over an LDIF in memory."""

from __future__ import annotations

import sys

from ldaptor.inmemory import fromLDIFFile
from ldaptor.interfaces import IConnectedLDAPEntry
from ldaptor.protocols.ldap.ldapserver import LDAPServer
from twisted.internet import endpoints, reactor
from twisted.internet.protocol import ServerFactory
from twisted.python.components import registerAdapter


class Directory(ServerFactory):
    protocol = LDAPServer
    noisy = False

    def __init__(self, root: object) -> None:
        self.root = root


def main() -> None:
    ldif, port, tls_port, certificate = sys.argv[1:]

    def serve(root: object) -> None:
        factory = Directory(root)
        for place in (f"tcp:{port}", f"ssl:{tls_port}:privateKey={certificate}"):
            endpoints.serverFromString(reactor, f"{place}:interface=127.0.0.1").listen(factory)

    registerAdapter(lambda factory: factory.root, Directory, IConnectedLDAPEntry)
    with open(ldif, "rb") as file:
        fromLDIFFile(file).addCallback(serve)
    reactor.run()


if __name__ == "__main__":
    main()

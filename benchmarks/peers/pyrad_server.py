"""A RADIUS server on pyrad, as its manual writes one: PAP against passwords in memory. Arguments: port, secret, users.

The file holds lines "name<TAB>password".
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from pyrad import packet, server
from pyrad.dictionary import Dictionary

DICTIONARY = """\
ATTRIBUTE User-Name 1 string
ATTRIBUTE User-Password 2 string encrypt=1
ATTRIBUTE NAS-IP-Address 4 ipaddr
ATTRIBUTE NAS-Port 5 integer
ATTRIBUTE Service-Type 6 integer
ATTRIBUTE Called-Station-Id 30 string
ATTRIBUTE Calling-Station-Id 31 string
ATTRIBUTE NAS-Port-Type 61 integer
ATTRIBUTE Message-Authenticator 80 octets
"""


class PapServer(server.Server):  # type: ignore[misc]  # pyrad has no types
    def __init__(self, users: dict[str, str], **given: Any) -> None:
        super().__init__(**given)
        self._users = users

    def HandleAuthPacket(self, asked: Any) -> None:
        password = asked.PwDecrypt(asked["User-Password"][0])
        accepted = self._users.get(asked["User-Name"][0]) == password
        reply = self.CreateReplyPacket(asked)
        reply.code = packet.AccessAccept if accepted else packet.AccessReject
        self.SendReplyPacket(asked.fd, reply)


def main() -> None:
    port, secret, users = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    with tempfile.NamedTemporaryFile("w", suffix=".dictionary") as file:
        file.write(DICTIONARY)
        file.flush()
        dictionary = Dictionary(file.name)
    known = dict(line.split("\t")[:2] for line in users.read_text().splitlines())
    host = server.RemoteHost("127.0.0.1", secret.encode(), "benchmark")
    serving = PapServer(known, dict=dictionary, hosts={"127.0.0.1": host}, authport=port, acctport=port)
    serving.acct_enabled = False
    serving.BindToAddress("127.0.0.1")
    serving.Run()


if __name__ == "__main__":
    main()

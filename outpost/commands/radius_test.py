"""``outpost radius-test``: plays a NAS against any server, and says in plain words what came of it."""

from __future__ import annotations

import os
import re
import socket
import time
from dataclasses import dataclass, field

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.radius.asking import Asked, ask, understand

TRIES, PATIENCE = 3, 3.0
"""How often the request is sent, and seconds of waiting after each: as a NAS does."""
PORTS = {"accounting": 1813}
USUAL_PORT = 1812
MOST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Trial:
    host: str
    port: int
    """0: the usual one of the method."""
    secret: str = field(repr=False)
    method: str
    name: str
    password: str = field(repr=False)


class CannotTry(ValueError):
    """A sentence."""


def place_of(server: str) -> tuple[str, int]:
    """Host and port (0: none was named) of HOST, HOST:PORT, or [HOST]:PORT for IPv6. Raises CannotTry."""
    found = re.fullmatch(r"\[(?P<six>[^\[\]]+)\](?::(?P<behind>\d+))?|(?P<bare>[^:\[\]]+)(?::(?P<port>\d+))?", server)
    if found is None and server.count(":") > 1 and "[" not in server:
        return server, 0  # an IPv6 address
    port = int((found["behind"] or found["port"] or 0) if found is not None else MOST_PORT + 1)
    if found is None or port > MOST_PORT:
        raise CannotTry(f"Write the server as HOST, HOST:PORT or [IPv6]:PORT, with a port up to {MOST_PORT}.")
    return found["six"] or found["bare"], port


def run(trial: Trial, patience: float = PATIENCE) -> tuple[bool, list[str]]:
    """Did it go well, and sentences. Raises CannotTry for what fits into no packet."""
    if not trial.secret:
        raise CannotTry("Put the shared secret into RADIUS_SECRET.")
    try:
        asked = ask(trial.method, trial.secret.encode(), trial.name, trial.password, os.urandom(48))
    except LocalProtocolError as error:
        raise CannotTry(f"The name or the password is too long for RADIUS: {error}.") from error
    port = trial.port or PORTS.get(trial.method, USUAL_PORT)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(trial.host, port, type=socket.SOCK_DGRAM)[0]
    except OSError as error:
        return False, [f"{trial.host} cannot be found: {error.strerror}. Check the name."]
    with socket.socket(family, kind, protocol) as nas:
        nas.connect(place)
        try:
            return _exchange(nas, asked, patience, f"{trial.host} port {port}")
        except OSError as error:
            return False, [_refused(trial.host, port, error)]


def _exchange(nas: socket.socket, asked: Asked, patience: float, where: str) -> tuple[bool, list[str]]:
    strange: list[str] = []
    for _ in range(TRIES):
        began = time.monotonic()
        nas.send(asked.octets)
        while (left := began + patience - time.monotonic()) > 0:
            nas.settimeout(left)
            try:
                datagram = nas.recv(4096)
            except TimeoutError:
                break
            took = (time.monotonic() - began) * 1000
            try:
                told = understand(datagram, asked)
            except RemoteProtocolError as error:
                strange = [_not_believed(error)]
                continue
            return told.accepted, [*told.sentences, f"The answer took {took:.0f} ms."]
    return False, strange or [
        f"{where} does not answer. A RADIUS server is silent to whom it does not know and to a wrong shared secret: "
        "is this machine's address one of its clients (NAS), and the secret the same? Is this its port for logins "
        "(1812), or for accounting (1813)? Else look for a firewall."
    ]


def _not_believed(error: RemoteProtocolError) -> str:
    if error.reason in ("bad_response_authenticator", "bad_message_authenticator"):
        return f"An answer came, but {error}: the shared secret is not the one that the server has for this machine."
    return f"Something came that is no answer: {error}."


def _refused(host: str, port: int, error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"Nothing listens on {host} port {port} (UDP). Is the server running, and is this its port?"
    return f"{host} port {port} cannot be reached: {error.strerror}."

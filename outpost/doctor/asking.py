"""``outpost doctor --proxy URL``: sends requests through a person's own proxy, and looks at what the outpost was asked
about them."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

from outpost.doctor.judging import OTHER_HOST, PROBES, Answer, Outcome, Place, Probe
from outpost.doctor.telling import told
from outpost.listeners.probes import AGENT, PATH, Seen
from protocols.proxy.hosts import DEFAULT_PORTS, normalised, without_port

PATIENCE = 15.0
"""Seconds; a proxy that waits for nobody answers in one."""
MOST_ANSWER_BYTES = 1024 * 1024


class CannotProbe(Exception):
    """The text is a sentence for the operator."""


def report(url: str, dialled: str, host: str, port: int, tell: Callable[[str], object]) -> int:
    """Tells, line by line, and says how much is wrong. ``host`` and ``port``: the outpost's metrics port. Raises
    CannotProbe."""
    return told(examine(url, dialled, seen_at(host, port)), tell)


def examine(url: str, dialled: str, seen_by: Callable[[str], Sequence[Seen]]) -> Iterator[tuple[str, list[str]]]:
    """Each probe's name with what is wrong, in sentences. ``dialled``: an address in place of the URL's own, or empty;
    ``seen_by``: what was asked about the requests with a mark. Raises CannotProbe."""
    place = place_of(url, dialled)
    for probe in PROBES:
        mark = os.urandom(16).hex()
        answer = _send(place, probe, mark, probe.path or place.path)

        def follow(path: str, mark: str = mark, probe: Probe = probe) -> Answer:
            return _send(place, probe, mark, path)

        found = dict.fromkeys(probe.judge(Outcome(place, answer, seen_by(mark), follow)))
        yield probe.what, list(found)
        if probe is PROBES[0] and not any(one.trusted and not one.problem for one in seen_by(mark)):
            return  # the others would say the same


def place_of(url: str, dialled: str = "") -> Place:
    """Raises CannotProbe."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        host = normalised(parts.netloc, parts.scheme)
    except (ValueError, KeyError):
        raise CannotProbe(f"{url} is no address of a page: write it as https://app.example.com/.") from None
    return Place(
        parts.scheme,
        host,
        without_port(host).strip("[]"),
        port,
        parts.path or "/",
        dialled or without_port(host).strip("[]"),
    )


def seen_at(host: str, port: int) -> Callable[[str], list[Seen]]:
    """What the outpost keeps, from its metrics port. The function raises CannotProbe."""

    def seen(mark: str) -> list[Seen]:
        connection = HTTPConnection(host, port, timeout=PATIENCE)
        try:
            connection.request("GET", f"{PATH.decode()}{mark}")
            answer = connection.getresponse()
            if answer.status != 200:
                raise CannotProbe(f"{host} port {port} answers {answer.status}: is that this outpost's metrics port?")
            return [Seen(**{**one, "cookies": tuple(one["cookies"])}) for one in json.loads(answer.read())]
        except (OSError, HTTPException, ValueError) as error:
            raise CannotProbe(f"The outpost does not answer on its metrics port, {host} {port}: {error}.") from None
        finally:
            connection.close()

    return seen


def _send(place: Place, probe: Probe, mark: str, path: str) -> Answer:
    """Raises CannotProbe."""
    target = f"{place.scheme}://{place.host}{path}" if probe.absolute else path
    fields = {
        "Host": OTHER_HOST if probe.absolute else place.host,
        "User-Agent": f"{AGENT.decode()}{mark}",
        "Accept": "text/html,*/*",
        **dict(probe.headers),
        "Connection": "close",
    }
    if probe.method == "POST":
        fields["Content-Length"] = "0"
    lines = [f"{probe.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    try:
        with _connected(place) as one:
            one.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            answer = HTTPResponse(one, method=probe.method)
            answer.begin()
            body = answer.read(MOST_ANSWER_BYTES)
    except (OSError, HTTPException) as error:
        raise CannotProbe(f"{place.dialled} port {place.port} does not answer as a web server does: {error}.") from None
    headers: dict[str, str] = {}
    for name, value in answer.getheaders():
        headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
    return Answer(answer.status, headers, body)


def _connected(place: Place) -> socket.socket:
    one = socket.create_connection((place.dialled, place.port), PATIENCE)
    if place.scheme != "https":
        return one
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing secret is sent
    try:
        return context.wrap_socket(one, server_hostname=place.name)
    except BaseException:
        one.close()
        raise

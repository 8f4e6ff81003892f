"""120: whatever strangers send at RADIUS' doors, the log has lines that print, and nothing in it is secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent

from outpost.telemetry import MAX_TOLD
from protocols.link.messages import ReplyAttribute, ReplyRule
from protocols.radius.exchange import REJECT_DELAY
from rules.knocks import MOST_OPEN
from tests.certificates import SERVER
from tests.fakes import FakeLink
from tests.outpost.listeners.test_radius import ACCEPT, REJECT, Door, with_settings
from tests.outpost.listeners.test_radius_eap import ALICE, PASSWORD, Wireless, attributes
from tests.protocols.radius import nas_side
from tests.protocols.radius.eap.supplicant import IDENTITY, TTLS, TlsDevice, avp, client_context, pap, response

STRANGE = ["al\r\nice", "al\x1b[2Jice", "al\u202eice", "al\u2028ice", "al\x9bice", "al\0ice"]


@pytest.fixture
def events() -> Iterator[Sequence[LogEvent]]:
    with capturedLogs() as captured:
        yield captured


def told(events: Sequence[LogEvent]) -> list[str]:
    """Every line, of every level, and the fields behind it: a log of JSON has those, too."""
    fields = [str(value) for event in events for name, value in event.items() if not name.startswith("log_")]
    return [formatEvent(event) for event in events] + fields


def prints(texts: Sequence[str]) -> bool:
    return all(text.isprintable() for text in texts)


@pytest.mark.parametrize("name", STRANGE)
def test_120_a_name_that_would_write_lines_of_its_own_is_shown_escaped(events: Sequence[LogEvent], name: str) -> None:
    door = Door()
    door.send(nas_side.pap(name.encode()))
    assert door.telemetry.decisions == {("radius", "malformed_credentials"): 1}
    [line] = [formatEvent(event) for event in events if event.get("event") == "refused"]
    escaped = name.encode("unicode_escape").decode()
    assert escaped.replace("\\", "\\\\") in line
    assert prints(told(events))


@pytest.mark.parametrize("name", STRANGE)
def test_120_nor_does_one_in_eap_or_in_a_tunnel(events: Sequence[LogEvent], name: str) -> None:
    wireless = Wireless()
    wireless.ask(wireless.packet(response(1, IDENTITY, name.encode()), b""))
    wireless.login(wireless.device(inside=pap(name.encode(), PASSWORD)))
    assert len([event for event in events if event.get("event") == "refused"]) >= 1
    assert prints(told(events))


@pytest.mark.parametrize("name", STRANGE)
def test_120_nor_does_what_knocks(events: Sequence[LogEvent], name: str) -> None:
    link = FakeLink({})
    link.verdicts["02-00-00-00-00-01"] = "unknown_device"
    door = Door(link)
    reports: list[dict[str, Any]] = []
    door.telemetry.report = lambda kind, body: reports.append(body)
    station = nas_side.attribute(31, name.encode()) + nas_side.attribute(32, name.encode())
    door.send(nas_side.pap(b"02-00-00-00-00-01", b"x", extra=station))
    assert [report["kind"] for report in reports] == ["mac"]
    assert prints([str(value) for report in reports for value in report.values()])
    assert prints(told(events))


def test_120_nothing_secret_is_told_at_any_level(events: Sequence[LogEvent]) -> None:
    """Of whoever is let in, is refused, or fails: password, guess, keys, State, Tunnel-Password, shared secret."""
    key = ReplyAttribute("Tunnel-Password", "key-of-the-wifi")
    wireless = Wireless()
    wireless.put(with_settings(rules=(ReplyRule((key,)),)), ALICE)
    device, state = wireless.device(), b""
    eap = response(1, IDENTITY, b"anonymous")
    secrets = [PASSWORD, b"a wrong guess", nas_side.SECRET, b"key-of-the-wifi", SERVER.key_pem.encode()]
    while True:
        reply = wireless.ask(wireless.packet(eap, state))
        assert reply is not None
        found = attributes(reply)
        if reply[0] == ACCEPT:
            break
        state = found[24][0]
        secrets.append(state)
        eap = device.respond(b"".join(found[79]))
    secrets += [device.msk()[:32], device.msk()[32:]]
    assert wireless.login(wireless.device(inside=pap(b"alice", b"a wrong guess")))[0] == REJECT
    wireless.login(TlsDevice(TTLS, lambda _: b"no AVP"))
    wireless.ask(wireless.packet(response(9, TTLS, b"\0"), state))
    wireless.door.send(nas_side.pap(password=b"a wrong guess"))
    wireless.door.send(nas_side.pap(secret=b"another", identifier=9))
    wireless.door.clock.advance(REJECT_DELAY)
    lines = "\n".join(told(events))
    assert len(events) >= 5
    for secret in secrets:
        for form in (repr(secret)[2:-1], secret.hex(), secret.decode("utf-8", "replace")):
            assert form not in lines


MS_CHAP_1 = nas_side.attribute(26, (311).to_bytes(4) + nas_side.attribute(1, bytes(50)))
NAME = nas_side.attribute(1, b"alice")


@pytest.mark.parametrize(
    ("packet", "reason", "detail"),
    [
        (nas_side.request(NAME + b"\x04\0"), "malformed", "attribute 4 at 45 has length 0"),
        (nas_side.request(b"", code=4), "unexpected_code", "code 4 is not asked here"),
        (nas_side.request(NAME), "unsupported_proof", "neither password, nor CHAP, MS-CHAPv2 or EAP"),
        (nas_side.request(NAME + MS_CHAP_1), "unsupported_proof", "it is MS-CHAP, version 1"),
        (nas_side.request(NAME + nas_side.attribute(70, bytes(16))), "unsupported_proof", "it is ARAP"),
        (nas_side.pap(extra=NAME), "malformed_credentials", "a name, a password or a challenge occurs twice"),
        (nas_side.pap(secret=b"other", sign="never"), "garbled_password", "not UTF-8"),
    ],
)
def test_a_line_says_what_the_sentence_of_the_reason_leaves_open(
    events: Sequence[LogEvent], packet: bytes, reason: str, detail: str
) -> None:
    door = Door()
    door.send(packet)
    [line] = [formatEvent(event) for event in events if event["log_level"] is LogLevel.info]
    assert f" {reason} " in line
    assert f"({detail}" in line


@pytest.mark.parametrize(
    ("kind", "said", "reason", "detail"),
    [
        (TTLS, b"no AVP", "eap_malformed", "(an AVP that is cut short"),
        (TTLS, avp(1, b"alice") + avp(11, bytes(8), 311) + avp(1, bytes(50), 311), "unsupported_proof", "version 1"),
        (13, b"", "eap_no_common_method", "the device asks for EAP types [13]"),
    ],
)
def test_so_it_does_about_eap(events: Sequence[LogEvent], kind: int, said: bytes, reason: str, detail: str) -> None:
    wireless = Wireless()
    wireless.login(TlsDevice(kind, lambda _: said))
    [line] = [formatEvent(event) for event in events if event.get("event") == "refused"]
    assert f" {reason} " in line
    assert detail in line


def test_a_device_that_does_not_trust_our_certificate_says_so_in_the_log(events: Sequence[LogEvent]) -> None:
    wireless = Wireless()
    context = client_context()
    context.set_verify(SSL.VERIFY_PEER)
    assert wireless.login(TlsDevice(TTLS, context=context))[0] == REJECT
    [line] = [formatEvent(event) for event in events if event.get("event") == "refused"]
    assert " eap_tls_failed " in line
    assert line.endswith("unknown ca)")


def test_114_strangers_get_nothing_and_fill_no_log(events: Sequence[LogEvent]) -> None:
    door = Door()
    for number in range(2 * MAX_TOLD):
        door.send(nas_side.pap(identifier=number % 256), (f"198.51.{number // 256}.{number % 256}", 1812))
    door.clock.advance(REJECT_DELAY)
    assert door.transport.written == []
    assert door.telemetry.discards == {("radius", "unknown_nas"): 2 * MAX_TOLD}
    levels = [event["log_level"] for event in events]
    assert levels.count(LogLevel.info) == MAX_TOLD
    assert set(levels) == {LogLevel.info, LogLevel.debug}
    assert len(door.telemetry.knocks.open) <= MOST_OPEN
    assert door.link.questions == []


def test_114_whoever_is_known_and_proves_nothing_gets_no_more_than_it_cost() -> None:
    """Without a Message-Authenticator, anybody could have sent it in the name of the NAS."""
    door = Door()
    door.link.verdicts["alice"] = "wrong_network_password"
    chap = nas_side.attribute(1, b"alice") + nas_side.attribute(3, bytes(17))
    ms_chap = nas_side.attribute(1, b"alice") + b"".join(
        nas_side.attribute(26, (311).to_bytes(4) + nas_side.attribute(number, value))
        for number, value in ((11, bytes(16)), (25, bytes(2) + b"p" * 16 + bytes(32)))
    )
    requests = [
        nas_side.pap(b"a", b"x", sign="never"),
        nas_side.pap(secret=b"other", sign="never"),
        *(nas_side.request(body, sign="never", identifier=at) for at, body in enumerate((chap, ms_chap))),
    ]
    for asked in requests:
        door.send(asked)
        door.clock.advance(REJECT_DELAY)
        [reply] = door.replies()
        assert reply[0] == REJECT
        assert len(reply) <= len(asked)


def test_114_a_name_that_nobody_could_type_is_refused_at_the_same_price() -> None:
    door = Door()
    for at, name in enumerate(("", "x" * 253, *STRANGE)):
        asked = nas_side.pap(name.encode(), b"x", sign="never", identifier=at)
        door.send(asked)
        door.clock.advance(REJECT_DELAY)
        [reply] = door.replies()
        assert (reply[0], len(reply) <= len(asked)) == (REJECT, True)

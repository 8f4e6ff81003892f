"""Who is taken for control, and what an outpost shows of itself: handshakes in memory with servers of every kind."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.python.failure import Failure

from outpost.link.trust import UNUSABLE, ControlPolicy, NotControl, Trust, pins_of
from outpost.listeners.tls import server_context
from tests.certificates import AUTHORITY, CLIENT, DAY, SERVER_AUTH, Issued, issue

NAME = "control.example"


def server(name: str = NAME, issuer: Issued | None = AUTHORITY, **more: Any) -> Issued:
    return issue(name, issuer, usage=[SERVER_AUTH], names=[x509.DNSName(name)], **more)


CONTROL = server()
KEY, FINGERPRINT = pins_of(CONTROL.certificate)


class Dialled:
    """What the TLS side of a connection is told when somebody is not believed."""

    factory = SimpleNamespace(wrappedFactory=None)

    def __init__(self) -> None:
        self.failure: Failure | None = None

    def failVerification(self, failure: Failure) -> None:
        self.failure = failure


def handshake(policy: ControlPolicy, shown: Issued, asks: bool = False) -> tuple[bool, x509.Certificate | None]:
    """Did the outpost believe it? And what control was shown. Raises NotControl, VerificationError."""
    dialled: Any = Dialled()
    client: Any = policy.creatorForNetloc(NAME.encode(), 443).clientConnectionForTLS(dialled)
    client.set_connect_state()
    context = server_context(shown.record)
    if asks:
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    other: Any = SSL.Connection(context, None)
    other.set_accept_state()
    sides = [client, other]
    believed = _shaken(sides)
    if dialled.failure is not None:
        dialled.failure.raiseException()
    return believed, other.get_peer_certificate(as_cryptography=True) if believed else None


def _shaken(sides: list[Any]) -> bool:
    done: set[int] = set()
    for _ in range(10):
        for number, side in enumerate(sides):
            try:
                side.do_handshake()
                done.add(number)
            except SSL.WantReadError:
                pass
            except SSL.Error:
                return False
            with suppress(SSL.WantReadError):
                sides[1 - number].bio_write(side.bio_read(1 << 16))
    return len(done) == len(sides)


def believes(trust: Trust, shown: Issued) -> bool:
    try:
        return handshake(ControlPolicy(trust), shown)[0]
    except (NotControl, VerificationError):
        return False


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(f"# ours\n{issue('another').pem}{AUTHORITY.pem}\n")
    return path


STRANGER = issue("Strangers' authority")
SERVERS = {
    "ours": CONTROL,
    "another name": server("else.example"),
    "expired": server(valid=(-2 * DAY, -timedelta(hours=1))),
    "a stranger's authority": server(issuer=STRANGER),
    "signed by itself": server(issuer=None),
}


def test_an_authority_of_our_own_is_believed_for_the_name_and_for_the_time_and_nobody_else(ca_file: Path) -> None:
    assert [name for name, shown in SERVERS.items() if believes(Trust(ca_file=ca_file), shown)] == ["ours"]


def test_without_anything_the_machines_authorities_are_asked() -> None:
    assert [name for name, shown in SERVERS.items() if believes(Trust(), shown)] == []


def test_whoever_is_insecure_believes_everybody() -> None:
    assert all(believes(Trust(insecure=True), shown) for shown in SERVERS.values())


@pytest.mark.parametrize("pin", [KEY, FINGERPRINT], ids=["key", "certificate"])
def test_a_pin_is_believed_alone_even_by_whoever_is_insecure(pin: str) -> None:
    for insecure in (False, True):
        trust = Trust(pins=("sha256//another", pin), insecure=insecure)
        assert [name for name, shown in SERVERS.items() if believes(trust, shown)] == ["ours"]


@pytest.mark.parametrize("name", list(SERVERS))
def test_whoever_has_the_pinned_key_needs_no_name_and_no_authority(name: str) -> None:
    assert believes(Trust(pins=(pins_of(SERVERS[name].certificate)[0],)), SERVERS[name])


def test_with_an_authority_both_must_hold(ca_file: Path) -> None:
    """A renewed certificate keeps its key; a key that leaked has its pin taken away."""
    every = tuple(pins_of(shown.certificate)[0] for shown in SERVERS.values())
    believed = [name for name, shown in SERVERS.items() if believes(Trust(ca_file, every), shown)]
    assert believed == ["ours", "another name"]
    assert not believes(Trust(ca_file, (pins_of(SERVERS["expired"].certificate)[0],)), CONTROL)


def test_whoever_shows_another_key_is_named_with_what_to_do() -> None:
    with pytest.raises(NotControl, match=r"shows the key sha256//.*OUTPOST_HOST_PINS") as told:
        handshake(ControlPolicy(Trust(pins=("sha256//another",))), CONTROL)
    assert KEY in str(told.value)


# --- what it shows of itself ---


def files(folder: Path, shown: Issued) -> Trust:
    certificate, key = folder / "outpost.pem", folder / "outpost.key"
    certificate.write_text(shown.pem)
    key.write_text(shown.key_pem)
    return Trust(insecure=True, certificate=certificate, key=key)


OURS = issue("ak-outpost-1", AUTHORITY, usage=[CLIENT])


def test_a_certificate_of_its_own_is_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    policy = ControlPolicy(files(tmp_path, OURS))
    assert handshake(policy, CONTROL, asks=True) == (True, OURS.certificate)
    assert handshake(policy, CONTROL) == (True, None)
    assert handshake(ControlPolicy(Trust(insecure=True)), CONTROL, asks=True) == (True, None)


def test_certificate_and_key_may_be_one_file(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_text(OURS.pem + OURS.key_pem)
    policy = ControlPolicy(Trust(insecure=True, certificate=both))
    assert handshake(policy, CONTROL, asks=True)[1] == OURS.certificate


def test_what_was_renewed_is_shown_from_the_next_connection_on_and_half_a_file_is_not(tmp_path: Path) -> None:
    trust = files(tmp_path, OURS)
    policy = ControlPolicy(trust)
    assert trust.certificate is not None
    assert trust.key is not None
    renewed = issue("ak-outpost-1", AUTHORITY, usage=[CLIENT])
    handshake(policy, CONTROL)
    trust.certificate.write_text(renewed.pem[:100])
    assert handshake(policy, CONTROL, asks=True)[1] == OURS.certificate
    trust.certificate.write_text(renewed.pem)  # the key follows
    assert handshake(policy, CONTROL, asks=True)[1] == OURS.certificate
    trust.key.write_text(renewed.key_pem + "\n")
    assert handshake(policy, CONTROL, asks=True)[1] == renewed.certificate
    trust.key.unlink()
    assert handshake(policy, CONTROL, asks=True)[1] == renewed.certificate


@pytest.mark.parametrize("broken", ["no certificate", "another key", "no file", "no authority"])
def test_what_cannot_be_used_is_said_at_the_start(broken: str, tmp_path: Path) -> None:
    trust = files(tmp_path, OURS)
    assert trust.certificate is not None
    assert trust.key is not None
    if broken == "no certificate":
        trust.certificate.write_text("nothing")
    elif broken == "another key":
        trust.key.write_text(CONTROL.key_pem)
    elif broken == "no file":
        trust.key.unlink()
    else:
        (tmp_path / "ca.pem").write_text("nothing")
        trust = Trust(ca_file=tmp_path / "ca.pem")
    with pytest.raises(UNUSABLE):
        ControlPolicy(trust)

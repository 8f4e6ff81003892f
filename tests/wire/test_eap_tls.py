"""EAP-TLS with wpa_supplicant's peer: certificates of the operator's own authority open the network, others do not."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from tests.certificates import CLIENT, DAY, NOW, SERVER_AUTH, Issued, issue, revocations
from tests.extent import FULL
from tests.wire.directory import SHARED_SECRET, Directory
from tests.wire.program import SOON, Program, until
from tests.wire.supplicant import TLS_1_2, TLS_1_3, Login, eapol_test, logging_in

pytestmark = [pytest.mark.peer]

VERSIONS = {TLS_1_2: "TLSv1.2", TLS_1_3: "TLSv1.3"}
SHORT = VERSIONS if FULL else {TLS_1_3: "TLSv1.3"}
"""The other version is tried by other tests of the short run."""
versions = pytest.mark.parametrize("phase1", SHORT, ids=SHORT.values())
AUTHORITY = issue("The operator's authority")
RSA_BITS = 2048
BOB = issue("bob", AUTHORITY, usage=[CLIENT])
REVOKED = issue("bob", AUTHORITY, usage=[CLIENT])
IN_BETWEEN = issue("Laptops", AUTHORITY, authority=True)


@dataclass(frozen=True)
class Network:
    """One whose provider believes ``AUTHORITY``, and has its list of what was revoked."""

    program: Program
    folder: Path
    own: str
    """pk of the authority of the program's own, which it believes, too."""
    bob: int

    def login(self, shown: Issued, phase1: str = TLS_1_2, options: tuple[str, ...] = (), **further: str) -> Login:
        return eapol_test(
            self.program,
            self.folder,
            eap="TLS",
            identity="host",
            phase1=phase1,
            options=options,
            server=None,
            **{**self._files(shown), **further},
        )

    def logging_in(self, shown: Issued, phase1: str) -> AbstractContextManager[Callable[[], Login]]:
        """Again and again, in the background."""
        network = {"eap": "TLS", "identity": "host", "phase1": phase1, **self._files(shown)}
        return logging_in(self.program, self.folder, 10_000, **network)

    def _files(self, shown: Issued) -> dict[str, str]:
        certificate, key = self.folder / "client.pem", self.folder / "client.key"
        certificate.write_text(shown.pem)
        key.write_text(shown.key_pem)
        return {"client_cert": f'"{certificate}"', "private_key": f'"{key}"'}

    def told(self, reason: str) -> int:
        """How often a refusal was told of with this reason."""
        return self.program.output().count(f": {reason} [")


@pytest.fixture(scope="module")
def network(program: Program, people: Directory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    place = f"providers/radius/{people.providers['radius']}/"
    made = {"name": "Operator", "certificate_data": AUTHORITY.pem}
    authority = program.api("POST", "crypto/certificatekeypairs/", made)["pk"]
    own = program.api("POST", "crypto/authorities/", {"name": "Our own authority"})["pk"]
    revoked = revocations(AUTHORITY.certificate.subject, AUTHORITY.key, NOW, REVOKED.certificate)
    program.api("PATCH", place, {"client_authorities": [authority, own], "client_revocations": revoked})
    opened = Network(program, tmp_path_factory.mktemp("eap-tls"), own, people.users["bob"])
    until(lambda: opened.login(BOB).succeeded, SOON, "the authority being in force")
    yield opened
    program.api("PATCH", place, {"client_authorities": [], "client_revocations": ""})
    for pk in (authority, own):
        program.api("DELETE", f"crypto/certificatekeypairs/{pk}/")


@versions
@pytest.mark.parametrize(
    "shown",
    [
        BOB,
        *([issue("laptop-7", AUTHORITY, usage=[CLIENT], names=[x509.RFC822Name("bob@example.com")])] if FULL else []),
        issue("bob", AUTHORITY, usage=[CLIENT], bits=RSA_BITS),
    ],
)
def test_a_certificate_opens_the_network(network: Network, shown: Issued, phase1: str) -> None:
    login = network.login(shown, phase1)
    assert login.succeeded, login.text
    assert login.version == VERSIONS[phase1]


@pytest.mark.parametrize("fragment", (100, 500, 1400) if FULL else (100,))
def test_in_small_pieces(network: Network, fragment: int) -> None:
    login = network.login(BOB, TLS_1_3 if FULL else TLS_1_2, fragment_size=str(fragment))
    assert login.succeeded, login.text


def test_an_authority_in_between_comes_along(network: Network) -> None:
    one = issue("bob", IN_BETWEEN, usage=[CLIENT])
    login = network.login(Shown(one, IN_BETWEEN.pem))
    assert login.succeeded, login.text


class Shown(Issued):
    """With further certificates of its chain."""

    def __init__(self, leaf: Issued, above: str) -> None:
        super().__init__(leaf.certificate, leaf.key)
        self.__dict__["pem"] = leaf.pem + above


@versions
@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (issue("bob", issue("Another authority"), usage=[CLIENT]), "untrusted_certificate"),
        (issue("bob", AUTHORITY, usage=[CLIENT], valid=(-2 * DAY, -DAY)), "certificate_not_current"),
        (issue("bob", AUTHORITY, usage=[SERVER_AUTH]), "certificate_not_for_clients"),
        (REVOKED, "certificate_revoked"),
        (issue("nobody-of-ours", AUTHORITY, usage=[CLIENT]), "certificate_names_nobody"),
        (issue("carol", AUTHORITY, usage=[CLIENT]), "no_binding"),
    ],
    ids=["foreign", "expired", "of a server", "revoked", "of nobody", "without access"],
)
def test_a_certificate_that_is_no_good(network: Network, shown: Issued, reason: str, phase1: str) -> None:
    before = network.told(reason)
    login = network.login(shown, phase1)
    assert not login.succeeded
    assert "Access-Reject" in login.text, login.text
    assert "(remote end reported an error):fatal:" in login.text, "an alert tells the device before the Failure does"
    if reason in ("certificate_names_nobody", "no_binding"):
        assert "fatal:access denied" in login.text
    until(lambda: network.told(reason) > before, SOON, f"{reason} being told of")


def test_a_certificate_of_our_own_authority_comes_in_one_file_and_can_be_revoked(network: Network) -> None:
    asked = {"user": network.bob, "name": "Bob's laptop", "password": "one file"}
    issued = network.program.api("POST", f"crypto/authorities/{network.own}/issue/", asked)
    file = network.folder / "bob.p12"
    file.write_bytes(base64.b64decode(issued["pkcs12"]))

    def come() -> Login:
        return eapol_test(
            network.program,
            network.folder,
            eap="TLS",
            identity="host",
            phase1=TLS_1_3,
            private_key=f'"{file}"',
            private_key_passwd='"one file"',
        )

    login = come()
    assert login.succeeded, login.text
    before = network.told("certificate_revoked")
    network.program.api("POST", f"crypto/issued/{issued['pk']}/revoke/", {})
    login = come()
    assert not login.succeeded, "at once: control knows even before the door does"
    until(lambda: network.told("certificate_revoked") > before, SOON, "the revocation being told of")
    until(
        lambda: "fatal:certificate revoked" in come().text, SOON, "the door itself knowing, and saying so by an alert"
    )


@versions
def test_a_session_is_resumed_with_its_whole_chain(network: Network, phase1: str) -> None:
    login = network.login(Shown(issue("bob", IN_BETWEEN, usage=[CLIENT]), IN_BETWEEN.pem), phase1, ("-r", "2"))
    assert login.succeeded, login.text
    assert login.resumed == 2


@pytest.mark.full
@pytest.mark.parametrize("phase1", VERSIONS, ids=VERSIONS.values())
def test_92_a_certificate_is_judged_with_every_resumption(network: Network, phase1: str) -> None:
    """The device that comes again and again with one TLS session hears that its owner is disabled: by an alert where it
    would take one, and never by silence."""
    place = f"core/users/{network.bob}/"
    try:
        with network.logging_in(BOB, phase1) as so_far:
            until(lambda: so_far().successes >= 3, SOON, "a device that comes again and again")
            network.program.api("PATCH", place, {"is_active": False})
            until(lambda: so_far().text.rstrip().endswith("FAILURE"), 60, "the device being refused")
            told = so_far()
        assert told.resumed >= 2
        heard = told.text.rpartition("CTRL-EVENT-EAP-SUCCESS")[2]
        assert "Access-Reject" in heard, heard[-3000:]
        assert ("fatal:access denied" in heard) == (phase1 == TLS_1_3)
    finally:
        network.program.api("PATCH", place, {"is_active": True})


@pytest.mark.parametrize("phase1", VERSIONS if FULL else [TLS_1_3])
@pytest.mark.parametrize("algorithm", ["ecdsa", "rsa"])
def test_a_device_believes_the_server_by_our_own_authority(
    network: Network, people: Directory, algorithm: str, phase1: str
) -> None:
    program, place = network.program, f"providers/radius/{people.providers['radius']}/"
    asked = {"common_name": "radius.example.com", "authority": network.own, "alg": algorithm}
    shown = program.api("POST", "crypto/certificatekeypairs/generate/", asked)["pk"]
    pem = program.api("GET", f"crypto/certificatekeypairs/{network.own}/view_certificate/")["data"]
    (network.folder / "own.pem").write_text(pem)
    checks = {"ca_cert": f'"{network.folder}/own.pem"', "domain_suffix_match": '"radius.example.com"'}
    try:
        assert not network.login(BOB, phase1, (), **checks).succeeded
        program.api("PATCH", place, {"certificate": shown})
        until(lambda: network.login(BOB, phase1, (), **checks).succeeded, SOON, "the certificate being shown")
        another = {**checks, "domain_suffix_match": '"radius.example.org"'}
        assert not network.login(BOB, phase1, (), **another).succeeded
    finally:
        program.api("PATCH", place, {"certificate": None})
        program.api("DELETE", f"crypto/certificatekeypairs/{shown}/")


def test_the_server_is_checked_by_the_device(network: Network) -> None:
    """A device that has another authority does not log in to us, and the operator hears of it."""
    before = network.told("eap_tls_failed")
    other = network.folder / "other.pem"
    other.write_text(AUTHORITY.pem)
    login = network.login(BOB, ca_cert=f'"{other}"')
    assert not login.succeeded
    assert SHARED_SECRET not in network.program.output()
    until(lambda: network.told("eap_tls_failed") > before, SOON, "the failed handshake being told of")

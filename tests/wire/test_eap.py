"""wpa_supplicant's EAP peer against the program: every method, the keys that both ends have, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.extent import FULL
from tests.wire.directory import PASSWORDS, Directory
from tests.wire.program import SOON, Program, until
from tests.wire.supplicant import TLS_1_2, TLS_1_3, eapol_test, logging_in

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("people")]

MAIN = [("TTLS", "auth=PAP"), ("PEAP", "auth=GTC"), ("TTLS", "autheap=GTC")]
"""What the person's own password is good for."""
NETWORK = [("PEAP", "auth=MSCHAPV2"), ("TTLS", "auth=MSCHAPV2"), ("TTLS", "auth=CHAP"), ("TTLS", "autheap=MSCHAPV2")]
VERSIONS = {TLS_1_2: "TLSv1.2", TLS_1_3: "TLSv1.3"}
FRAGMENTS = (100, 500, 1400) if FULL else (500,)
EITHER = VERSIONS if FULL else [TLS_1_3]
"""Most is tried with both versions in the long run only; the other one is in the short run somewhere, too."""


@pytest.fixture(scope="module")
def network_password(program: Program, people: Directory) -> Iterator[str]:
    """bob's, for one device."""
    made = {"identifier": "bobs-phone", "intent": "network_password", "user": people.users["bob"]}
    program.api("POST", "core/tokens/", made)
    yield program.api("GET", "core/tokens/bobs-phone/view_key/")["key"]
    program.api("DELETE", "core/tokens/bobs-phone/")


@pytest.mark.parametrize("phase1", EITHER)
@pytest.mark.parametrize(("eap", "phase2"), MAIN)
@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_the_main_password(program: Program, tmp_path: Path, eap: str, phase2: str, phase1: str, fragment: int) -> None:
    login = eapol_test(
        program,
        tmp_path,
        eap=eap,
        identity="bob",
        password=PASSWORDS["bob"],
        phase1=phase1,
        phase2=phase2,
        anonymous_identity='"anonymous@example.com"',
        fragment_size=str(fragment),
    )
    assert login.succeeded, login.text
    assert login.version == VERSIONS[phase1]


@pytest.mark.parametrize("phase1", VERSIONS if FULL else [TLS_1_2])
@pytest.mark.parametrize(("eap", "phase2"), [*NETWORK, ("MSCHAPV2", "")])
def test_a_network_password(
    program: Program, tmp_path: Path, network_password: str, eap: str, phase2: str, phase1: str
) -> None:
    login = eapol_test(
        program, tmp_path, eap=eap, identity="bob", password=network_password, phase1=phase1, phase2=phase2
    )
    assert login.succeeded, login.text


@pytest.mark.parametrize(("eap", "phase2"), [("TTLS", "auth=PAP"), ("PEAP", "auth=GTC"), ("PEAP", "auth=MSCHAPV2")])
@pytest.mark.parametrize("who", ["bob", "nobody", "carol"] if FULL else ["bob"])
def test_a_wrong_password_is_refused(program: Program, tmp_path: Path, eap: str, phase2: str, who: str) -> None:
    login = eapol_test(program, tmp_path, eap=eap, identity=who, password="a wrong guess", phase2=phase2)
    assert not login.succeeded
    assert "Access-Reject" in login.text, login.text


def test_whoever_has_no_access_is_refused(program: Program, tmp_path: Path) -> None:
    login = eapol_test(program, tmp_path, eap="TTLS", identity="carol", password=PASSWORDS["carol"], phase2="auth=PAP")
    assert not login.succeeded
    assert "Access-Reject" in login.text, login.text


@pytest.mark.parametrize(("eap", "phase2"), MAIN if FULL else MAIN[:1])
@pytest.mark.parametrize(("phase1", "resumed"), [(TLS_1_2, 2), (TLS_1_3, 0)])
def test_resumption(program: Program, tmp_path: Path, eap: str, phase2: str, phase1: str, resumed: int) -> None:
    login = eapol_test(
        program,
        tmp_path,
        eap=eap,
        identity="bob",
        password=PASSWORDS["bob"],
        phase1=phase1,
        phase2=phase2,
        options=("-r", "2"),
    )
    assert login.succeeded, login.text
    assert login.resumed == resumed


@pytest.mark.parametrize(("eap", "phase2"), NETWORK[:3] if FULL else NETWORK[:1])
def test_resumption_with_a_network_password(
    program: Program, tmp_path: Path, network_password: str, eap: str, phase2: str
) -> None:
    login = eapol_test(
        program, tmp_path, eap=eap, identity="bob", password=network_password, phase2=phase2, options=("-r", "2")
    )
    assert login.succeeded, login.text
    assert login.resumed == 2


def _main_password_succeeds(program: Program, folder: Path) -> bool:
    login = eapol_test(program, folder, eap="TTLS", identity="bob", password=PASSWORDS["bob"], phase2="auth=PAP")
    return login.succeeded


def _disable(program: Program, bob: int) -> None:
    program.api("PATCH", f"core/users/{bob}/", {"is_active": False})


def _take_back(program: Program, bob: int) -> None:
    program.api("DELETE", "core/tokens/bobs-watch/")


@pytest.mark.parametrize("phase1", VERSIONS if FULL else [TLS_1_2])
@pytest.mark.parametrize("change", [_disable, _take_back] if FULL else [_disable])
def test_92_whoever_resumes_is_let_in_until_they_are_disabled(
    program: Program, people: Directory, tmp_path: Path, phase1: str, change: Callable[[Program, int], None]
) -> None:
    """CVE-2017-9148 with a real device: it logs in again and again, and meanwhile something changes."""
    bob = people.users["bob"]
    made = {"identifier": "bobs-watch", "intent": "network_password", "user": bob}
    program.api("POST", "core/tokens/", made)
    password = program.api("GET", "core/tokens/bobs-watch/view_key/")["key"]
    network = {"eap": "PEAP", "identity": "bob", "password": password, "phase1": phase1, "phase2": "auth=MSCHAPV2"}
    try:
        with logging_in(program, tmp_path, 10_000, **network) as so_far:
            until(lambda: so_far().successes >= 3, SOON, "a device that comes again and again")
            change(program, bob)
            until(lambda: so_far().text.rstrip().endswith("FAILURE"), 60, "the device being refused")
            told = so_far()
        assert "Access-Reject" in told.text.rpartition("CTRL-EVENT-EAP-SUCCESS")[2], told.text[-3000:]
        assert (told.resumed >= 2) == (phase1 == TLS_1_2)
    finally:
        program.api("PATCH", f"core/users/{bob}/", {"is_active": True})
        until(partial(_main_password_succeeds, program, tmp_path), SOON, "bob being let in again")
        if change is not _take_back:
            _take_back(program, bob)


@pytest.mark.parametrize(("eap", "phase2"), [("PEAP", "auth=MSCHAPV2"), ("MSCHAPV2", "")])
def test_a_network_password_that_has_ended_is_told_from_a_wrong_one(
    program: Program, people: Directory, tmp_path: Path, eap: str, phase2: str
) -> None:
    """Error 648 of RFC 2759 section 6; a wrong one is 691. Of somebody who is known to the outpost: of others it hears
    nothing but that it knows nobody."""
    made = {"identifier": "bobs-old-phone", "intent": "network_password", "user": people.users["bob"]}
    program.api("POST", "core/tokens/", {**made, "expires": "2020-01-01T00:00:00Z"})
    try:
        ended = program.api("GET", "core/tokens/bobs-old-phone/view_key/")["key"]
        for password, code in ((ended, "error 648"), ("wrong", "error 691")):
            network = {"eap": eap, "identity": "bob", "password": password, "phase1": TLS_1_2, "phase2": phase2}
            with logging_in(program, tmp_path, 0, **network) as so_far:
                until(lambda: code in so_far().text, SOON, code)  # noqa: B023  # asked at once
                assert so_far().successes == 0
    finally:
        program.api("DELETE", "core/tokens/bobs-old-phone/")


# --- the long matrix -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["rsa", "ecdsa"])
def shown(
    program: Program, people: Directory, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The kind of key that our end has."""
    place, name = f"providers/radius/{people.providers['radius']}/", f"{request.param}.example.com"
    pk = program.api("POST", "crypto/certificatekeypairs/generate/", {"common_name": name, "alg": request.param})["pk"]
    program.api("PATCH", place, {"certificate": pk})
    folder = tmp_path_factory.mktemp("shown")

    def is_seen() -> bool:
        seen = eapol_test(program, folder, eap="TTLS", identity="bob", password=PASSWORDS["bob"], phase2="auth=PAP")
        return name in seen.text

    until(is_seen, SOON, "the certificate being shown")
    yield request.param
    program.api("PATCH", place, {"certificate": None})
    program.api("DELETE", f"crypto/certificatekeypairs/{pk}/")


@pytest.mark.full
@pytest.mark.parametrize("fragment", [100, 1400])
@pytest.mark.parametrize("phase1", VERSIONS, ids=VERSIONS.values())
@pytest.mark.parametrize(("eap", "phase2"), [*MAIN, *NETWORK])
def test_every_method_with_either_kind_of_key(
    program: Program,
    tmp_path: Path,
    network_password: str,
    shown: str,
    eap: str,
    phase2: str,
    phase1: str,
    fragment: int,
) -> None:
    login = eapol_test(
        program,
        tmp_path,
        eap=eap,
        identity="bob",
        password=PASSWORDS["bob"] if (eap, phase2) in MAIN else network_password,
        phase1=phase1,
        phase2=phase2,
        fragment_size=str(fragment),
        options=("-r", "2"),
    )
    assert login.succeeded, login.text
    assert login.version == VERSIONS[phase1]
    assert login.resumed == (2 if phase1 == TLS_1_2 else 0)

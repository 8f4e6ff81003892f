"""radclient against the program: accept, reject, silence, and duplicates."""

from functools import partial

import pytest

from tests.wire.apart import questions
from tests.wire.clients import PATIENT, radclient, run
from tests.wire.directory import PASSWORDS, SHARED_SECRET, Directory
from tests.wire.program import SOON, Program, until

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("people")]

SIGNED = ("Message-Authenticator = 0x00",)


def test_the_right_password_is_accepted_and_the_answer_verifies(program: Program) -> None:
    answer = radclient(
        program, "bob", PASSWORDS["bob"], attributes=(*SIGNED, "Proxy-State = 0x0102", "Proxy-State = 0x03")
    )
    assert answer.code == 0, answer.text
    received = answer.text.partition("Received ")[2]
    assert received.startswith("Access-Accept")
    assert "Message-Authenticator" in received
    assert received.index("0x0102") < received.index("0x03")


def test_an_unsigned_request_of_an_old_nas_is_accepted(program: Program) -> None:
    # radclient 3.2.1 signs nothing unless told to; 127.0.0.9 has never signed.
    answer = radclient(program, "bob", PASSWORDS["bob"], attributes=("Packet-Src-IP-Address = 127.0.0.9",))
    assert answer.code == 0, answer.text


def test_a_nas_that_has_signed_must_go_on_until_it_is_forgiven(program: Program, people: Directory) -> None:
    home = "127.0.0.19"
    here, quick = (f"Packet-Src-IP-Address = {home}",), ("-t", "2")

    def said(*attributes: str, options: tuple[str, ...] = ()) -> bool:
        return radclient(program, "bob", PASSWORDS["bob"], attributes=(*here, *attributes), options=options).code == 0

    assert said()
    assert said(*SIGNED)
    assert not said(options=quick)
    [pin] = until(lambda: program.api("GET", "radius/pins/", query={"address": home})["results"], SOON, "the pin")
    assert pin["provider"] == people.providers["radius"]
    program.api("DELETE", f"radius/pins/{pin['pk']}/")
    until(partial(said, options=quick), SOON, "the NAS being forgiven")


@pytest.mark.parametrize(("who", "password"), [("bob", "wrong"), ("nobody", "x"), ("carol", PASSWORDS["carol"])])
def test_whoever_is_not_let_in_is_rejected(program: Program, who: str, password: str) -> None:
    answer = radclient(program, who, password, attributes=SIGNED)
    assert answer.code == 1
    assert "Received Access-Reject" in answer.text, answer.text


def test_a_wrong_shared_secret_meets_silence(program: Program) -> None:
    answer = radclient(program, "bob", PASSWORDS["bob"], secret="wrong", attributes=SIGNED, options=("-t", "1"))
    assert answer.code == 1
    assert "Received" not in answer.text
    assert "No reply from server" in answer.text


def test_copies_of_a_packet_are_one_question_and_get_one_answer(program: Program) -> None:
    """A reject waits for a second; until then the NAS sends the same packet again and again."""
    name = "eve"
    answer = radclient(program, name, "a guess", attributes=SIGNED, options=("-t", "0.3", "-r", "100"))
    assert answer.text.count("Sent Access-Request") > 1, answer.text
    assert answer.text.count("Received Access-Reject") == 1, answer.text
    assert questions(program, name) == 1


MAPPING = """\
define_attribute(vendor_code=9, vendor_name="Cisco", attribute_name="Cisco-AVPair", attribute_code=1)
if ak_is_group_member(request.user, name="staff"):
    packet["Tunnel-Type:1"] = "VLAN"
    packet["Tunnel-Private-Group-Id:1"] = "20"
    packet["Cisco-AVPair"] = f"shell:{request.user.username}"
"""


def test_a_property_mapping_writes_into_the_answer(program: Program, people: Directory) -> None:
    given = {"name": "vlan of staff", "expression": MAPPING}
    mapping = program.api("POST", "propertymappings/provider/radius/", given)["pk"]
    path = f"providers/radius/{people.providers['radius']}/"
    program.api("PATCH", path, {"property_mappings": [mapping]})
    try:

        def told() -> bool:
            answer = radclient(program, "bob", PASSWORDS["bob"], attributes=SIGNED)
            assert answer.code == 0, answer.text
            return all(line in answer.text.partition("Received ")[2] for line in wanted)

        wanted = ("Tunnel-Type:1 = VLAN", 'Tunnel-Private-Group-Id:1 = "20"', 'Cisco-AVPair = "shell:bob"')
        until(told, SOON, f"an answer with {wanted}")
    finally:
        program.api("DELETE", f"propertymappings/all/{mapping}/")


def test_chap_with_a_network_password(program: Program, people: Directory) -> None:
    """radclient makes the challenge and the response; a main password cannot serve it."""
    made = {"identifier": "bobs-modem", "intent": "network_password", "user": people.users["bob"]}
    program.api("POST", "core/tokens/", made)
    try:
        network = program.api("GET", "core/tokens/bobs-modem/view_key/")["key"]
        host, port = program.place("radius")
        for password, code in ((network, "Access-Accept"), (PASSWORDS["bob"], "Access-Reject")):
            asked = f'User-Name = "bob"\nCHAP-Password = "{password}"\nMessage-Authenticator = 0x00\n'
            place = f"{host}:{port}"
            answer = run("radclient", "-x", *PATIENT, "-r", "1", place, "auth", SHARED_SECRET, stdin=asked)
            assert f"Received {code}" in answer.text, answer.text
    finally:
        program.api("DELETE", "core/tokens/bobs-modem/")

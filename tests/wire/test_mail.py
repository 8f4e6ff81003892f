"""Mail as a real server takes it, over STARTTLS, TLS and with a login; and what is said about everything that fails."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from control.mail.message import message
from control.mail.sending import send
from control.mail.trouble import Step, Trouble
from control.records import Letter, MailServer
from tests.certificates import SERVER_AUTH, issue
from tests.ports import free_port
from tests.wire.mailbox import LOGIN, Mailbox, mailbox, silence
from tests.wire.program import Program

LETTER = Letter("ann@example.com", "Grüße, Ann", "test", "0123", "Hello.\n.\nA dot alone.", "<p>Hello.</p>")
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
"""aiosmtpd does not count TLS from the first byte."""
WAIT = 30
"""Seconds for a server that answers, on a machine that others use, too."""
SHORT = 1
"""For one that says nothing at all."""
HANG = 5
"""For one that says nothing any more, and was heard until then."""


@dataclass
class Trust:
    server: ssl.SSLContext
    client: ssl.SSLContext
    file: str
    """Names the authority."""


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return trusted_server(tmp_path_factory.mktemp("mail"))


def trusted_server(folder: Path) -> Trust:
    """A certificate for localhost, and who trusts its authority."""
    authority = issue("Mail authority", authority=True)
    named = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    issued = issue("localhost", authority, usage=[SERVER_AUTH], names=named)
    (folder / "server.pem").write_text(issued.pem + issued.key_pem)
    (folder / "authority.pem").write_text(authority.pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    trusted = str(folder / "authority.pem")
    return Trust(server, ssl.create_default_context(cafile=trusted), trusted)


def server_at(box: Mailbox, **fields: object) -> MailServer:
    return replace(
        MailServer(host="localhost", port=box.port, timeout=WAIT, from_address="Outpost <outpost@example.com>"),
        **fields,  # type: ignore[arg-type]
    )


def sent(server: MailServer, trust: ssl.SSLContext | None = None, letter: Letter = LETTER) -> None:
    asyncio.run(send(server, letter.to, message(letter, server.from_address, 1_700_000_000.0), trust))


def trouble(server: MailServer, trust: ssl.SSLContext | None = None, letter: Letter = LETTER) -> Trouble:
    with pytest.raises(Trouble) as caught:
        sent(server, trust, letter)
    return caught.value


def test_a_mail_arrives_as_it_was_written() -> None:
    with mailbox() as box:
        sent(server_at(box))
    (taken,) = box.taken
    assert taken.sender == "outpost@example.com"
    assert taken.to == ["ann@example.com"]
    assert taken.mail["From"] == "Outpost <outpost@example.com>"
    assert taken.mail["Subject"] == "Grüße, Ann"
    assert taken.mail["Message-ID"] == "<0123@example.com>"
    assert taken.mail["Auto-Submitted"] == "auto-generated"
    assert taken.text.splitlines() == ["Hello.", ".", "A dot alone."]
    assert taken.html.strip() == "<p>Hello.</p>"


def test_starttls_with_a_login(trust: Trust) -> None:
    with mailbox(starttls=trust.server, login=True) as box:
        sent(server_at(box, use_tls=True, username=LOGIN[0], password=LOGIN[1]), trust.client)
    assert len(box.taken) == 1


def test_tls_from_the_first_byte_with_a_login(trust: Trust) -> None:
    with mailbox(implicit=trust.server, login=True) as box:
        sent(server_at(box, use_ssl=True, username=LOGIN[0], password=LOGIN[1]), trust.client)
    assert len(box.taken) == 1


@pytest.mark.parametrize("how", ["use_tls", "use_ssl"])
def test_a_certificate_that_nobody_trusts_gets_no_mail_and_no_password(trust: Trust, how: str) -> None:
    starttls, implicit = (trust.server, None) if how == "use_tls" else (None, trust.server)
    with mailbox(starttls, implicit, login=True) as box:
        found = trouble(server_at(box, username=LOGIN[0], password=LOGIN[1], **{how: True}))
    assert "certificate of localhost" in found.text
    assert "SSL_CERT_FILE" in found.text
    assert not found.for_good
    assert box.taken == []


def test_a_certificate_for_another_name(trust: Trust) -> None:
    with mailbox(implicit=trust.server, host="127.0.0.2") as box:
        found = trouble(server_at(box, host="127.0.0.2", use_ssl=True), trust.client)
    assert "127.0.0.2" in found.text
    assert "name that it was issued for" in found.text


def test_starttls_that_is_not_offered_is_never_gone_without() -> None:
    with mailbox() as box:
        found = trouble(server_at(box, use_tls=True))
    assert found.step == Step.TLS
    assert "does not offer STARTTLS" in found.text
    assert box.taken == []


def test_a_wrong_password(trust: Trust) -> None:
    with mailbox(starttls=trust.server, login=True) as box:
        found = trouble(server_at(box, use_tls=True, username=LOGIN[0], password="wrong-secret"), trust.client)
    assert found.step == Step.LOGIN
    assert "does not let “outpost” sign in" in found.text
    assert "535" in found.text
    assert "wrong-secret" not in found.text
    assert not found.for_good


def test_a_login_that_is_not_offered() -> None:
    with mailbox() as box:
        found = trouble(server_at(box, username="outpost", password="x"))
    assert found.step == Step.LOGIN
    assert "offers no login" in found.text


def test_relaying_that_is_refused_says_so() -> None:
    with mailbox() as box:
        box.answers["RCPT"] = ["554 5.7.1 Relay access denied"]
        found = trouble(server_at(box))
    assert found.step == Step.RECIPIENT
    assert "refuses to pass mail on" in found.text
    assert not found.for_good


@pytest.mark.parametrize(
    ("verb", "said", "step", "for_good"),
    [
        ("MAIL", "550 5.1.8 no such sender", Step.SENDER, False),
        ("MAIL", "451 4.3.0 later", Step.SENDER, False),
        ("RCPT", "550 5.1.1 no such user", Step.RECIPIENT, True),
        ("RCPT", "450 4.2.1 greylisted", Step.RECIPIENT, False),
        ("DATA", "554 5.6.0 looks like spam", Step.CONTENT, True),
        ("DATA", "452 4.3.1 disk full", Step.CONTENT, False),
        ("MAIL", "drop", Step.SENDER, False),
        ("RCPT", "drop", Step.RECIPIENT, False),
        ("DATA", "drop", Step.CONTENT, False),
        ("RCPT", "hang", Step.RECIPIENT, False),
    ],
)
def test_what_the_server_says_against_it(verb: str, said: str, step: Step, for_good: bool) -> None:
    with mailbox() as box:
        box.answers[verb] = [said]
        found = trouble(server_at(box, timeout=HANG if said == "hang" else WAIT))
        assert (found.step, found.for_good) == (step, for_good)
        if said[0].isdigit():
            assert said in found.text
        assert found.text.endswith((".", "!"))
        assert box.taken == []
        sent(server_at(box))
    assert len(box.taken) == 1


def test_a_name_that_nobody_has() -> None:
    found = trouble(MailServer(host="mail.invalid", port=25, timeout=WAIT))
    assert found.step == Step.NAME
    assert "cannot be resolved" in found.text


def test_a_port_on_which_nothing_listens() -> None:
    found = trouble(MailServer(host="127.0.0.1", port=free_port(), timeout=WAIT))
    assert found.step == Step.CONNECT
    assert "Nothing listens" in found.text


@pytest.mark.parametrize("use_ssl", [False, True])
def test_a_port_that_says_nothing(use_ssl: bool) -> None:
    with silence() as port:
        found = trouble(MailServer(host="127.0.0.1", port=port, timeout=SHORT, use_ssl=use_ssl))
    assert found.step == Step.CONNECT
    assert "within 1 second" in found.text


def test_tls_to_a_port_that_speaks_none() -> None:
    with mailbox() as box:
        found = trouble(server_at(box, use_ssl=True))
    assert "does not speak TLS" in found.text
    assert "STARTTLS" in found.text


def test_no_line_gets_out_of_its_header() -> None:
    letter = replace(LETTER, to="ann@example.com\r\nBcc: eve@example.com")
    with mailbox() as box, pytest.raises(Exception, match="is not an e-mail address"):
        sent(server_at(box), letter=letter)
    assert box.taken == []


# --- the command ---------------------------------------------------------------------------------------------------


def test_the_command_sends_a_mail_by_the_environments_server(trust: Trust, tmp_path: Path) -> None:
    with mailbox(starttls=trust.server, login=True) as box:
        program = Program(
            tmp_path,
            AUTHENTIK_EMAIL__HOST="localhost",
            AUTHENTIK_EMAIL__PORT=str(box.port),
            AUTHENTIK_EMAIL__USERNAME=LOGIN[0],
            AUTHENTIK_EMAIL__PASSWORD=LOGIN[1],
            AUTHENTIK_EMAIL__USE_TLS="true",
            AUTHENTIK_EMAIL__FROM="Outpost <outpost@example.com>",
            SSL_CERT_FILE=trust.file,
        )
        said = program.command("test-email", "ann@example.com")
        assert (said.returncode, said.stderr) == (0, "")
        assert "has taken the mail for ann@example.com" in said.stdout
        del program.environ["SSL_CERT_FILE"]
        said = program.command("test-email", "ann@example.com")
    assert said.returncode == 1
    assert "certificate of localhost" in said.stderr
    (taken,) = box.taken
    assert taken.sender == "outpost@example.com"
    assert "This is a test" in taken.text


def test_the_command_says_that_no_server_is_set(tmp_path: Path) -> None:
    said = Program(tmp_path).command("test-email", "ann@example.com")
    assert said.returncode == 1
    assert "OUTPOST_EMAIL__HOST" in said.stderr

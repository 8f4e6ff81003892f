"""Debian's Postfix as the mail server: over STARTTLS, and what is said of the two refusals that people meet most."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import require, require_root
from tests.ports import free_port
from tests.wire.namespaces import Namespace
from tests.wire.program import Program, until
from tests.wire.test_mail import trusted_server

pytestmark = [pytest.mark.peer, pytest.mark.full]

START_SECONDS = 60.0
MAIN = """\
compatibility_level = 3.6
maillog_file = /dev/stdout
myhostname = mail.example.com
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
virtual_mailbox_domains = example.com
virtual_mailbox_maps = inline:{{ ann@example.com=ann/ }}
virtual_mailbox_base = /var/mail
virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {folder}/server.pem
smtpd_tls_key_file = {folder}/server.pem
notify_classes =
"""
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


@pytest.fixture(scope="module")
def postfix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Namespace, dict[str, str]]]:
    """It runs, and what the environment says of it. Its queue and its mailboxes are in memory and end with it."""
    require_root()
    require("postfix")
    folder, port = tmp_path_factory.mktemp("postfix"), free_port()
    trust = trusted_server(folder)
    (folder / "main.cf").write_text(MAIN.format(folder=folder))
    (folder / "master.cf").write_text(MASTER.format(port=port))
    running = Namespace(
        folder,
        ["postfix", "start-fg"],
        empty=["/var/spool/postfix", "/var/lib/postfix", "/var/mail"],
        instead={f"/etc/postfix/{name}": folder / name for name in ("main.cf", "master.cf")},
    )
    server = {"HOST": "localhost", "PORT": str(port), "USE_TLS": "true", "FROM": "Outpost <outpost@example.com>"}
    try:
        until(lambda: running.answers("127.0.0.1", port), START_SECONDS, "Postfix listening", 0.2)
        yield (
            running,
            {**{f"OUTPOST_EMAIL__{name}": value for name, value in server.items()}, "SSL_CERT_FILE": trust.file},
        )
    finally:
        running.stop()


def mailbox(running: Namespace) -> str:
    """All of ann's mail."""
    return running.run("sh", "-c", "cat /var/mail/ann/new/*").text


def test_a_test_mail_arrives_and_refusals_say_what_to_do(
    postfix: tuple[Namespace, dict[str, str]], tmp_path: Path
) -> None:
    running, environ = postfix
    program = Program(tmp_path, **environ)
    said = program.command("test-email", "ann@example.com")
    assert (said.returncode, said.stderr) == (0, "")
    text = until(lambda: found if "This is a test" in (found := mailbox(running)) else None, START_SECONDS, "the mail")
    assert "with ESMTPS" in text, "over TLS"
    for to, expected in (
        ("ann@elsewhere.example", "refuses to pass mail on"),
        ("nobody@example.com", "5.1.1"),
    ):
        said = program.command("test-email", to)
        assert said.returncode == 1
        assert expected in said.stderr, said.stderr


def test_the_outbox_delivers_a_link(postfix: tuple[Namespace, dict[str, str]], tmp_path: Path) -> None:
    running, environ = postfix
    program = Program(tmp_path, "control", **environ).start()
    try:
        program.api("PATCH", "admin/settings/", {"base_url": program.http})
        ann = program.api("POST", "core/users/", {"username": "ann", "name": "Ann", "email": "ann@example.com"})
        program.api("POST", f"core/users/{ann['pk']}/recovery_email/", {})
        link = f"{program.http}/if/flow/default-recovery-flow/"
        until(lambda: link in mailbox(running).replace("=\n", ""), START_SECONDS, "the link")
    finally:
        assert program.stop() == 0

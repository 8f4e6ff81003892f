"""`outpost plan`, `apply` and `export` beside a running program, with the example that people read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.clients import Answer, radclient, run
from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

EXAMPLE = Path(__file__).parents[2] / "examples" / "site.yml"
SECRETS = {
    "ERIN_PASSWORD": "password-of-erin-1",
    "FRANK_PASSWORD": "password-of-frank-1",
    "READER_PASSWORD": "password-of-reader-1",
    "SITE_RADIUS_SECRET": "secret-of-the-site-1",
}
SECONDS = 60
"""This machine is shared: what is applied may take a while to be in force."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    running = Program(tmp_path_factory.mktemp("site"), "up", **SECRETS).start()
    try:
        planned = running.command("plan", str(EXAMPLE))
        assert (planned.returncode, planned.stderr) == (2, "")
        assert "+ policy from-the-house\n" in planned.stdout
        assert not any(secret in planned.stdout for secret in SECRETS.values())
        done = running.command("apply", str(EXAMPLE))
        assert (done.returncode, done.stderr) == (0, "")
        reader = ("site-reader", SECRETS["READER_PASSWORD"])
        until(lambda: _search(running, *reader, "(uid=erin)").dns or None, SECONDS, "the directory being served")
        yield running
    finally:
        assert running.stop() == 0, running.output()


def _search(site: Program, who: str, password: str, *what: str) -> Answer:
    bind = ("-D", f"cn={who},ou=users,dc=site", "-w", password)
    return run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-x", "-H", site.ldap, *bind, "-b", "dc=site", *what)


def _intranet(site: Program, who: str, password: str, path: str) -> str:
    asked = ("-H", f"X-Original-URL: https://intranet.example.com{path}", "-u", f"{who}:{password}")
    url = f"{site.http}/outpost.goauthentik.io/auth/nginx"
    return run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *asked, url).text


def test_what_the_example_says_is_in_force_at_every_door(site: Program) -> None:
    seen = _search(site, "site-reader", SECRETS["READER_PASSWORD"], "(uid=erin)", "employeeNumber").text
    assert "employeeNumber: 4711" in seen
    own = _search(site, "erin", SECRETS["ERIN_PASSWORD"], "(objectClass=person)", "uid").text
    assert "uid: erin" in own
    assert "uid: frank" not in own  # erin has no role
    secret = SECRETS["SITE_RADIUS_SECRET"]
    answer = radclient(site, "erin", SECRETS["ERIN_PASSWORD"], secret=secret).text
    assert "Access-Accept" in answer
    assert 'Tunnel-Private-Group-Id:1 = "17"' in answer
    assert site.api("GET", "admin/settings/")["event_retention"] == "days=90"
    assert "Access-Reject" in radclient(site, "frank", SECRETS["FRANK_PASSWORD"], secret=secret).text
    assert _intranet(site, "erin", SECRETS["ERIN_PASSWORD"], "/") == "200"
    assert _intranet(site, "erin", SECRETS["ERIN_PASSWORD"], "/attic/x") == "403"
    assert _intranet(site, "frank", SECRETS["FRANK_PASSWORD"], "/") == "403"


def test_drift_is_shown_and_mended_and_what_is_taken_out_ends(site: Program, tmp_path: Path) -> None:
    assert site.command("plan", str(EXAMPLE)).returncode == 0
    (erin,) = site.api("GET", "core/users/", query={"username": "erin"})["results"]
    site.api("PATCH", f"core/users/{erin['pk']}/", {"email": "elsewhere@example.com"})
    site.api("PATCH", "admin/settings/", {"event_retention": "days=30"})
    drift = site.command("plan", str(EXAMPLE))
    assert drift.returncode == 2
    assert "~ user erin\n    email: elsewhere@example.com -> erin@example.com\n" in drift.stdout
    assert "~ settings system\n    event_retention: days=30 -> days=90\n" in drift.stdout
    mended = ["changed settings system: event_retention", "changed user erin: email"]
    assert site.command("apply", str(EXAMPLE)).stdout.splitlines()[:2] == mended

    without = tmp_path / EXAMPLE.name  # a file's name is its mark
    text = EXAMPLE.read_text()
    without.write_text(text[: text.index("  frank:")] + text[text.index("  site-reader:\n") :])
    secret = SECRETS["FRANK_PASSWORD"]
    assert site.command("apply", str(without)).stdout.splitlines()[0] == "deleted user frank"
    until(lambda: _search(site, "frank", secret, "(uid=frank)").code == 49 or None, SECONDS, "frank's end")
    assert site.command("apply", str(EXAMPLE)).returncode == 0


def test_an_export_makes_a_second_installation_of_it(site: Program, tmp_path: Path) -> None:
    exported = site.command("export", "--all")
    assert exported.returncode == 0, exported.stderr
    assert not any(secret in exported.stdout for secret in SECRETS.values())
    needed = {"PROVIDER_SITE_NETWORK_SHARED_SECRET": SECRETS["SITE_RADIUS_SECRET"]}
    second = Program(tmp_path / "second", "up", **needed)
    (second.folder / "here.yml").write_text(exported.stdout)
    applied = second.command("apply", "here.yml")
    assert applied.returncode == 0, applied.stderr
    assert second.command("plan", "here.yml").stdout == "nothing to change\n"
    assert second.command("export", "--all").stdout == exported.stdout

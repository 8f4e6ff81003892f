"""The two programs survive each other: killed, started in any order, revoked, and restored from an older copy."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import quote_from_bytes

import httpx
import ldap
import pytest

from outpost.kept import snapshot
from outpost.kept.sealed import Seal
from protocols.link import codec
from protocols.link.http import HELLO_HEADER, PATH
from protocols.link.messages import Authenticate, Hello
from protocols.radius.mschapv2 import nt_hash
from tests.extent import FULL
from tests.wire.apart import Edge, revoke_token, token
from tests.wire.clients import ldapsearch, user_dn
from tests.wire.directory import BASE_DN, HOST, PASSWORDS, SHARED_SECRET, Directory, add_user, serve
from tests.wire.doors import DOORS, Said, by_ldap, hear_of, open_to_people
from tests.wire.journeys import basic
from tests.wire.program import ANSWER_SECONDS, Program, until
from tests.wire.supplicant import eapol_test

pytestmark = pytest.mark.peer

SECONDS = 60.0
"""What comes by itself comes within this, on a machine that others use, too; an outpost that control has left looks for
it again in the meantime."""
AT_ONCE = 10.0
"""Before control would next say that it is there (`control.outposts.link.HEARTBEAT_SECONDS`), and look again."""
SHORT = 5.0
"""For who hears nothing."""
WRITES = 100
WRITERS = 4

names = (f"Carol the {number}." for number in count(1))


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("survival")
    control = Program(folder / "control", "control").start()
    edge: Edge | None = None
    try:
        edge = Edge(folder / "run", control)
        edge.start()
        yield edge
    finally:
        codes = [program.stop() for program in (edge, control) if program is not None]
    assert codes == [0, 0], control.output() + edge.output()
    assert "Traceback" not in control.output() + edge.output(), control.output() + edge.output()


@pytest.fixture(scope="module")
def people(edge: Edge) -> Directory:
    return open_to_people(edge)


@pytest.fixture
def shape(edge: Edge, people: Directory) -> Edge:
    """Both programs are there, whatever the test before has done, and the outpost follows."""
    for program in (edge.control, edge):
        if not program.running:
            program.start_again()
    news_comes(edge, people)
    return edge


@contextmanager
def killed(program: Program) -> Iterator[None]:
    """As by a power cut; then started again at the same place."""
    program.stop(signal.SIGKILL)
    try:
        yield
    finally:
        program.start_again()


def news_comes(shape: Program, people: Directory) -> float:
    """Seconds until a change made now is in force at the outpost."""
    name = next(names)
    began = time.monotonic()
    shape.api("PATCH", f"core/users/{people.users['carol']}/", {"name": name})
    until(lambda: shown_name(shape) == [name], SECONDS, "the outpost hearing of a change")
    return time.monotonic() - began


def shown_name(program: Program) -> list[str]:
    return ldapsearch(program, "alice", "(uid=carol)", "displayName").values("displayName")


def names_in_directory(program: Program) -> set[str]:
    return set(ldapsearch(program, "alice", "(objectClass=user)", "uid").values("uid"))


def usernames(program: Program, search: str) -> set[str]:
    """Of the users that control has."""
    found: set[str] = set()
    page = 1
    while page:
        answer = program.api("GET", "core/users/", query={"search": search, "page": page})
        found.update(user["username"] for user in answer["results"])
        page = answer["pagination"]["next"]
    return found


def at_all_doors(program: Program, who: str, password: str) -> list[Said]:
    with ThreadPoolExecutor(len(DOORS)) as pool:
        return list(pool.map(lambda door: door(program, who, password), DOORS))


def test_nothing_acknowledged_is_lost_when_control_is_killed(shape: Edge) -> None:
    acknowledged: list[str] = []

    def write(writer: int) -> None:
        for number in count():
            name = f"kept-{writer}-{number}"
            try:
                shape.api("POST", "core/users/", {"username": name, "name": name})
            except httpx.TransportError:
                return
            acknowledged.append(name)

    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write, writer) for writer in range(WRITERS)]
        until(lambda: len(acknowledged) >= WRITES, SECONDS * 3, f"{WRITES} writes")
        with killed(shape.control):
            for one in writing:
                one.result(SECONDS)
    assert usernames(shape, "kept-") >= set(acknowledged)
    until(lambda: names_in_directory(shape) >= set(acknowledged), SECONDS, "the outpost hearing of all of them")


def test_while_control_is_away_what_is_known_works_and_nobody_else_gets_in(
    shape: Edge, people: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    staff = people.groups["staff"]
    erin = "erin-password-5"
    add_user(shape, "erin", erin, group=staff)
    dan = add_user(shape, "dan", "dan-password-4", group=staff)
    for who in ("erin", "dan"):
        hear_of(shape, who)
    for who, password in (("bob", PASSWORDS["bob"]), ("dan", "dan-password-4")):
        assert at_all_doors(shape, who, password) == [Said.YES] * 3
    shape.api("PATCH", f"core/users/{dan}/", {"is_active": False})
    until(lambda: by_ldap(shape, "dan", "dan-password-4") is Said.NO, SECONDS, "disabling dan")
    open_connection = ldap.initialize(shape.ldap)
    open_connection.simple_bind_s(user_dn("alice"), PASSWORDS["alice"])

    known, disabled = ("bob", PASSWORDS["bob"]), ("dan", "dan-password-4")
    strangers = [("erin", erin), ("bob", "a wrong password"), ("nobody", "x")]
    everyone = [known, disabled, *strangers]
    with killed(shape.control), ThreadPoolExecutor(len(everyone)) as pool:
        said = dict(zip(everyone, pool.map(lambda who: at_all_doors(shape, *who), everyone), strict=True))
        assert said.pop(known) == [Said.YES] * 3
        assert Said.YES not in said.pop(disabled)
        assert said == {who: [Said.UNAVAILABLE] * 3 for who in strangers}
        found = open_connection.search_s(BASE_DN, ldap.SCOPE_SUBTREE, "(uid=carol)", ["uid"])
        assert found == [(user_dn("carol"), {"uid": [b"carol"]})]
        assert shape.is_ready()
    open_connection.unbind_s()
    seconds = news_comes(shape, people)
    with capsys.disabled():
        print(f"\ncontrol killed and started again: the outpost heard of a change after {seconds:.2f} s")
    assert at_all_doors(shape, "erin", erin) == [Said.YES] * 3
    assert by_ldap(shape, "dan", "dan-password-4") is Said.NO


PEAP, CHAP = ("PEAP", "auth=MSCHAPV2"), ("TTLS", "auth=CHAP")
MSCHAPV2 = [PEAP, *([("TTLS", "auth=MSCHAPV2"), ("TTLS", "autheap=MSCHAPV2"), ("MSCHAPV2", "")] if FULL else [])]


def test_devices_with_mschapv2_are_let_in_while_control_is_away_where_outposts_remember_network_passwords(
    shape: Edge, people: Directory, tmp_path: Path
) -> None:
    """Where they do not, there is silence: a NAS asks its next server. So there is for CHAP, and for a wrong answer."""
    shape.api("POST", "core/tokens/", {"identifier": "away", "intent": "network_password", "user": people.users["bob"]})
    password = shape.api("GET", "core/tokens/away/view_key/")["key"]

    def by_eap(method: tuple[str, str], password: str = password, patience: float = SECONDS) -> str:
        folder = tmp_path / f"{time.monotonic_ns()}"
        folder.mkdir()
        eap, phase2 = method
        login = eapol_test(
            shape, folder, eap=eap, identity="bob", password=password, phase2=phase2, options=("-t", f"{patience:.0f}")
        )
        rejected = "Access-Reject" in login.text or "EAP-FAILURE" in login.text
        return "let in" if login.succeeded else "refused" if rejected else "silence"

    def without_eap() -> str:
        shape.environ["RADIUS_SECRET"], shape.environ["RADIUS_PASSWORD"] = SHARED_SECRET, password
        place = f"127.0.0.1:{shape.place('radius')[1]}"
        told = shape.command("radius-test", place, "--method", "mschapv2", "--user", "bob").stdout
        return "silence" if "does not answer" in told else "let in" if "knows the password, too" in told else "refused"

    try:
        for remembered in (True, False):
            switch = {"remember_network_passwords": remembered}
            shape.api("PATCH", f"providers/radius/{people.providers['radius']}/", switch)
            news_comes(shape, people)
            with ThreadPoolExecutor() as pool:
                assert set(pool.map(by_eap, [*MSCHAPV2, CHAP])) == {"let in"}
                assert without_eap() == "let in"
            with killed(shape.control), ThreadPoolExecutor() as pool:
                silent = partial(by_eap, patience=SHORT)
                wrong, chap = pool.submit(silent, PEAP, "wrong"), pool.submit(silent, CHAP)
                patience = SECONDS if remembered else SHORT
                known = pool.map(partial(by_eap, patience=patience), MSCHAPV2)
                assert set(known) == {"let in" if remembered else "silence"}
                assert (wrong.result(), chap.result()) == ("silence", "silence")
                if remembered or FULL:
                    assert without_eap() == ("let in" if remembered else "silence")
        assert nt_hash(password).hex() not in shape.output().lower()
    finally:
        shape.api("DELETE", "core/tokens/away/")


def test_a_revoked_token_ends_the_stream_at_once_and_asks_nothing_more(shape: Edge) -> None:
    other = shape.api("POST", "outposts/instances/", {"name": "revoked", "type": "any", "providers": [], "config": {}})
    bearer = {"Authorization": f"Bearer {token(shape, other['pk'])}"}
    hello = quote_from_bytes(codec.encode(Hello(instance="a-test", hostname="a-test", version="1")))
    question = codec.encode(
        Authenticate(id="1", provider=1, username="bob", proof={}, protocol="ldap", peer="127.0.0.1")
    )
    place = shape.control.http + PATH
    assert httpx.post(place, content=question, headers=bearer, timeout=ANSWER_SECONDS).status_code == 200
    with httpx.stream("GET", place, headers={**bearer, HELLO_HEADER: hello}, timeout=SECONDS) as stream:
        lines = stream.iter_lines()
        assert any('"last":true' in line for line in lines)
        revoke_token(shape, other["pk"])
        revoked = time.monotonic()
        assert list(lines) == []
        assert time.monotonic() - revoked < AT_ONCE
    assert httpx.post(place, content=question, headers=bearer, timeout=ANSWER_SECONDS).status_code == 403
    assert httpx.get(place, headers={**bearer, HELLO_HEADER: hello}, timeout=ANSWER_SECONDS).status_code == 403


def test_a_revoked_outpost_lets_nobody_in_and_forgets_all(shape: Edge, people: Directory, tmp_path: Path) -> None:
    other = Edge(tmp_path, shape.control, "other")
    serve(shape, "other", people)
    other.start()
    try:
        assert by_ldap(other, "alice", PASSWORDS["alice"]) is Said.YES
        revoke_token(shape, other.outpost)
        assert by_ldap(other, "bob", PASSWORDS["bob"]) is not Said.YES
        until(lambda: "Control has revoked this outpost's token" in other.output(), SECONDS, "saying why")
        assert by_ldap(other, "alice", PASSWORDS["alice"]) is not Said.YES
        assert not list(other.folder.glob("data/*.sealed"))
    finally:
        assert other.stop() == 0


def kept(outpost: Edge) -> str:
    """What a stopped outpost has on its disk, opened with its token."""
    seal = Seal(outpost.environ["OUTPOST_TOKEN"])
    (file,) = outpost.folder.glob(f"data/{snapshot.FILE}")
    return b"".join(seal.read(file, snapshot.PURPOSE)).decode()


def test_a_password_for_an_application_is_only_where_its_proxy_is_served(
    shape: Edge, people: Directory, tmp_path: Path
) -> None:
    """Neither sent to others, nor left on their disks."""
    other = Edge(tmp_path, shape.control, "apart")
    proxy, bob = f"providers/proxy/{people.providers['proxy']}/", f"core/users/{people.users['bob']}/"
    names = {"basic_auth_user_attribute": "app_user", "basic_auth_password_attribute": "app_password"}
    shape.api("PATCH", proxy, {"basic_auth_enabled": True, **names})
    shape.api("PATCH", bob, {"attributes": {"app_user": "bobby", "app_password": "bob@app"}})

    def serving(*kinds: str) -> str:
        """What it has kept after it was told to serve these."""
        other.start_again()
        providers = [people.providers[kind] for kind in kinds]
        shape.api("PATCH", f"outposts/instances/{other.outpost}/", {"providers": providers})
        news_comes(other, people)
        assert other.stop() == 0
        return kept(other)

    try:
        alone = serving("ldap")
        assert "bobby" in alone
        assert "bob@app" not in alone
        assert "bob@app" in serving("ldap", "proxy")
        assert "bob@app" not in serving("ldap")
        asked = {"X-Original-URL": f"http://{HOST}/", "Host": HOST}
        answer = httpx.get(
            f"{shape.http}/outpost.goauthentik.io/auth/nginx",
            headers=asked,
            auth=("bob", PASSWORDS["bob"]),
            timeout=ANSWER_SECONDS,
        )
        assert answer.headers["Authorization"] == basic("bobby", "bob@app")
    finally:
        other.stop()
        shape.api("PATCH", proxy, {"basic_auth_enabled": False, **dict.fromkeys(names, "")})
        shape.api("PATCH", bob, {"attributes": {}})


def test_an_older_database_put_back_is_noticed(shape: Edge, people: Directory, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    with closing(sqlite3.connect(shape.database)) as database:
        database.execute("vacuum into ?", (str(copy),))
    set_password = f"core/users/{people.users['bob']}/set_password/"
    add_user(shape, "late", "late-password-6", group=people.groups["staff"])
    shape.api("POST", set_password, {"password": "changed after the copy"})
    hear_of(shape, "late")
    assert by_ldap(shape, "late", "late-password-6") is Said.YES
    assert by_ldap(shape, "bob", "changed after the copy") is Said.YES

    assert shape.control.stop() == 0
    for file in shape.database.parent.glob(f"{shape.database.name}*"):
        file.unlink()
    shutil.copy(copy, shape.database)
    shape.control.start_again()

    until(lambda: "late" not in names_in_directory(shape), SECONDS * 3, "the outpost taking a whole snapshot")
    assert by_ldap(shape, "late", "late-password-6") is Said.NO
    # One change after the copy in either history: what is known of the lost one would have the very same version.
    shape.api("POST", set_password, {"password": "changed after the restoration"})
    assert by_ldap(shape, "bob", "changed after the copy") is Said.NO
    assert by_ldap(shape, "bob", "changed after the restoration") is Said.YES
    shape.api("POST", set_password, {"password": PASSWORDS["bob"]})


def test_an_outpost_started_while_control_is_away_serves_what_it_kept(shape: Edge, people: Directory) -> None:
    assert at_all_doors(shape, "bob", PASSWORDS["bob"]) == [Said.YES] * 3
    news_comes(shape, people)
    before = shown_name(shape)
    with killed(shape.control):
        assert shape.stop() == 0
        shape.start_again()
        assert shown_name(shape) == before
        assert at_all_doors(shape, "bob", PASSWORDS["bob"]) == [Said.YES] * 3
        assert at_all_doors(shape, "bob", "a wrong password") == [Said.UNAVAILABLE] * 3
    news_comes(shape, people)

"""New, old, newer and foreign databases."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.pool import NullPool

from control.records import Group, Provider, Source, Stage, User
from control.sources.ldap.described import BACKEND
from control.store.interface import AccessDenied, Query, Unavailable
from control.store.migrations import upgrade
from control.store.sql import NewerStore, SqlStore
from control.store.sql.schema import SCHEMA_REVISION, metadata
from control.verbs.provider_kinds import host_of
from tests.control.store.postgresql import SUPERUSER, Server
from tests.stores import SECRET_KEY

LONG = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(125))
"""Longer than what an index of PostgreSQL holds, and hardly to be compressed."""


@pytest.fixture
def raw(store_url: str) -> Iterator[Engine]:
    engine = create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    yield engine
    engine.dispose()


def _differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))


def test_the_migrations_end_in_the_tables_that_the_program_uses(raw: Engine) -> None:
    """After a change of records or tables: `python -m control.store.migrations.draft` writes the missing steps."""
    assert _differences(raw) != []
    with raw.begin() as connection:
        upgrade.to_newest(connection)
    assert _differences(raw) == []
    assert upgrade.newest() == SCHEMA_REVISION


def test_a_new_store_has_the_same_tables(raw: Engine, store_url: str) -> None:
    SqlStore(store_url, (SECRET_KEY,)).close()
    assert _differences(raw) == []
    with raw.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar() == SCHEMA_REVISION


def test_an_empty_schema_of_an_older_program_is_upgraded(raw: Engine, store_url: str) -> None:
    with raw.begin() as connection:
        upgrade.to_newest(connection)
    store = SqlStore(store_url, (SECRET_KEY,))
    assert store.write_now(lambda tx: tx.insert(User("a"))).pk == 1
    store.close()


def test_second_factors_that_came_later_are_asked_for_in_older_stores(raw: Engine) -> None:
    stages = {
        "default-authentication-mfa-validation": ["static", "totp"],
        "default-recovery-mfa-validation": ["totp"],
        "of-theirs": ["static", "totp"],
    }
    with raw.begin() as connection:
        upgrade.to(connection, "0011")
        for name, classes in stages.items():
            settings = json.dumps({"device_classes": classes, "not_configured_action": "deny"})
            connection.execute(
                text("insert into stage (pk, name, kind, settings) values (:name, :name, :kind, :settings)"),
                {"name": name, "kind": "authenticator_validate", "settings": settings},
            )
        upgrade.to_newest(connection)
        found = {row.name: row.settings for row in connection.execute(select(metadata.tables["stage"]))}
    every = {"device_classes": ["static", "totp", "webauthn", "email"], "not_configured_action": "deny"}
    assert found["default-authentication-mfa-validation"] == every
    assert found["default-recovery-mfa-validation"]["device_classes"] == ["totp"]
    assert found["of-theirs"]["device_classes"] == ["static", "totp"]


def test_people_in_older_stores_are_found_by_their_upn(raw: Engine, store_url: str) -> None:
    store = SqlStore(store_url, (SECRET_KEY,))
    upns: list[object] = ["Straße@corp.example.com", 7, None, LONG]
    for number, upn in enumerate(upns):
        attributes = {} if upn is None else {"upn": upn}
        store.write_now(lambda tx, n=number, a=attributes: tx.insert(User(f"u{n}", attributes=a)))  # type: ignore[misc]
    group = store.write_now(lambda tx: tx.insert(Group("staff"))).pk
    store.write_now(lambda tx: tx.add_members(group, [1, 2]))
    store.close()
    with raw.begin() as connection:
        connection.execute(text("drop table source_grant"))
        connection.execute(text('drop index "ix_user_upn_folded"'))
        connection.execute(text('alter table "user" drop column upn_folded'))
        _before_devices(connection, "0013")
    store = SqlStore(store_url, (SECRET_KEY,))
    found = store.read_now(lambda tx: tx.select(User, Query(alike={"upn": "STRASSE@corp.example.com"})))
    assert [user.username for user in found] == ["u0"]
    assert store.read_now(lambda tx: list(tx.members_of([group])[group])) == [1, 2]
    store.close()


def test_what_is_too_long_for_an_index_goes_from_older_stores(raw: Engine, store_url: str) -> None:
    store = SqlStore(store_url, (SECRET_KEY,))
    store.write_now(lambda tx: [tx.insert(User(name, attributes={"upn": name})) for name in ("short", "long")])
    store.close()
    with raw.begin() as connection:
        connection.execute(text("update \"user\" set upn_folded = :long where username = 'long'"), {"long": "a" * 601})
        connection.execute(text("update alembic_version set version_num = '0020'"))
    SqlStore(store_url, (SECRET_KEY,)).close()
    with raw.connect() as connection:
        found = connection.execute(text('select username, upn_folded from "user" order by pk')).all()
    assert [tuple(row) for row in found] == [("short", "short"), ("long", None)]


@pytest.mark.parametrize("failed_before", [False, True])
def test_a_file_is_copied_before_it_is_upgraded(tmp_path: Path, failed_before: bool) -> None:
    file, copy = tmp_path / "outpost.db", tmp_path / "outpost.db.schema-0011"
    older = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with older.begin() as connection:
        upgrade.to(connection, "0011")
        connection.execute(text("insert into stage (pk, name, kind, settings) values ('a', 'b', 'c', '{}')"))
    if failed_before:
        copy.write_bytes(b"half")
    SqlStore(f"sqlite:///{file}", (SECRET_KEY,)).close()
    assert copy.stat().st_mode & 0o777 == 0o600
    with create_engine(f"sqlite:///{copy}", poolclass=NullPool).connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar() == "0011"
        assert connection.execute(text("select name from stage")).scalar() == "b"
    assert list(tmp_path.glob("*schema*")) == [copy]


def test_where_no_copy_can_be_made_nothing_is_upgraded(tmp_path: Path) -> None:
    file = tmp_path / "outpost.db"
    older = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with older.begin() as connection:
        upgrade.to(connection, "0011")
    (tmp_path / "outpost.db.schema-0011").mkdir()
    with pytest.raises(Unavailable, match="a copy to keep of the database before it is upgraded"):
        SqlStore(f"sqlite:///{file}", (SECRET_KEY,))
    with older.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar() == "0011"


@pytest.mark.parametrize("schema", sorted(upgrade.known_revisions()))
def test_every_schema_before_is_upgraded_in_one_step(raw: Engine, store_url: str, schema: str) -> None:
    with raw.begin() as connection:
        upgrade.to(connection, schema)
    store = SqlStore(store_url, (SECRET_KEY,))
    assert store.write_now(lambda tx: tx.insert(User("a"))).pk == 1
    store.close()
    assert _differences(raw) == []


@pytest.mark.parametrize(
    ("backends", "has_directory", "asks"),
    [([], False, True), ([], True, False), (["somebody.chose.this"], False, False)],
    ids=["as made", "with a directory", "changed"],
)
def test_the_password_stage_of_older_stores_asks_directories(
    raw: Engine, store_url: str, backends: list[str], has_directory: bool, asks: bool
) -> None:
    before = ["authentik.core.auth.InbuiltBackend", "authentik.core.auth.TokenBackend", *backends]
    store = SqlStore(store_url, (SECRET_KEY,))
    made = Stage("default-authentication-password", "password", settings={"backends": before, "other": 1})
    pk = store.write_now(lambda tx: tx.insert(made)).pk
    if has_directory:
        store.write_now(lambda tx: tx.insert(Source("Directory", "directory", "ldap")))
    store.close()
    with raw.begin() as connection:
        _before_devices(connection, "0015")
    store = SqlStore(store_url, (SECRET_KEY,))
    after = store.read_now(lambda tx: tx.get(Stage, pk)).settings
    assert after == {"backends": [*before, *([BACKEND] if asks else [])], "other": 1}
    store.close()


def test_providers_in_older_stores_are_found_by_their_host(raw: Engine, store_url: str) -> None:
    spelled = {
        "https://APP.example.com:443": "app.example.com",
        "http://app.example.com.:8080": "app.example.com:8080",
        "https://[2001:DB8:0:0::1]:8443": "[2001:db8::1]:8443",
        "http://192.0.2.1:443/": "192.0.2.1:443",
        "https://app:port": "https://app:port",
    }
    assert {url: host_of(url) for url in spelled} == spelled, "what the program looks for"
    store = SqlStore(store_url, (SECRET_KEY,))
    records = [Provider(url, "proxy", settings={"external_host": url}) for url in spelled]
    store.write_now(lambda tx: [tx.insert(one) for one in (*records, Provider("other", "ldap"))])
    store.close()
    with raw.begin() as connection:
        _before_hosts(connection, "0017")
    store = SqlStore(store_url, (SECRET_KEY,))
    found = store.read_now(lambda tx: {one.name: one.host for one in tx.select(Provider)})
    assert found == {**spelled, "other": None}
    store.close()


def _before_devices(connection: Connection, version: str) -> None:
    connection.execute(text("drop table known_device"))
    _before_hosts(connection, version)


def _before_hosts(connection: Connection, version: str) -> None:
    for step in _steps_before_hosts(version):
        connection.execute(text(step))


TEXTS = "pk nas nas_name session username calling_station called_station ssid port framed_ip credential cause outpost"
SESSIONS = ", ".join(
    [f"{name} text not null" for name in f'{TEXTS} instance "order" outcome why'.split()]
    + [f"{name} bigint not null" for name in ("provider", "seconds", "input_octets", "output_octets")]
    + [f"{name} double precision not null" for name in ("started", "last_told", "expires")]
    + ['"user" bigint', "ended double precision", "live boolean not null"]
    + ["constraint pk_radius_session primary key (pk)"]
    + ["constraint uq_radius_session_nas_nas_name_session unique (nas, nas_name, session)"]
)
"""As they were, when those of one name made room for each other."""


def _steps_before_hosts(version: str) -> tuple[str, ...]:
    return (
        "drop table radius_session",
        f"create table radius_session ({SESSIONS})",
        *(
            f'create index ix_radius_session_{name} on radius_session ("{name}")'
            for name in ("user", "live", "expires")
        ),
        "drop table radius_pin",
        "drop index ix_provider_host",
        "alter table provider drop column host",
        f"update alembic_version set version_num = '{version}'",
    )


def test_a_newer_store_is_refused_and_left_alone(raw: Engine, store_url: str) -> None:
    SqlStore(store_url, (SECRET_KEY,)).close()
    with raw.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(NewerStore, match="9999"):
        SqlStore(store_url, (SECRET_KEY,))
    with raw.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar() == "9999"


def test_two_that_start_together_make_one_store(store_url: str) -> None:
    program = (
        "import sys; from control.store.sql import SqlStore\n"
        "store = SqlStore(sys.argv[1], (sys.argv[2],)); print(store.read_now(lambda tx: tx.incarnation)); store.close()"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, store_url, SECRET_KEY], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=200)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(set(said)) == 1
    assert len(said[0]) == 36


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"memory|not supported"):
        SqlStore(url, (SECRET_KEY,))


def test_opening_a_store_loads_no_migrations(tmp_path: object) -> None:
    program = (
        "import sys; from control.store.sql import SqlStore\n"
        "for _ in range(2): SqlStore(sys.argv[1], (sys.argv[2],)).close()\n"
        "print([name for name in ('alembic', 'psycopg') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path}/s.db", SECRET_KEY]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.peer
@pytest.mark.parametrize("schema", ["public", "elsewhere"])
def test_a_postgresql_keeps_a_copy_that_the_former_version_starts_with(
    postgresql_server: Server, database: str, schema: str
) -> None:
    """In another schema, as that version would have made it; whatever is upgraded from it again is as it should be."""
    within = f"&options=-csearch_path%3D{schema}" if schema != "public" else ""
    address = f"postgresql://{SUPERUSER}@/{database}?host={postgresql_server.folder}&port={postgresql_server.port}"
    if within:
        postgresql_server.execute(f"create schema {schema}", database)
    before = SqlStore(f"{address}{within}", (SECRET_KEY,))
    before.write_now(lambda tx: tx.add_members(tx.insert(Group("g")).pk, [tx.insert(User("a")).pk]))
    before.close()
    older = create_engine(f"{address}{within}".replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with older.begin() as connection:
        _before_hosts(connection, "0016")

    for number, name in enumerate(("outpost_schema_0016", "outpost_schema_0016_2"), 1):
        SqlStore(f"{address}{within}", (SECRET_KEY,)).close()
        there = f"{address}&options=-csearch_path%3D{name}"
        copy = create_engine(there.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
        with copy.connect() as connection:
            assert connection.execute(text("select version_num from alembic_version")).scalar() == "0016", number
        with older.begin() as connection:
            assert connection.execute(text("select version_num from alembic_version")).scalar() == SCHEMA_REVISION
            _before_hosts(connection, "0016")
        again = SqlStore(there, (SECRET_KEY,))
        assert again.read_now(lambda tx: [user.username for user in tx.select(User)]) == ["a"]
        assert again.read_now(lambda tx: len(tx.members_of([tx.select(Group)[0].pk]))) == 1
        again.close()
        assert _differences(copy) == []
    older.dispose()


@pytest.mark.peer
def test_where_a_role_may_make_no_copy_nothing_is_upgraded_and_it_says_what_to_grant(
    postgresql_server: Server, database: str
) -> None:
    role = f"role_of_{database}"
    postgresql_server.execute(f"create role {role} login")
    postgresql_server.execute(f"grant all on schema public to {role}", database)
    address = f"postgresql://{role}@/{database}?host={postgresql_server.folder}&port={postgresql_server.port}"
    SqlStore(address, (SECRET_KEY,)).close()
    for step in (*_steps_before_hosts("0016"), f"alter table radius_session owner to {role}"):
        postgresql_server.execute(step, database)
    with pytest.raises(AccessDenied, match=r"copy before the upgrade.*GRANT CREATE ON DATABASE"):
        SqlStore(address, (SECRET_KEY,))
    assert postgresql_server.execute("select version_num from alembic_version", database) == [("0016",)]
    postgresql_server.execute(f"grant create on database {database} to {role}")
    SqlStore(address, (SECRET_KEY,)).close()
    assert postgresql_server.execute("select version_num from alembic_version", database) == [(SCHEMA_REVISION,)]

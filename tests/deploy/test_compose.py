"""The compose file and the image, read as Docker reads them, with the .env of the walk-through."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from outpost.__main__ import COMMANDS
from settings import Settings, SettingsError, load
from settings.kinds import Address
from settings.table import ROWS
from tests.deploy.composed import ARTICLE, DEPLOY, PG_PASS, Missing, compose, containerfile, services
from tests.readme import TREE

MAIL = {"AUTHENTIK_EMAIL__HOST": "mail.example.com", "AUTHENTIK_EMAIL__USE_TLS": "true", "AUTHENTIK_EMAIL__PORT": "587"}
OUTPOSTS = {"ldap", "proxy", "radius"}
ABOUT_THE_DATABASE = {f"postgresql.{name}" for name in ("host", "user", "name", "password")}
"""That of the compose file: PG_USER, PG_DB and PG_PASS name it."""


def settings_of(name: str, **more: str) -> Settings:
    return load(services(ARTICLE | more)[name].environment)


def test_the_services_are_those_of_the_walk_through_without_a_redis() -> None:
    assert set(compose(ARTICLE)["services"]) == {"postgresql", "server", "worker", "apply"} | OUTPOSTS


@pytest.mark.parametrize("name", ["server", "worker"])
def test_what_control_is_told(name: str) -> None:
    settings = settings_of(name, PG_USER="ak", PG_DB="akdb", **MAIL)
    asked = settings.postgresql
    assert (asked.host, asked.user, asked.name) == ("postgresql", "ak", "akdb")
    assert asked.password is not None
    assert asked.password.reveal() == PG_PASS
    assert settings.secret_key is not None
    assert settings.secret_key.reveal() == ARTICLE["AUTHENTIK_SECRET_KEY"]
    assert (settings.email.host, settings.email.port, settings.email.use_tls) == ("mail.example.com", 587, True)
    assert settings.warnings == ()
    postgresql = compose(ARTICLE | {"PG_USER": "ak", "PG_DB": "akdb"})["services"]["postgresql"]["environment"]
    assert postgresql == {"POSTGRES_PASSWORD": PG_PASS, "POSTGRES_USER": "ak", "POSTGRES_DB": "akdb"}


@pytest.mark.parametrize("name", ["server", "worker", "apply"])
@pytest.mark.parametrize("prefix", ["AUTHENTIK", "OUTPOST"])
def test_whatever_stands_in_env_reaches_control(name: str, prefix: str) -> None:
    said = {
        f"{prefix}_{row.name.upper().replace('.', '__')}": f"value of {row.name}"
        for row in ROWS
        if row.name not in ABOUT_THE_DATABASE | {"data_dir"}
    }
    assert services(ARTICLE | said)[name].environment.items() >= said.items()
    narrow = settings_of(name, **{f"{prefix}_LISTEN__TRUSTED_PROXY_CIDRS": "192.0.2.0/24"})
    assert list(map(str, narrow.listen.trusted_proxy_cidrs)) == ["192.0.2.0/24"]
    assert settings_of(name, **{f"{prefix}_POSTGRESQL__SSLMODE": "disable"}).postgresql.sslmode == "disable"


@pytest.mark.parametrize("name", sorted(OUTPOSTS))
def test_no_secret_of_controls_reaches_an_outpost(name: str) -> None:
    others = {f"{other.upper()}_OUTPOST_TOKEN": f"token-of-{other}" for other in sorted(OUTPOSTS - {name})}
    passphrase = {"AUTHENTIK_BACKUP_PASSPHRASE": "correct horse battery"}
    told = services(ARTICLE | others | passphrase | MAIL)[name].environment
    assert not set(told.values()) & {*ARTICLE.values(), *others.values(), *passphrase.values()}
    heard = settings_of(name, AUTHENTIK_LOG__LEVEL="debug", AUTHENTIK_HOST_BROWSER="https://auth.example.com")
    assert (heard.log.level, heard.host_browser) == ("debug", "https://auth.example.com")


@pytest.mark.parametrize("name", sorted(OUTPOSTS))
def test_what_outposts_are_told(name: str) -> None:
    settings = settings_of(name, **{f"{name.upper()}_OUTPOST_TOKEN": "their-token"})
    assert settings.token is not None
    assert settings.token.reveal() == "their-token"
    assert settings.host
    assert settings.warnings == ()
    assert services(ARTICLE)[name].said["profiles"] == [name]


def test_files_may_name_the_tokens_that_outposts_have() -> None:
    theirs = {f"{name.upper()}_OUTPOST_TOKEN": f"token-of-{name}" for name in sorted(OUTPOSTS)}
    said = services(ARTICLE | theirs)
    assert said["apply"].environment.items() >= theirs.items()
    for name in OUTPOSTS:
        assert said[name].environment["OUTPOST_TOKEN"] == theirs[f"{name.upper()}_OUTPOST_TOKEN"]
    server = said["server"].environment
    assert {name: said["apply"].environment[name] for name in server} == server
    assert said["apply"].volumes["/site"] == "./site"


@pytest.mark.parametrize("missing", sorted(ARTICLE))
def test_without_a_secret_compose_says_how_to_make_one(missing: str) -> None:
    with pytest.raises(Missing, match="openssl rand"):
        compose({name: value for name, value in ARTICLE.items() if name != missing})


@pytest.mark.parametrize("pasted", sorted(ARTICLE))
def test_a_command_that_was_pasted_as_text_is_refused(pasted: str) -> None:
    literal = r"$(openssl rand -base64 36 | tr -d '\n')"
    with pytest.raises(SettingsError) as refused:
        settings_of("server", **{pasted: literal})
    [fault] = refused.value.lines
    assert "openssl rand" in fault
    assert literal not in fault


def test_every_command_is_one_and_runs_as_nobody_in_particular() -> None:
    for name, service in services(ARTICLE).items():
        assert service.command[0] == "outpost", name
        assert service.command[1] in COMMANDS, name
        assert service.said["healthcheck"]["test"] == ["CMD", "outpost", "healthcheck"]
        assert service.said["read_only"] is True
        assert service.said["cap_drop"] == ["ALL"]
        assert "user" not in service.said, name
        assert not any("docker.sock" in place for place in service.volumes.values()), name
    assert containerfile()["USER"] == "1000:1000"


def test_whatever_is_written_goes_to_a_volume() -> None:
    for name, service in services(ARTICLE).items():
        folder = str(load(service.environment).data_dir)
        assert folder == "/data"
        assert service.volumes[folder] in compose(ARTICLE)["volumes"], name
    assert '"/data"' in containerfile()["VOLUME"]


def test_media_templates_and_certificates_are_where_they_are_looked_for() -> None:
    settings, volumes = settings_of("server"), services(ARTICLE)["server"].volumes
    assert volumes[str(settings.storage.file.path)] == "./media"
    assert volumes[str(settings.email.template_dir)] == "./custom-templates"
    assert volumes[str(settings.cert_discovery_dir)] == "./certs"


def test_published_ports_lead_to_listeners_that_the_image_names() -> None:
    exposed = set(containerfile()["EXPOSE"].split())
    for name, service in services(ARTICLE).items():
        listen = load(service.environment).listen
        streams = {one.port for one in (*listen.http, *listen.https, *listen.ldap, *listen.ldaps)}
        datagrams = {one.port for one in (*listen.radius, *listen.radius_acct)}
        for published in service.said.get("ports", []):
            inside, _, protocol = published.rpartition(":")[2].partition("/")
            assert int(inside) in (datagrams if protocol == "udp" else streams), (name, published)
            assert published.rpartition(":")[2] in exposed
    ports = services(ARTICLE)["server"].said["ports"]
    assert {"9000:9000", "9443:9443", "1812:1812/udp", "1813:1813/udp"} <= set(ports)
    moved = services(ARTICLE | {"COMPOSE_PORT_HTTP": "80", "COMPOSE_PORT_HTTPS": "443"})["server"].said["ports"]
    assert {"80:9000", "443:9443"} <= set(moved)


def test_radius_sees_the_addresses_of_nas_and_has_its_ports_to_itself() -> None:
    radius = services(ARTICLE)["radius"]
    assert radius.said["network_mode"] == "host"
    moved = services(ARTICLE | {"RADIUS_PORT": "11812", "RADIUS_ACCT_PORT": "11813"})["server"].said["ports"]
    assert {"11812:1812/udp", "11813:1813/udp"} <= set(moved)
    listen = load(radius.environment).listen
    server = {int(port.split(":")[0]) for port in services(ARTICLE)["server"].said["ports"]} - {1812, 1813}
    taken = {one.port for addresses in (listen.http, listen.https, listen.ldap, listen.ldaps) for one in addresses}
    assert not taken & server
    assert Address("0.0.0.0", 1812) in listen.radius


def test_the_network_is_trusted_by_name_and_its_containers_can_be_without_its_gateway() -> None:
    [network] = compose(ARTICLE)["networks"]["default"]["ipam"]["config"]
    gateway = ip_address(network["gateway"])
    assert gateway in ip_network(network["subnet"])
    assert gateway not in ip_network(network["ip_range"])
    for name in ("server", "worker", "proxy"):
        trusted = settings_of(name).listen.trusted_proxy_cidrs
        assert ip_network(network["subnet"]) in trusted
        narrower = settings_of(name, TRUSTED_PROXIES=network["ip_range"]).listen.trusted_proxy_cidrs
        assert not any(gateway in one for one in narrower)
    wider = settings_of("server", TRUSTED_PROXIES="192.0.2.0/24").listen.trusted_proxy_cidrs
    assert list(map(str, wider)) == ["192.0.2.0/24"]


def test_what_the_image_copies_is_there() -> None:
    for line in (DEPLOY / "Containerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (TREE / source).exists(), source

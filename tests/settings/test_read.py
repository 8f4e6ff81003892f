"""Defaults, file, environment, and everything that can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import ROWS, Settings, SettingsError, env_name, load
from settings.references import LARGEST_FILE
from settings.table import refused, without_effect

GOOD_KEY = "kW7hT2mQ9xB4nV6pL1sD8fG3jR5yC0zA"


def faults(environ: dict[str, str], path: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(environ, path)
    return caught.value.lines


def only_fault(environ: dict[str, str], path: Path | None = None) -> str:
    lines = faults(environ, path)
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "outpost.yml"


def test_nothing_given_is_the_documented_default() -> None:
    settings = load({})
    assert settings == Settings()
    assert settings.data_dir == Path("data")
    assert settings.secret_key is None
    assert [str(address) for address in settings.listen.http] == ["0.0.0.0:9000", "[::]:9000"]
    ports = {name: getattr(settings.listen, name)[0].port for name in ("https", "ldap", "ldaps", "radius", "metrics")}
    assert ports == {"https": 9443, "ldap": 3389, "ldaps": 6636, "radius": 1812, "metrics": 9300}
    assert settings.listen.radius_acct[0].port == 1813
    assert settings.listen.radsec[0].port == 2083
    assert [str(network) for network in settings.listen.trusted_proxy_cidrs] == ["127.0.0.0/8", "::1/128"]
    assert not settings.postgresql.host
    assert settings.warnings == ()


def test_file_then_authentiks_variables_then_ours(file: Path) -> None:
    file.write_text("listen:\n  ldap: 127.0.0.1:1\n  ldaps: 127.0.0.1:2\n  http: 127.0.0.1:3\n")
    environ = {
        "AUTHENTIK_LISTEN__LDAPS": "127.0.0.1:20",
        "AUTHENTIK_LISTEN__HTTP": "127.0.0.1:30",
        "OUTPOST_LISTEN__HTTP": "127.0.0.1:300",
    }
    settings = load(environ, file)
    listen = settings.listen
    assert [listen.ldap[0].port, listen.ldaps[0].port, listen.http[0].port] == [1, 20, 300]
    assert settings.sources["listen.ldap"] == f"{file} line 2"
    assert settings.sources["listen.ldaps"] == "AUTHENTIK_LISTEN__LDAPS"
    assert settings.sources["listen.http"] == "OUTPOST_LISTEN__HTTP"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_name_is_accepted_from_the_file_and_from_both_environments(row, file: Path) -> None:  # type: ignore[no-untyped-def]
    *above, last = row.name.split(".")
    value = {"secret_key": GOOD_KEY, "log.level": "debug", "log.format": "json", "postgresql.sslmode": "require"}.get(
        row.name, "12"
    )
    if row.name in ("insecure", "email.use_tls", "email.use_ssl"):
        value = "true"
    if row.name in ("offline_credentials", "backup.with_secret_key"):
        value = "false"
    if row.name in ("public_url", "host", "host_browser"):
        value = "https://auth.example.com"
    if row.name == "host_pins":
        value = "AB:" * 31 + "AB"
    if row.name == "listen.trusted_proxy_cidrs":
        value = "10.0.0.0/8"
    indented = [f"{'  ' * depth}{part}:" for depth, part in enumerate([*above, last])]
    file.write_text("\n".join(indented) + f' "{value}"\n')
    variable = env_name(row.name)
    for settings in (
        load({}, file),
        load({variable: value}),
        load({variable.replace("OUTPOST_", "AUTHENTIK_"): value}),
    ):
        assert row.name in settings.sources
        assert row.value_in(settings) != row.value_in(Settings())
        assert settings.warnings == ()


def test_authentiks_other_names_for_a_setting() -> None:
    settings = load({"AUTHENTIK_LOG_LEVEL": "debug", "AUTHENTIK_WEB__BASE_URL": "https://auth.example.com/"})
    assert settings.log.level == "debug"
    assert settings.public_url == "https://auth.example.com"


def test_the_variables_of_a_compose_file_need_only_notes() -> None:
    settings = load(
        {
            "AUTHENTIK_REDIS__HOST": "redis",
            "AUTHENTIK_POSTGRESQL__HOST": "postgresql",
            "AUTHENTIK_POSTGRESQL__USER": "authentik",
            "AUTHENTIK_POSTGRESQL__NAME": "authentik",
            "AUTHENTIK_POSTGRESQL__PASSWORD": "p+/=",
            "AUTHENTIK_SECRET_KEY": GOOD_KEY,
            "AUTHENTIK_ERROR_REPORTING__ENABLED": "false",
        }
    )
    assert settings.postgresql.host == "postgresql"
    assert settings.postgresql.password is not None
    assert settings.postgresql.password.reveal() == "p+/="
    assert len(settings.warnings) == 2
    assert "AUTHENTIK_REDIS__HOST: accepted without effect; no Redis is needed." in settings.warnings


def test_set_but_empty_is_not_set() -> None:
    settings = load({"OUTPOST_LISTEN__HTTP": "", "AUTHENTIK_LISTEN__HTTP": "127.0.0.1:5", "OUTPOST_SECRET_KEY": ""})
    assert settings.listen.http[0].port == 5
    assert settings.secret_key is None


# --- values that stand elsewhere -----------------------------------------------------------------------------------


def test_values_from_another_variable_and_from_a_file(tmp_path: Path, file: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    file.write_text(f"token: file://{tmp_path}/token\nbootstrap_email: env://MAIL?nobody@example.com\n")
    settings = load({"MAIL": "root@example.org"}, file)
    assert settings.token is not None
    assert settings.token.reveal() == "s3cret"
    assert settings.bootstrap_email == "root@example.org"
    assert load({}, file).bootstrap_email == "nobody@example.com"


def test_a_value_that_is_not_where_it_should_be_is_a_fault(tmp_path: Path) -> None:
    assert only_fault({"OUTPOST_TOKEN": "env://NOWHERE"}) == (
        "OUTPOST_TOKEN points at the variable NOWHERE, which is not set"
    )
    assert "cannot be read" in only_fault({"OUTPOST_TOKEN": f"file://{tmp_path}/nowhere"})
    assert load({"OUTPOST_TOKEN": f"file://{tmp_path}/nowhere?fallback"}).token is not None


def test_the_beginning_of_a_file_is_not_the_secret_in_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("x" * LARGEST_FILE)
    assert load({"OUTPOST_TOKEN": f"file://{file}"}).token is not None
    file.write_text("x" * (LARGEST_FILE + 1))
    assert only_fault({"OUTPOST_TOKEN": f"file://{file}?fallback"}) == (
        f"OUTPOST_TOKEN points at the file {file}, which is larger than {LARGEST_FILE} bytes"
    )
    assert "cannot be read" in only_fault({"OUTPOST_TOKEN": "file:///a\0b"})


# --- slips ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("OUTPOST_LISTEN_HTTP", "OUTPOST_LISTEN__HTTP"),
        ("OUTPOST_LISTEN__HTPP", "OUTPOST_LISTEN__HTTP"),
        ("OUTPOST_SECRETKEY", "OUTPOST_SECRET_KEY"),
        ("OUTPOST_DATADIR", "OUTPOST_DATA_DIR"),
        ("OUTPOST_BOOTSTRAP_PASWORD", "OUTPOST_BOOTSTRAP_PASSWORD"),
        ("OUTPOST_POSTGRES__PASSWORD", "OUTPOST_POSTGRESQL__PASSWORD"),
        ("OUTPOST_LISTEN__TRUSTED_PROXY_CIDR", "OUTPOST_LISTEN__TRUSTED_PROXY_CIDRS"),
        ("OUTPOST_STORAGE__FILE__PAHT", "OUTPOST_STORAGE__FILE__PATH"),
        ("OUTPOST_WEB__BASE_URLL", "OUTPOST_WEB__BASE_URL"),
    ],
)
def test_a_near_miss_is_a_fault_that_names_what_was_meant(written: str, meant: str) -> None:
    assert only_fault({written: "1"}) == f"{written} is not a setting; did you mean {meant}?"


def test_a_near_miss_of_authentiks_is_a_warning() -> None:
    assert load({"AUTHENTIK_SECRETKEY": "x"}).warnings == (
        "AUTHENTIK_SECRETKEY is not a setting; did you mean OUTPOST_SECRET_KEY?",
    )


def test_in_sections_that_have_no_effect_one_of_authentiks_is_none() -> None:
    for name in ("POSTGRESQL__TEST__NAME", "WEB__THREADS", "STORAGE__REPORTS__FILE__PATH", "STORAGE__S3__REGION"):
        for prefix in ("OUTPOST_", "AUTHENTIK_"):
            (warning,) = load({f"{prefix}{name}": "x"}).warnings
            assert warning.startswith(f"{prefix}{name}: accepted without effect")


def test_a_setting_is_said_once_and_a_section_without_settings_has_a_name_too(file: Path) -> None:
    file.write_text("listen: {}\nlisten.http: 1\nlog_level: info\nlog:\n  level: debug\nlisten.ldap: 3\nlissen: {}\n")
    with pytest.raises(SettingsError) as caught:
        load({}, file)
    assert caught.value.lines == [
        f"{file}: line 5: 'log.level' is said already, line 3",
        f"{file}: line 7: unknown setting 'lissen'",
    ]


def test_what_kubernetes_injects_stops_nothing() -> None:
    injected = {
        "OUTPOST_PORT": "tcp://10.0.0.1:9000",
        "OUTPOST_PORT_9000_TCP": "tcp://10.0.0.1:9000",
        "OUTPOST_PORT_9000_TCP_ADDR": "10.0.0.1",
        "OUTPOST_SERVICE_HOST": "10.0.0.1",
        "OUTPOST_SERVICE_PORT": "9000",
        "OUTPOST_SERVICE_PORT_HTTP": "9000",
        "OUTPOST_POSTGRESQL_PORT": "tcp://10.0.0.2:5432",
        "OUTPOST_POSTGRESQL_SERVICE_HOST": "10.0.0.2",
        "OUTPOST_LDAP_PORT_389_TCP_PROTO": "tcp",
    }
    settings = load(injected)
    assert settings == Settings()
    assert len(settings.warnings) == 1
    assert all(name in settings.warnings[0] for name in injected)


def test_other_unknown_variables_are_warned_about() -> None:
    assert load({"OUTPOST_COLOUR": "green", "PATH": "x"}).warnings == (
        "OUTPOST_COLOUR is not a setting and is ignored.",
    )


def test_an_unknown_key_in_the_file_is_a_fault_with_its_line(file: Path) -> None:
    file.write_text("# ours\nlisten:\n  htpp: 9000\nflavour: sweet\n")
    assert faults({}, file) == [
        f"{file}: line 3: unknown setting 'listen.htpp'; did you mean 'listen.http'?",
        f"{file}: line 4: unknown setting 'flavour'",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- a\n", "must hold names and values"),
        ("listen: 9000\n", "line 1: 'listen' is a section"),
        ("data_dir: a\ndata_dir: b\n", "line 2: 'data_dir' is there twice"),
        ("a: &x 1\nb: *x\n", "aliases"),
        ("a: [\n", "line 2: "),
        ("a: !!python/object:os.system x\n", "line 1: tags (tag:yaml.org,2002:python/object:os.system) are not"),
    ],
)
def test_a_file_that_is_not_ours_is_a_fault(file: Path, text: str, complaint: str) -> None:
    file.write_text(text)
    assert complaint in only_fault({}, file)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    assert "cannot be read" in only_fault({}, tmp_path / "nowhere.yml")
    (tmp_path / "latin.yml").write_bytes(b"data_dir: \xe4\n")
    assert "not UTF-8" in only_fault({}, tmp_path / "latin.yml")


def test_an_empty_file_is_no_fault(file: Path) -> None:
    file.write_text("# nothing yet\nlisten:\n")
    assert load({}, file) == Settings()


def test_a_listener_is_closed_from_the_file_too(file: Path) -> None:
    file.write_text("listen:\n  ldap: off\n")
    assert load({}, file).listen.ldap == ()


def test_all_faults_are_told_at_once() -> None:
    assert len(faults({"OUTPOST_LISTEN__HTTP": "x", "OUTPOST_WORKERS": "0", "OUTPOST_HOSTS": "y"})) == 3


# --- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["short", "$(openssl rand -base64 60 | tr -d '\\n')", "changeme" * 8, "a" * 64])
def test_a_weak_secret_key_is_refused_and_not_repeated(key: str) -> None:
    fault = only_fault({"AUTHENTIK_SECRET_KEY": key})
    assert fault.startswith("AUTHENTIK_SECRET_KEY: ")
    assert "openssl rand" in fault
    assert key not in fault


@pytest.mark.parametrize("name", ["POSTGRESQL__PASSWORD", "EMAIL__PASSWORD", "BOOTSTRAP_PASSWORD"])
@pytest.mark.parametrize("command", ["$(openssl rand -base64 36 | tr -d '\\n')", "`pwgen 30`"])
def test_a_secret_that_is_a_command_is_refused_and_not_repeated(name: str, command: str) -> None:
    fault = only_fault({f"AUTHENTIK_{name}": command})
    assert fault.startswith(f"AUTHENTIK_{name} is a command")
    assert "openssl rand -base64 36" in fault
    assert command not in fault


def test_a_secret_may_have_any_characters() -> None:
    settings = load({"AUTHENTIK_POSTGRESQL__PASSWORD": "a$(b)`c`+/="})
    assert settings.postgresql.password is not None
    assert settings.postgresql.password.reveal() == "a$(b)`c`+/="


# --- what would be missed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"), [("WEB__PATH", "/auth/"), ("STORAGE__BACKEND", "s3"), ("COMPLIANCE__FIPS__ENABLED", "true")]
)
def test_what_would_be_missed_is_refused(name: str, value: str) -> None:
    fault = only_fault({f"AUTHENTIK_{name}": value})
    assert fault.startswith(f"AUTHENTIK_{name} cannot be {value!r}: ")


@pytest.mark.parametrize(
    ("name", "value"), [("WEB__PATH", "/"), ("STORAGE__BACKEND", "file"), ("TENANTS__ENABLED", "no")]
)
def test_what_says_how_it_is_anyway_is_a_note(name: str, value: str) -> None:
    [warning] = load({f"AUTHENTIK_{name}": value}).warnings
    assert "without effect" in warning


def test_secrets_print_nowhere() -> None:
    secrets = {name: f"{GOOD_KEY}{index}" for index, name in enumerate(row.name for row in ROWS if row.kind.secret)}
    assert {
        "secret_key",
        "token",
        "bootstrap_password",
        "bootstrap_token",
        "postgresql.password",
        "email.password",
    } <= (set(secrets))
    settings = load({env_name(name): value for name, value in secrets.items()})
    printed = (
        repr(settings) + str(settings) + "\n".join(settings.shown()) + f"{settings.token}{settings.secret_key!s:>20}"
    )
    assert GOOD_KEY not in printed
    assert f"secret_key = ********  ({env_name('secret_key')})" in settings.shown()


def test_shown_names_every_setting_with_its_source() -> None:
    lines = load({"OUTPOST_LISTEN__LDAP": "off"}).shown()
    assert len(lines) == len(ROWS)
    assert "listen.ldap = off  (OUTPOST_LISTEN__LDAP)" in lines
    assert "listen.http = 0.0.0.0:9000, [::]:9000  (default)" in lines
    assert "secret_key = (not set)  (default)" in lines
    assert "email.from = authentik@localhost  (default)" in lines


AUTHENTIKS = """
POSTGRESQL__HOST POSTGRESQL__NAME POSTGRESQL__USER POSTGRESQL__PORT POSTGRESQL__PASSWORD POSTGRESQL__SSLMODE
POSTGRESQL__SSLROOTCERT POSTGRESQL__SSLCERT POSTGRESQL__SSLKEY POSTGRESQL__DEFAULT_SCHEMA POSTGRESQL__USE_PGBOUNCER
POSTGRESQL__USE_PGPOOL POSTGRESQL__CONN_MAX_AGE POSTGRESQL__CONN_HEALTH_CHECKS POSTGRESQL__USE_POOL
POSTGRESQL__DISABLE_SERVER_SIDE_CURSORS POSTGRESQL__READ_REPLICAS__0__HOST REDIS__HOST REDIS__PORT REDIS__DB
REDIS__USERNAME REDIS__PASSWORD REDIS__TLS REDIS__TLS_REQS REDIS__TLS_CA_CERT CACHE__URL CACHE__TIMEOUT
CACHE__TIMEOUT_FLOWS CHANNEL__URL BROKER__URL RESULT_BACKEND__URL LISTEN__HTTP LISTEN__HTTPS LISTEN__LDAP
LISTEN__LDAPS LISTEN__METRICS LISTEN__DEBUG LISTEN__DEBUG_PY LISTEN__RADIUS LISTEN__TRUSTED_PROXY_CIDRS
STORAGE__BACKEND STORAGE__FILE__PATH STORAGE__S3__REGION STORAGE__MEDIA__BACKEND STORAGE__MEDIA__S3__BUCKET_NAME
PATHS__MEDIA SECRET_KEY LOG_LEVEL DEBUG REMOTE_DEBUG COOKIE_DOMAIN EVENTS__CONTEXT_PROCESSORS__GEOIP
EVENTS__CONTEXT_PROCESSORS__ASN GEOIP DISABLE_UPDATE_CHECK DISABLE_STARTUP_ANALYTICS ERROR_REPORTING__ENABLED
ERROR_REPORTING__SENTRY_DSN ERROR_REPORTING__ENVIRONMENT ERROR_REPORTING__SEND_PII EMAIL__HOST EMAIL__PORT
EMAIL__USERNAME EMAIL__PASSWORD EMAIL__USE_TLS EMAIL__USE_SSL EMAIL__TIMEOUT EMAIL__FROM
OUTPOSTS__CONTAINER_IMAGE_BASE OUTPOSTS__DISCOVER OUTPOSTS__DISABLE_EMBEDDED_OUTPOST AVATARS CERT_DISCOVERY_DIR
BLUEPRINTS_DIR DEFAULT_TOKEN_LENGTH GDPR_COMPLIANCE IMPERSONATION DEFAULT_USER_CHANGE_NAME DEFAULT_USER_CHANGE_EMAIL
FOOTER_LINKS LDAP__TASK_TIMEOUT_HOURS LDAP__PAGE_SIZE LDAP__TLS__CIPHERS REPUTATION__EXPIRY
SESSIONS__UNAUTHENTICATED_AGE SOURCES__KERBEROS__TASK_TIMEOUT_HOURS THROTTLE__DEFAULT WEB__WORKERS WEB__THREADS
WEB__PATH WORKER__CONCURRENCY WORKER__PROCESSES WORKER__THREADS TENANTS__ENABLED COMPLIANCE__FIPS__ENABLED
BOOTSTRAP_PASSWORD BOOTSTRAP_TOKEN BOOTSTRAP_EMAIL HOST INSECURE TOKEN HOST_BROWSER
"""
"""Variables of authentik's documentation and of its file of defaults, of versions from 2023 on, behind AUTHENTIK_."""


@pytest.mark.parametrize("name", AUTHENTIKS.split())
def test_every_variable_of_authentiks_is_honoured_refused_or_said_to_have_no_effect(name: str) -> None:
    dotted = name.lower().replace("__", ".")
    said = [dotted in row.names for row in ROWS].count(True), refused(dotted, "something"), without_effect(dotted)
    assert any(said), f"AUTHENTIK_{name} would be called unknown"

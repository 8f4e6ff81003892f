"""The settings, each in one line: name, kind, default, what it is for.

The dataclasses are the table: reading, near-misses, ``check-config`` and the documents all walk `ROWS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from settings.kinds import (
    ADDRESSES,
    BOOLEAN,
    FOLDER,
    NETWORKS,
    OPTIONAL_PATH,
    PATHS,
    PINS,
    PORT,
    SECRET,
    SITE,
    TEXT,
    URLS,
    Address,
    Kind,
    Network,
    choice,
    whole_number,
)
from settings.secret import Secret

T = TypeVar("T")

MOST_WORKERS = 256
LONGEST_TIMEOUT = 3600
LONGEST_PAUSE = 24 * 366
MOST_BACKUPS = 10_000


def setting(kind: Kind[T], default: object, doc: str, also: str = "") -> T:
    """One setting; ``default`` is written as a person would, ``also`` is another name that authentik has for it."""
    return field(default=kind.read(default), metadata={"kind": kind, "doc": doc, "also": also})


def section(kind: type[T]) -> T:
    return field(default_factory=kind, metadata={"section": kind})


@dataclass(frozen=True, slots=True)
class Listen:
    """``off`` closes a listener; lists are separated by commas; port 0 means any free one."""

    http: tuple[Address, ...] = setting(ADDRESSES, "9000", "HTTP: pages, API, forward-auth and proxied hosts")
    https: tuple[Address, ...] = setting(ADDRESSES, "9443", "the same over TLS")
    ldap: tuple[Address, ...] = setting(ADDRESSES, "3389", "LDAP, with StartTLS")
    ldaps: tuple[Address, ...] = setting(ADDRESSES, "6636", "LDAP over TLS")
    radius: tuple[Address, ...] = setting(ADDRESSES, "1812", "RADIUS authentication, UDP")
    radius_acct: tuple[Address, ...] = setting(ADDRESSES, "1813", "RADIUS accounting, UDP")
    radsec: tuple[Address, ...] = setting(ADDRESSES, "2083", "RADIUS over TLS, TCP")
    ext_authz: tuple[Address, ...] = setting(ADDRESSES, "off", "Envoy's external authorization over gRPC")
    fastcgi: tuple[Address, ...] = setting(ADDRESSES, "off", "FastCGI in the Authorizer role, for Apache")
    metrics: tuple[Address, ...] = setting(ADDRESSES, "9300", "Prometheus metrics and health")
    trusted_proxy_cidrs: tuple[Network, ...] = setting(
        NETWORKS, "127.0.0.0/8, ::1/128", "peers whose X-Forwarded-* and PROXY headers are believed"
    )


@dataclass(frozen=True, slots=True)
class Postgresql:
    host: str = setting(TEXT, "", "server; without one, SQLite in data_dir is used")
    port: int = setting(PORT, 5432, "port of the server")
    user: str = setting(TEXT, "authentik", "role")
    name: str = setting(TEXT, "authentik", "database")
    password: Secret | None = setting(SECRET, "", "password of the role")
    sslmode: str = setting(
        choice("disable", "allow", "prefer", "require", "verify-ca", "verify-full"), "prefer", "as in libpq"
    )
    sslrootcert: Path | None = setting(OPTIONAL_PATH, "", "CA that the server's certificate must come from")
    sslcert: Path | None = setting(OPTIONAL_PATH, "", "client certificate")
    sslkey: Path | None = setting(OPTIONAL_PATH, "", "key of the client certificate")
    default_schema: str = setting(TEXT, "public", "schema that holds the tables")


@dataclass(frozen=True, slots=True)
class Log:
    level: str = setting(
        choice("trace", "debug", "info", "warning", "error"),
        "info",
        "least important line that is written",
        "log_level",
    )
    format: str = setting(choice("auto", "text", "json"), "auto", "auto: text on a terminal, JSON otherwise")


@dataclass(frozen=True, slots=True)
class Email:
    host: str = setting(TEXT, "", "SMTP server; without one, no mail is sent")
    port: int = setting(PORT, 25, "port of the server")
    username: str = setting(TEXT, "", "name to sign in with")
    password: Secret | None = setting(SECRET, "", "password to sign in with")
    use_tls: bool = setting(BOOLEAN, False, "STARTTLS")
    use_ssl: bool = setting(BOOLEAN, False, "TLS from the first byte")
    timeout: int = setting(whole_number(1, LONGEST_TIMEOUT), 10, "seconds to wait for the server")
    from_: str = setting(TEXT, "authentik@localhost", "sender")
    template_dir: Path | None = setting(
        OPTIONAL_PATH, "/templates", "folder whose templates replace ours; there need be no such folder"
    )


@dataclass(frozen=True, slots=True)
class StoredFiles:
    path: Path | None = setting(
        OPTIONAL_PATH,
        "/media",
        "folder of icons, shown below /media/; there need be no such folder",
        "storage.media.file.path",
    )


@dataclass(frozen=True, slots=True)
class Storage:
    file: StoredFiles = section(StoredFiles)


@dataclass(frozen=True, slots=True)
class ContextProcessors:
    geoip: Path | None = setting(OPTIONAL_PATH, "", "MaxMind database of countries or cities, for policies")
    asn: Path | None = setting(OPTIONAL_PATH, "", "MaxMind database of autonomous systems, for policies")


@dataclass(frozen=True, slots=True)
class Events:
    context_processors: ContextProcessors = section(ContextProcessors)


@dataclass(frozen=True, slots=True)
class Radius:
    dictionaries: tuple[Path, ...] = setting(
        PATHS, "", "FreeRADIUS dictionary files (version 3) with more attributes for answers; with commas between"
    )


@dataclass(frozen=True, slots=True)
class Backup:
    folder: Path | None = setting(
        OPTIONAL_PATH, "", "folder that control backs up into, by itself; needs the passphrase"
    )
    every: int = setting(whole_number(1, LONGEST_PAUSE), 24, "hours from one to the next")
    keep: int = setting(whole_number(1, MOST_BACKUPS), 14, "how many stay")
    with_secret_key: bool = setting(BOOLEAN, True, "put the secret key inside, as outpost backup --with-secret-key")


@dataclass(frozen=True, slots=True)
class Settings:
    """What both programs run with. ``sources`` says for every name where its value came from."""

    data_dir: Path = setting(FOLDER, "./data", "database, secret.key, ports.json, and your list breached-passwords.txt")
    secret_key: Secret | None = setting(SECRET, "", "encrypts secrets at rest; without one, up makes data/secret.key")
    former_secret_keys: Secret | None = setting(
        SECRET, "", "keys that still open what they have sealed, with commas between; see outpost rotate-secret-key"
    )
    bootstrap_password: Secret | None = setting(SECRET, "", "first password of akadmin, at the first start only")
    bootstrap_token: Secret | None = setting(SECRET, "", "API token of akadmin, at the first start only")
    bootstrap_email: str = setting(TEXT, "root@example.com", "mail address of akadmin, at the first start only")
    public_url: str = setting(SITE, "", "address under which browsers reach us", "web.base_url")
    workers: int = setting(
        whole_number(1, MOST_WORKERS), 1, "outpost alone: processes that share its listeners, one a core"
    )
    host: tuple[str, ...] = setting(URLS, "", "outpost alone: where control is; several, separated by commas")
    token: Secret | None = setting(SECRET, "", "outpost alone: its token, from control")
    insecure: bool = setting(BOOLEAN, False, "outpost alone: do not verify control's certificate")
    ca_file: Path | None = setting(OPTIONAL_PATH, "", "outpost alone: CA that control's certificate must come from")
    host_pins: tuple[str, ...] = setting(
        PINS,
        "",
        "outpost alone: SHA-256 of control's key (sha256//...) or certificate (hexadecimal); with commas between",
    )
    client_certificate: Path | None = setting(
        OPTIONAL_PATH, "", "outpost alone: certificate that it shows to control, PEM"
    )
    client_key: Path | None = setting(OPTIONAL_PATH, "", "outpost alone: key of that certificate, if in another file")
    host_browser: str = setting(SITE, "", "outpost alone: control's address as browsers see it, if another")
    offline_credentials: bool = setting(
        BOOLEAN, True, "outpost alone: keep accepted passwords on disk (Argon2id, sealed) for a restart without control"
    )
    cert_discovery_dir: Path | None = setting(
        OPTIONAL_PATH, "/certs", "folder of certificates that LDAP, RADIUS and HTTPS show; watched for renewed ones"
    )
    backup_passphrase: Secret | None = setting(SECRET, "", "seals and opens backups; asked for without one")
    listen: Listen = section(Listen)
    postgresql: Postgresql = section(Postgresql)
    log: Log = section(Log)
    email: Email = section(Email)
    storage: Storage = section(Storage)
    events: Events = section(Events)
    radius: Radius = section(Radius)
    backup: Backup = section(Backup)
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def shown(self) -> list[str]:
        """One line a setting: name, value (secrets masked), where it came from."""
        return [
            f"{row.name} = {row.kind.show(row.value_in(self))}  ({self.sources.get(row.name, 'default')})"
            for row in ROWS
        ]


@dataclass(frozen=True, slots=True)
class Row:
    path: tuple[str, ...]
    """Attribute names from `Settings` down."""
    kind: Kind[Any]
    doc: str
    also: str

    @property
    def name(self) -> str:
        return ".".join(part.rstrip("_") for part in self.path)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, self.also) if self.also else (self.name,)

    def value_in(self, settings: Settings) -> Any:
        value: Any = settings
        for part in self.path:
            value = getattr(value, part)
        return value


def _rows(kind: type[Any], above: tuple[str, ...] = ()) -> Iterator[Row]:
    members: tuple[Field[Any], ...] = fields(kind)
    for member in members:
        path = (*above, member.name)
        if "section" in member.metadata:
            yield from _rows(member.metadata["section"], path)
        elif "kind" in member.metadata:
            yield Row(path, member.metadata["kind"], member.metadata["doc"], member.metadata["also"])


ROWS: tuple[Row, ...] = tuple(_rows(Settings))

WITHOUT_EFFECT: Mapping[str, str] = {
    "redis": "no Redis is needed",
    "cache": "no Redis is needed",
    "channel": "no Redis is needed",
    "broker": "no Redis is needed",
    "result_backend": "no Redis is needed",
    "error_reporting": "nothing is ever reported to anyone",
    "disable_startup_analytics": "nothing is ever reported to anyone",
    "disable_update_check": "no update check is made",
    "pyroscope_host": "there is no profiler to connect",
    "debugger": "there is no remote debugger",
    "http_timeout": "each kind of request has its own patience",
    "session_storage": "sessions are kept in the database",
    "debug": "set log.level to debug for more lines",
    "remote_debug": "there is no remote debugger",
    "listen.debug": "there is no debug listener",
    "listen.debug_py": "there is no debug listener",
    "log.http_headers": "requests are logged without headers",
    "web": "the HTTP listener needs no tuning; it serves the root path",
    "worker": "background work is a task of the process, and needs no tuning",
    "outposts": "the embedded outpost always runs, and nothing is deployed for you",
    "postgresql.conn_max_age": "connections are pooled",
    "postgresql.conn_health_checks": "connections are checked",
    "postgresql.conn_options": "connections are pooled",
    "postgresql.use_pool": "connections are pooled",
    "postgresql.pool_options": "connections are pooled",
    "postgresql.use_pgbouncer": "no session state is kept in connections",
    "postgresql.use_pgpool": "no session state is kept in connections",
    "postgresql.disable_server_side_cursors": "server-side cursors are not used",
    "postgresql.read_replicas": "reads go to the same server",
    "postgresql.test": "that is for authentik's own tests",
    "bootstrap_password_hash": "set bootstrap_password instead, at the first start",
    "paths": "name the folder of icons in storage.file.path",
    "storage": "uploads are not supported yet; name the folder of icons in storage.file.path",
    "blueprints_dir": "blueprints are not read; see outpost apply",
    "default_token_length": "tokens have their own length",
    "cookie_domain": "the session cookie belongs to one host",
    "sessions": "sessions have their own limits",
    "throttle": "tries are held up by rules of their own",
    "reputation": "reputation is kept and forgotten by rules of its own",
    "ldap": "LDAP sources are kept and asked as each of them says",
    "sources": "sources are kept as each of them says",
    "geoip": "name the database in events.context_processors.geoip",
    "avatars": "avatars are not supported",
    "footer_links": "pages have no footer links",
    "compliance": "there is no compliance mode",
    "enterprise": "there is no licence to enter",
    "tenants": "there is one tenant",
    "impersonation": "not supported yet",
    "gdpr_compliance": "not supported yet",
    "default_user_change_name": "set it under System → Configuration, or at /api/v3/admin/settings/",
    "default_user_change_email": "set it under System → Configuration, or at /api/v3/admin/settings/",
    "default_user_change_username": "set it under System → Configuration, or at /api/v3/admin/settings/",
}
"""Names that authentik has and that change nothing here: the name itself, or everything below it."""


@dataclass(frozen=True, slots=True)
class Harmless:
    """A setting of authentik's that would be missed: with any value but these the program does not start."""

    values: tuple[str, ...]
    why: str


OFF = ("false", "no", "off", "0")
REFUSED: Mapping[str, Harmless] = {
    "web.path": Harmless(("/",), "only the root path is served; give us a host name of our own"),
    "storage.backend": Harmless(("file",), "icons come from a folder; name it in storage.file.path"),
    "storage.media.backend": Harmless(("file",), "icons come from a folder; name it in storage.file.path"),
    "tenants.enabled": Harmless(OFF, "there is one tenant; start a second program beside this one"),
    "compliance.fips.enabled": Harmless(OFF, "nothing here is validated under FIPS 140"),
}


def refused(name: str, value: object) -> str | None:
    """Why the program does not start with this; None if it does."""
    found = REFUSED.get(name)
    return found.why if found is not None and str(value).strip().lower() not in ("", *found.values) else None


def without_effect(name: str) -> str | None:
    """Why a setting of authentik's has no effect here; None for every other name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if reason := WITHOUT_EFFECT.get(".".join(parts[:length])):
            return reason
    return None

"""What control runs with, taken from the settings once; only `control.app` and `outpost.up` read it."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL

from control.key_file import KEY_BYTES, KeyFile
from control.mail.message import BadAddress, sender
from control.records import MailServer
from rules.secret_key import check_secret_key
from settings import Network, Secret, Settings
from settings.folders import sync_folder
from settings.table import Email, Postgresql

DATABASE_FILE = "outpost.sqlite3"
KEY_FILE = "secret.key"
BREACHED_FILE = "breached-passwords.txt"
PRIVATE = 0o600
USUAL_SCHEMA = "public"
"""Where tables go unless told otherwise; then no server option is needed, which not every pooler lets through."""


class CannotStart(Exception):
    """The text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class ControlConfig:
    database: str = field(repr=False)
    """A ``sqlite:///`` or ``postgresql://`` address."""
    secret_key: Secret
    """Seals, and opens."""
    trusted_proxies: tuple[Network, ...] = ()
    bootstrap_password: Secret | None = None
    bootstrap_token: Secret | None = None
    bootstrap_email: str = ""
    public_url: str = ""
    has_pages: bool = True
    """A worker has none."""
    breached_passwords: Path | None = None
    """A list of the operator's (`control.passwords.breached`); there need be no such file."""
    geoip: Path | None = None
    asn: Path | None = None
    """Databases in MaxMind's format."""
    mail_server: MailServer | None = None
    mail_templates: Path | None = None
    """A folder whose templates replace ours."""
    media: Path | None = None
    """A folder of pictures."""
    dictionaries: tuple[Path, ...] = ()
    """FreeRADIUS' (`control.radius.dictionaries`)."""
    former_secret_keys: tuple[Secret, ...] = ()
    """Open what they have sealed."""
    key_file: KeyFile | None = None
    """Where these keys come from, and others may."""
    secret_key_made: Path | None = None
    """Where a new secret key was written just now."""

    @classmethod
    def from_settings(cls, settings: Settings) -> ControlConfig:
        """Makes the data folder, and a secret key if there is none. Raises CannotStart."""
        keys, file, made = _secret_keys(settings)
        return cls(
            database=_database(settings),
            secret_key=keys[0],
            former_secret_keys=tuple(keys[1:]),
            key_file=file,
            trusted_proxies=settings.listen.trusted_proxy_cidrs,
            bootstrap_password=settings.bootstrap_password,
            bootstrap_token=settings.bootstrap_token,
            bootstrap_email=settings.bootstrap_email,
            public_url=settings.public_url,
            geoip=settings.events.context_processors.geoip,
            asn=settings.events.context_processors.asn,
            mail_server=_mail_server(settings.email),
            mail_templates=settings.email.template_dir,
            media=settings.storage.file.path,
            dictionaries=settings.radius.dictionaries,
            breached_passwords=settings.data_dir.absolute() / BREACHED_FILE,
            secret_key_made=made,
        )

    @property
    def secret_keys(self) -> list[str]:
        return [key.reveal() for key in (self.secret_key, *self.former_secret_keys)]


def _database(settings: Settings) -> str:
    if settings.postgresql.host:
        return postgresql_address(settings.postgresql)
    return f"sqlite:///{_data_dir(settings) / DATABASE_FILE}"


def postgresql_address(asked: Postgresql) -> str:
    """What `asked` says as one ``postgresql://`` address, every part of it quoted. It holds the password."""
    hosts = asked.host.split(",")
    query: dict[str, str] = {"sslmode": asked.sslmode}
    for name in ("sslrootcert", "sslcert", "sslkey"):
        if (path := getattr(asked, name)) is not None:
            query[name] = str(path)
    if asked.default_schema != USUAL_SCHEMA:
        query["options"] = f"-c search_path={_option(asked.default_schema)}"
    in_query = len(hosts) > 1 or asked.host.startswith("/")
    if in_query:
        query |= {"host": asked.host, "port": ",".join([str(asked.port)] * len(hosts))}
    return URL.create(
        "postgresql",
        username=asked.user,
        password=asked.password.reveal() if asked.password else None,
        host=None if in_query else asked.host,
        port=None if in_query else asked.port,
        database=asked.name,
        query=query,
    ).render_as_string(hide_password=False)


def _option(identifier: str) -> str:
    """An SQL identifier as the value of a server option: quoted as SQL does, then as libpq does."""
    quoted = '"' + identifier.replace('"', '""') + '"'
    return quoted.replace("\\", "\\\\").replace(" ", "\\ ")


def _mail_server(asked: Email) -> MailServer | None:
    if not asked.host:
        return None
    if asked.use_tls and asked.use_ssl:
        raise CannotStart("OUTPOST_EMAIL__USE_TLS (STARTTLS) and OUTPOST_EMAIL__USE_SSL cannot both be on.")
    try:
        sender(asked.from_)
    except BadAddress as error:
        raise CannotStart(f"OUTPOST_EMAIL__FROM cannot be used: {error}") from error
    return MailServer(
        host=asked.host,
        port=asked.port,
        username=asked.username,
        password=asked.password.reveal() if asked.password else "",
        use_tls=asked.use_tls,
        use_ssl=asked.use_ssl,
        timeout=asked.timeout,
        from_address=asked.from_,
    )


def _data_dir(settings: Settings) -> Path:
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"The data folder {settings.data_dir} cannot be made: {error.strerror}.") from error
    return settings.data_dir.absolute()


def _secret_keys(settings: Settings) -> tuple[list[Secret], KeyFile | None, Path | None]:
    """The keys; the file that they are in; the same if it was made just now."""
    if settings.secret_key is not None:
        listed = settings.former_secret_keys.reveal().split(",") if settings.former_secret_keys else []
        former = [key.strip() for key in listed if key.strip()]
        return [settings.secret_key, *(_good(key, "OUTPOST_FORMER_SECRET_KEYS") for key in former)], None, None
    if settings.postgresql.host:
        raise CannotStart(
            "OUTPOST_SECRET_KEY must be set when PostgreSQL is used: every process on the database needs the same key, "
            "and a backup is worth nothing without it. Make one with 'openssl rand -base64 48' and keep it safe."
        )
    path = _data_dir(settings) / KEY_FILE
    try:
        file = KeyFile(path)
        return [_good(key, str(path)) for key in file.keys() or [""]], file, None
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CannotStart(f"The secret key in {path} cannot be read: {error.strerror}.") from error
    if (path.parent / DATABASE_FILE).exists():
        raise CannotStart(
            f"{path} is missing, and the database beside it was sealed with that key. Put the key back, or set "
            "OUTPOST_SECRET_KEY to it; without it the secrets inside cannot be read by anyone."
        )
    key = secrets.token_urlsafe(KEY_BYTES)
    _write_key(path, key)
    return [Secret(key)], KeyFile(path), path


def keep_secret_key(settings: Settings, key: str, now: float) -> list[str]:
    """Puts a restored key into the data folder; another that is there is kept beside it. What was done, a line each.

    Raises CannotStart, OSError.
    """
    path = _data_dir(settings) / KEY_FILE
    if path.exists() and path.read_text().strip() != key:
        path.replace(path.with_name(f"{KEY_FILE}.until-{int(now)}"))
    if not path.exists():
        _write_key(path, key)
    told = [f"{path} holds the secret key of then."]
    if settings.postgresql.host:
        told.append("With PostgreSQL, set OUTPOST_SECRET_KEY to what stands there, for every process.")
    return told


def _write_key(path: Path, key: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def _good(key: str, place: str) -> Secret:
    fault = check_secret_key(key)
    if fault is not None:
        raise CannotStart(f"The secret key in {place} cannot be used. {fault}")
    return Secret(key)

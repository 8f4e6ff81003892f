"""FreeRADIUS' ``clients.conf`` and ``users`` (``mods-config/files/authorize``); either may be the file."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from control.moving_in.found import CannotRead, Found
from control.passwords.hashing import is_hash

PROVIDER = "freeradius"
"""What the NAS of the file belong to."""
HEADERS = {"ssha-password": "{SSHA}", "sha-password": "{SHA}", "smd5-password": "{SMD5}", "md5-password": "{MD5}"}
HASHES = frozenset({"crypt-password", "password-with-header", *HEADERS})
DIGEST_OCTETS = {"ssha-password": 20, "sha-password": 20, "smd5-password": 16, "md5-password": 16}
PASSWORD = ("-password", "-with-header")
REQUIRED = {"yes": "required", "true": "required"}
"""Of ``require_message_authenticator``; anything else is what every NAS begins with here."""
INCLUDED = "what is included is not read; import it as well"
_READ = frozenset({"ipaddr", "ipv4addr", "ipv6addr", "netmask", "secret", "shortname", "require_message_authenticator"})
_BEGIN = re.compile(r"""client\s+("[^"]*"|'[^']*'|\S+?)\s*\{\s*\Z""")
_INNER = re.compile(r"[\w-]+\s*(?:\S+\s*)?\{\s*\Z")
_SETTING = re.compile(r"""([\w-]+)\s*=\s*+("(?:[^"\\]|\\.)*"|'[^']*'|[^"'].*|)\Z""")
_ESCAPE = re.compile(r"\\([01][0-7]{2}|.)")
_NAME = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*'|\S+)\s*(.*)\Z""")
_ITEM = re.compile(r"""\s*([\w.:-]+)\s*(:=|==|\+=|=|!=|>=|<=|>|<|=~|!~)\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,]+)\s*,?""")


def read(octets: bytes) -> Found:
    """Raises CannotRead."""
    try:
        lines = octets.decode().splitlines()
    except UnicodeDecodeError:
        raise CannotRead("is not UTF-8 text") from None
    found = Found()
    if any(_BEGIN.match(line.strip()) for line in lines):
        _clients(found, lines)
    else:
        _people(found, lines)
    if not found.lines and not found.left:
        raise CannotRead("holds neither clients nor users")
    return found


# --- clients.conf ----------------------------------------------------------------------------------------------------


def _clients(found: Found, lines: list[str]) -> None:
    name, begun, depth = "", 0, 0
    said: dict[str, str] = {}
    for number, raw in _continued(lines):
        line = _bare(raw)
        if (client := _BEGIN.match(line)) and depth == 0:
            name, begun, depth, said = _unquoted(client[1]), number, 1, {}
        elif line == "}" and depth:
            depth -= 1
            if depth == 0 and begun:
                _client(found, name, said, begun)
        elif _INNER.match(line):
            begun, depth = begun if depth else 0, depth + 1
            found.leave(number, f"{line.partition(' ')[0].rstrip('{')} is a section that is not taken over")
        elif line.startswith("$INCLUDE"):
            found.leave(number, INCLUDED)
        elif depth == 1 and begun and (setting := _SETTING.match(line)):
            said[setting[1].lower()] = _unquoted(setting[2].strip())
            if setting[1].lower() not in _READ:
                found.leave(number, f"{setting[1]} of a client is not taken over")
        elif line and depth < 2 and (begun or not depth):
            found.leave(number, "this line is not understood")
    if depth and begun:
        found.leave(begun, "a section without its end; left out")


def _client(found: Found, name: str, said: dict[str, str], line: int) -> None:
    address = next((said[one] for one in ("ipaddr", "ipv4addr", "ipv6addr") if one in said), name)
    if "netmask" in said and "/" not in address:
        address = f"{address}/{said['netmask']}"
    try:
        network = str(ip_network("0.0.0.0/0" if address == "*" else address, strict=False))
    except ValueError:
        found.leave(line, f"client {name}: {address!r} is no network; write its address")
        return
    secret = said.get("secret", "")
    if not secret or ("$" in secret and "{" in secret):
        found.leave(line, f"client {name}: has no secret, or one that stands elsewhere")
        return
    if PROVIDER not in found.sections["providers"]:
        found.take("providers", PROVIDER, {"kind": "radius", "client_networks": "127.0.0.1/32"}, line)
        found.take("applications", PROVIDER, {"name": "FreeRADIUS", "provider": PROVIDER}, line)
    entry = {"provider": PROVIDER, "network": network, "shared_secret": secret}
    wanted = REQUIRED.get(said.get("require_message_authenticator", "").lower())
    found.take(
        "radius_nas", said.get("shortname") or name, entry | ({"message_authenticator": wanted} if wanted else {}), line
    )


def _continued(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """With the number of the line that each begins on: a backslash at its end says that it goes on."""
    begun, text = 0, ""
    for number, line in enumerate(lines, 1):
        begun, text = begun or number, text + line
        if text.endswith("\\"):
            text = text[:-1]
            continue
        yield begun, text
        begun, text = 0, ""
    if begun:
        yield begun, text


def _bare(line: str) -> str:
    """Without what is only for people: a ``#`` begins it, outside of quotes."""
    quote = ""
    for at, character in enumerate(line):
        if character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        elif not quote and character == "#":
            return line[:at].strip()
    return line.strip()


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        inner = text[1:-1]
        return _ESCAPE.sub(_meant, inner) if text[0] == '"' else inner
    return text


def _meant(escape: re.Match[str]) -> str:
    """Between double quotes: a control character by its letter, any by its three octal digits, others themselves."""
    said = escape[1]
    return chr(int(said, 8)) if len(said) == 3 else {"n": "\n", "r": "\r", "t": "\t"}.get(said, said)


# --- users -----------------------------------------------------------------------------------------------------------


def _people(found: Found, lines: list[str]) -> None:
    for number, raw in enumerate(lines, 1):
        line = _bare(raw)
        if not line:
            continue
        if raw[0].isspace():
            found.leave(number, "an attribute of an answer; say it in a rule of the provider")
            continue
        parts = _NAME.match(line)
        name, rest = (_unquoted(parts[1]), parts[2]) if parts is not None else (line, "")
        if name == "DEFAULT":
            found.leave(number, "DEFAULT is not taken over")
        elif name.startswith("$INCLUDE"):
            found.leave(number, INCLUDED)
        else:
            _person(found, number, name, rest)


def _person(found: Found, number: int, name: str, rest: str) -> None:
    items = [(item[1], item[2], _unquoted(item[3])) for item in _ITEM.finditer(rest)]
    if _ITEM.sub("", rest).strip() or any(_is_made_up(item[3]) for item in _ITEM.finditer(rest)):
        found.leave(number, f"user {name}: what is asked of them is not understood; left out")
        return
    asked = [(attribute, value) for attribute, _, value in items if not attribute.lower().endswith(PASSWORD)]
    if not found.take("users", name, {"is_active": False} if asked else {}, number):
        return
    for attribute, value in asked:
        if (attribute.lower(), value) != ("auth-type", "Reject"):
            found.leave(
                number, f"{attribute} is asked of a user, who is taken over deactivated: see what to do about it"
            )
    for attribute, operator, value in items:
        key = attribute.lower()
        stored = HEADERS.get(key, "") + _base64(key, value) if not value.startswith("{") else value
        if key == "cleartext-password" and operator in (":=", "=", "=="):
            found.clear[name] = value
        elif key in HASHES and is_hash(stored):
            found.sections["users"][name]["password_hash"] = stored
        elif (attribute, value) not in asked:
            found.leave(number, f"{attribute} of a user is not taken over")


def _is_made_up(written: str) -> bool:
    """Does the server make the value when it is asked, of what else it knows (xlat) or of what a program says?"""
    return written.startswith("`") or ("%{" in written and not written.startswith("'"))


def _base64(key: str, digest: str) -> str:
    """Of a digest, perhaps with its salt, that may stand there in hexadecimal (rlm_pap's ``normify``)."""
    octets = digest.lower().removeprefix("0x")
    if len(octets) < 2 * DIGEST_OCTETS.get(key, 0) or not re.fullmatch("(?:[0-9a-f]{2})+", octets):
        return digest
    return b64encode(bytes.fromhex(octets)).decode() if key in DIGEST_OCTETS else digest

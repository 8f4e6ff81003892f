"""A directory's entries, of a file or asked for: people, groups, nesting, photos, numbers, hashes."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from control.apply.declared import moment
from control.apply.sections import Given
from control.moving_in.found import Found
from control.passwords.hashing import is_hash
from control.verbs.fields import MAX_TIME
from protocols.ldap import dn as names
from protocols.ldap import ldif
from protocols.ldap.matching import GENERALIZED_TIME, INTEGER
from rules.groups import makes_cycle

PERSONS = frozenset({"person", "organizationalperson", "inetorgperson", "posixaccount", "account", "user"})
GROUPS = frozenset({"groupofnames", "groupofuniquenames", "groupofmembers", "posixgroup", "group"})
NEITHER = frozenset({"computer", "groupofurls"})
"""Machines, which are persons for Active Directory, and groups without a list of members."""
FRAMES = frozenset(
    {"organizationalunit", "organization", "dcobject", "domain", "container", "country", "builtindomain"}
)
"""Entries that only hold others."""
USERNAMES = ("uid", "samaccountname", "cn")
"""The first that there is."""
MEMBERS = ("member", "uniquemember")
MOST_PHOTO = 256 * 1024
"""Octets: it goes to every outpost with its person."""
MOST_VALUES = 1000
"""Of one attribute, as many as are shown."""

_DERIVED = frozenset(
    [
        *("dn", "objectclass", "cn", "uid", "member", "uniquemember", "memberuid", "memberof", "userpassword", "mail"),
        *("displayname", "samaccountname", "useraccountcontrol", "nsaccountlock", "shadowexpire", "shadowlastchange"),
        *("structuralobjectclass", "creatorsname", "modifiersname", "createtimestamp", "modifytimestamp"),
        *("contextcsn", "subschemasubentry", "hassubordinates", "numsubordinates", "authtimestamp", "nsuniqueid"),
        *("objectguid", "objectsid", "distinguishedname", "objectcategory", "whencreated", "whenchanged", "name"),
        *("sambasid", "sambaprimarygroupsid", "sambaacctflags", "sambapwdlastset", "sambagrouptype", "sambadomainname"),
        *("primarygroupid", "samaccounttype", "grouptype", "accountexpires", "instancetype", "usnchanged"),
        *("usncreated", "lastlogon", "logoncount", "dscorepropagationdata", "codepage", "countrycode"),
        *("badpasswordtime", "badpwdcount", "lockouttime", "lastlogoff", "lastlogontimestamp", "admincount"),
        *("krbprincipalexpiration", "loginexpirationtime", "logindisabled", "inetuserstatus"),
    ]
)
"""What is read for something else, made here anew, or about the old directory alone."""
_OPERATIONAL = re.compile(r"(?:pwd|entry|ds-|nsds)")
_SECRET = re.compile(r"password|passwd|krbprincipalkey|krbextradata|secret(?!ary)|unicodepwd|dbcspwd")
_HASH = re.compile(r"\$[0-9A-Za-z-]{1,20}\$|(?:pbkdf2|scrypt|bcrypt|argon2)\w{0,20}\$|\{[A-Za-z0-9/_-]+\}")
"""How hashes of crypt(3), Django and their like begin, also without a scheme: nobody's password, but what makes one
known."""
_LOCKS = "!*"
"""What stands before the hash of an account that is locked."""
_SCHEME = re.compile(r"\{([A-Za-z0-9/_-]+)\}")
_CLEAR = frozenset({"cleartext", "clear"})
LOCKS = ("nsAccountLock", "loginDisabled", "ds-pwp-account-disabled")
"""True of who is locked, of 389 Directory Server, eDirectory and OpenDJ."""
_DISABLED = 2
"""ACCOUNTDISABLE of userAccountControl."""
_DAY = 86_400
_TICKS, _FROM_1601 = 10_000_000, 11_644_473_600
"""Of Active Directory's clock in a second, and the seconds before ours began."""


@dataclass(slots=True)
class _Group:
    entry: ldif.Entry
    name: str
    parents: list[str] = field(default_factory=list)


def take_entries(found: Found, entries: Iterable[ldif.Entry]) -> None:
    """Their people and groups."""
    people: dict[object, str] = {}
    groups: dict[object, _Group] = {}
    numbers: dict[tuple[str, str], str] = {}
    for entry in entries:
        try:
            key = names.parse(entry.dn).key
        except ValueError:
            found.leave(entry.line, f"{entry.dn[:100]!r} is no name of an entry; it is left out")
            continue
        classes = {value.decode(errors="replace").lower() for value in entry.values("objectClass")}
        if classes & PERSONS and not classes & NEITHER:
            if (username := _person(found, entry)) is not None:
                people[key] = username
                _number(found, entry, "uidNumber", username, numbers)
        elif classes & GROUPS and not classes & NEITHER:
            if (name := _group(found, entry)) is not None:
                groups[key] = _Group(entry, name)
                _number(found, entry, "gidNumber", name, numbers)
        elif not classes & FRAMES:
            kinds = ", ".join(sorted(classes - {"top"})) or "no objectClass"
            found.leave(entry.line, f"neither a person nor a group ({kinds}); left out")
    _gather(found, people, groups)


def _number(found: Found, entry: ldif.Entry, kind: str, name: str, numbers: dict[tuple[str, str], str]) -> None:
    """Whoever has the number of somebody else is them, to a machine that asks LDAP who there is."""
    for number in _texts(found, entry, kind)[:1]:
        first = numbers.setdefault((kind, number), name)
        if first != name:
            found.leave(entry.line, f"{name} has the {kind} of {first}, {number}: to machines they are one")


# --- people ----------------------------------------------------------------------------------------------------------


def _person(found: Found, entry: ldif.Entry) -> str | None:
    username = next((text for name in USERNAMES for text in _texts(found, entry, name)), None)
    if username is None:
        found.leave(entry.line, "a person without uid, sAMAccountName or cn; left out")
        return None
    mails = _texts(found, entry, "mail")
    given: Given = {"name": _full_name(found, entry) or username, "attributes": _attributes(found, entry)}
    if mails:
        given["email"] = mails[0]
    if len(mails) > 1:
        given["attributes"]["mail"] = mails
    if _is_locked(found, entry):
        given["is_active"] = False
    if (ends := _ends(found, entry)) is not None:
        given["valid_until"] = moment(ends)
    if not found.take("users", username, given, entry.line):
        return None
    _password(found, entry, username)
    return username


def _full_name(found: Found, entry: ldif.Entry) -> str:
    for name in ("displayName", "cn"):
        if texts := _texts(found, entry, name):
            return texts[0]
    return " ".join(text for name in ("givenName", "sn") for text in _texts(found, entry, name)[:1])


def _ends(found: Found, entry: ldif.Entry) -> float | None:
    """When the account ends, seconds since the epoch; the first counts. An end that cannot be read is now past."""
    ends: list[float] = []
    for name, read in ENDS.items():
        for text in _texts(found, entry, name):
            end = read(text)
            if end is None:
                found.leave(entry.line, f"{name} is no time: its person's account has ended here")
            ends.append(0 if end is None else max(0, end))
    first = min(ends, default=MAX_TIME)
    return first if first < MAX_TIME else None


def _days(text: str) -> float | None:
    """Of shadow(5), where a negative number means never."""
    days = INTEGER.normalise(text)
    return None if days is None else MAX_TIME if days < 0 else days * _DAY


def _ticks(text: str) -> float | None:
    """100 ns since 1601, of Active Directory, where 0 and the largest number mean never."""
    ticks = INTEGER.normalise(text)
    return ticks and ticks // _TICKS - _FROM_1601 if ticks != 0 else MAX_TIME


def _time(text: str) -> float | None:
    time = GENERALIZED_TIME.normalise(text)
    return None if time is None else int(time.timestamp())


ENDS: Mapping[str, Callable[[str], float | None]] = {
    "shadowExpire": _days,
    "accountExpires": _ticks,
    "krbPrincipalExpiration": _time,
    "pwdEndTime": _time,
    "loginExpirationTime": _time,
    "ds-pwp-account-expiration-time": _time,
}
"""What says when an account ends, of files, Active Directory, FreeIPA, OpenLDAP, eDirectory and OpenDJ."""


def _is_locked(found: Found, entry: ldif.Entry) -> bool:
    """By whichever directory's word for it; a lock that would have ended some time is one, too."""
    if entry.values("pwdAccountLockedTime"):
        found.leave(entry.line, "locked by its password policy; it is taken over deactivated")
        return True
    control = _texts(found, entry, "userAccountControl")
    return (
        any(text.lower() == "true" for name in LOCKS for text in _texts(found, entry, name))
        or any(text.lower() != "active" for text in _texts(found, entry, "inetUserStatus"))
        or any(text.isdecimal() and len(text) < 12 and int(text) & _DISABLED for text in control)
        or any("D" in text for text in _texts(found, entry, "sambaAcctFlags"))
    )


def _password(found: Found, entry: ldif.Entry, username: str) -> None:
    values = _texts(found, entry, "userPassword")
    hashes = [value for value in values if is_hash(value)]
    clear = [value for value in values if value not in hashes and _in_the_clear(value)]
    usable = hashes + clear
    if hashes:
        found.sections["users"][username]["password_hash"] = hashes[0]
    elif clear:
        found.clear[username] = _in_the_clear(clear[0])
    for value in values:
        if value not in usable[:1]:
            scheme = _SCHEME.match(value)
            kind = f" ({scheme[1].upper()})" if scheme else ""
            why = "a second password" if value in usable else "a password that cannot be verified here"
            found.leave(entry.line, f"{why}{kind}; it is not taken over")


def _in_the_clear(value: str) -> str:
    """Empty: it is a hash, of whatever kind."""
    scheme = _SCHEME.match(value)
    if scheme is None:
        return "" if _HASH.match(value.lstrip(_LOCKS)) else value
    return value[scheme.end() :] if scheme[1].lower() in _CLEAR else ""


# --- attributes ------------------------------------------------------------------------------------------------------


def _attributes(found: Found, entry: ldif.Entry) -> Given:
    """What is kept beside the fields, as LDAP is to show it."""
    kept: Given = {}
    for name, values in entry.attributes.items():
        key = name.lower()
        if _SECRET.search(key) and key != "userpassword":
            found.leave(entry.line, f"{name} is a secret, and is not taken over")
        elif key in _DERIVED or _OPERATIONAL.match(key):
            continue
        elif ";" in key:
            found.leave(entry.line, f"{name}: attributes with options are not kept")
        elif key == "jpegphoto":
            kept[name] = _photos(found, entry, values)
        elif texts := _texts(found, entry, name):
            kept[name] = texts[0] if len(texts) == 1 else texts[:MOST_VALUES]
    return {name: value for name, value in kept.items() if value}


def _photos(found: Found, entry: ldif.Entry, values: list[bytes]) -> str:
    if len(values[0]) > MOST_PHOTO:
        found.leave(entry.line, f"a photo of more than {MOST_PHOTO // 1024} KiB is left out")
        return ""
    return b64encode(values[0]).decode()


def _texts(found: Found, entry: ldif.Entry, name: str) -> list[str]:
    """Those that are text and can be stored."""
    texts: list[str] = []
    for value in entry.values(name):
        text = value.decode(errors="replace")
        if "�" in text or "\0" in text:
            found.leave(entry.line, f"a value of {name} is no text; it is left out")
        elif text.strip():
            texts.append(text if name == "userPassword" else text.strip())
    return texts


# --- groups ----------------------------------------------------------------------------------------------------------


def _group(found: Found, entry: ldif.Entry) -> str | None:
    texts = _texts(found, entry, "cn")
    if not texts:
        found.leave(entry.line, "a group without cn; left out")
        return None
    return texts[0] if found.take("groups", texts[0], {"attributes": _attributes(found, entry)}, entry.line) else None


def _gather(found: Found, people: dict[object, str], groups: dict[object, _Group]) -> None:
    """Members, when everybody is known."""
    parents = {group.name: group.parents for group in groups.values()}
    for group in groups.values():
        users: dict[str, None] = {}
        for text in (text for name in MEMBERS for text in _texts(found, group.entry, name)):
            try:
                parsed = names.parse(text)
            except ValueError:
                found.leave(group.entry.line, f"group {group.name}: {text[:100]!r} is no name of a member")
                continue
            if parsed.key in people:
                users[people[parsed.key]] = None
            elif parsed.key in groups:
                _nest(found, group, groups[parsed.key], parents)
            elif parsed.rdns and len(parsed.rdns[0]) == 1 and parsed.rdns[0][0][0] == "uid":
                users[parsed.rdns[0][0][1]] = None  # perhaps of another file, and stored already
            elif parsed.key != names.parse(group.entry.dn).key and parsed.rdns:
                found.leave(group.entry.line, f"group {group.name}: nobody here is {text[:200]}")
        for username in _texts(found, group.entry, "memberUid"):
            users[username] = None
        found.sections["groups"][group.name] |= {"users": list(users)}
    for group in groups.values():
        found.sections["groups"][group.name] |= {"parents": group.parents}


def _nest(found: Found, above: _Group, below: _Group, parents: dict[str, list[str]]) -> None:
    if makes_cycle(below.name, [above.name], lambda name: parents[name]):
        found.leave(above.entry.line, f"group {above.name}: {below.name} contains it already; circles are not kept")
    elif above.name not in below.parents:
        below.parents.append(above.name)

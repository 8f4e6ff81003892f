"""Attributes that a provider shows by switch: what clients of Active Directory and of Samba look for.

Security identifiers come from the base DN and the stored ordinals, so that they are the same on every outpost.
Password hashes are never among them; one is shown by `entries.TellingUserEntry` alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from outpost.directory.stamps import begun, tenths, whole_seconds
from protocols.ldap import dn
from protocols.ldap.matching import Value
from protocols.ldap.schema import DESCRIBED
from protocols.link.messages import GroupRecord, UserRecord

if TYPE_CHECKING:
    from outpost.directory.entries import GroupEntry
    from outpost.directory.tree import Tree

Values = Sequence[Value]

NORMAL_ACCOUNT, ACCOUNT_DISABLED = 0x200, 0x2
GLOBAL_SECURITY_GROUP = -0x7FFFFFFE
SAM_USER, SAM_GROUP = 0x30000000, 0x10000000
"""sAMAccountType, [MS-SAMR] 2.2.1.9."""
DOMAIN_USERS = 513
NEVER = 0x7FFFFFFFFFFFFFFF
FIRST_RID = 1000
"""Below it stand what Windows itself makes; users have even numbers from there, groups odd ones, as Samba's."""
EPOCH_AS_FILETIME = 116_444_736_000_000_000
"""1970 in 100 ns since 1601."""


def domain_numbers(base: dn.DN) -> tuple[int, int, int]:
    """The three numbers that tell one domain's security identifiers from another's."""
    first, second, third = struct.unpack("<III", sha256(repr(base.key).encode()).digest()[:12])
    return first, second, third


def user_rid(user: UserRecord) -> int:
    return FIRST_RID + 2 * user.ordinal


def group_rid(group: GroupRecord) -> int:
    return FIRST_RID + 2 * group.ordinal + 1


def binary_sid(tree: Tree, rid: int) -> bytes:
    """[MS-DTYP] 2.4.2.2: S-1-5-21-x-y-z-rid."""
    return struct.pack("<BB6s5I", 1, 5, b"\x00\x00\x00\x00\x00\x05", 21, *domain_numbers(tree.base), rid)


def text_sid(tree: Tree, rid: int) -> str:
    return "-".join(("S-1-5-21", *map(str, domain_numbers(tree.base)), str(rid)))


def _guid(text: str) -> Values:
    """As Active Directory stores it, the first three fields with their least octet first."""
    try:
        return (UUID(text).bytes_le,)
    except ValueError:
        return ()


def _filetime(seconds: float | None, never: int) -> Values:
    return (str(int(seconds * 10_000_000) + EPOCH_AS_FILETIME if seconds else never),)


def _account_control(user: UserRecord) -> Values:
    disabled = not user.is_active
    return (str(NORMAL_ACCOUNT | (ACCOUNT_DISABLED if disabled else 0)),)


def _samba_flags(user: UserRecord) -> Values:
    return ("[UD         ]" if not user.is_active else "[U          ]",)


def category(tree: Tree, name: str) -> str:
    """The entry of a class in Active Directory's schema; there is none here, but clients ask for people by it."""
    return f"CN={name},CN=Schema,CN=Configuration,{tree.base_dn}"


ACTIVE_DIRECTORY_USER: dict[str, Callable[[Tree, UserRecord], Values]] = {
    "userprincipalname": lambda tree, user: (
        (user.username,) if "@" in user.username else (f"{user.username}@{tree.domain}",)
    ),
    "objectguid": lambda tree, user: _guid(user.uuid),
    "objectsid": lambda tree, user: (binary_sid(tree, user_rid(user)),),
    "useraccountcontrol": lambda tree, user: _account_control(user),
    "samaccounttype": lambda tree, user: (str(SAM_USER),),
    "primarygroupid": lambda tree, user: (str(DOMAIN_USERS),),
    "accountexpires": lambda tree, user: _filetime(user.valid_until, NEVER),
    "pwdlastset": lambda tree, user: _filetime(None if user.must_change_password else begun(user), 0),
    "whencreated": lambda tree, user: tenths(user.created),
    "whenchanged": lambda tree, user: tenths(user.updated),
    "distinguishedname": lambda tree, user: (tree.user_dn(user.username),),
    "objectcategory": lambda tree, user: (category(tree, "Person"),),
}
ACTIVE_DIRECTORY_GROUP: dict[str, Callable[[GroupEntry], Values]] = {
    "objectguid": lambda entry: _guid(entry.record.pk),
    "objectsid": lambda entry: (binary_sid(entry.tree, group_rid(entry.record)),),
    "samaccounttype": lambda entry: (str(SAM_GROUP),),
    "grouptype": lambda entry: (str(GLOBAL_SECURITY_GROUP),),
    "whencreated": lambda entry: tenths(entry.record.created),
    "whenchanged": lambda entry: tenths(entry.record.updated),
    "distinguishedname": lambda entry: (entry.dn,),
    "objectcategory": lambda entry: (category(entry.tree, "Group"),),
}
SAMBA_USER: dict[str, Callable[[Tree, UserRecord], Values]] = {
    "sambasid": lambda tree, user: (text_sid(tree, user_rid(user)),),
    "sambaprimarygroupsid": lambda tree, user: (text_sid(tree, DOMAIN_USERS),),
    "sambaacctflags": lambda tree, user: _samba_flags(user),
    "sambapwdlastset": lambda tree, user: whole_seconds(begun(user)),
    "sambakickofftime": lambda tree, user: whole_seconds(user.valid_until),
    "sambadomainname": lambda tree, user: (tree.short_domain,),
}
SAMBA_GROUP: dict[str, Callable[[GroupEntry], Values]] = {
    "sambasid": lambda entry: (text_sid(entry.tree, group_rid(entry.record)),),
    "sambagrouptype": lambda entry: ("2",),
}
NT_PASSWORD = DESCRIBED["sambantpassword"]
SAMBA_USER_CLASSES, SAMBA_GROUP_CLASSES = ("sambaSamAccount",), ("sambaGroupMapping",)

"""The object classes that our entries have, as answers spell them and as filters compare them."""

from __future__ import annotations

USER_CLASSES = (
    "top",
    "person",
    "organizationalPerson",
    "inetOrgPerson",
    "user",
    "posixAccount",
    "shadowAccount",
    "ldapPublicKey",
    "goauthentik.io/ldap/user",
)
GROUP_CLASSES = (
    "top",
    "group",
    "groupOfNames",
    "groupOfUniqueNames",
    "posixGroup",
    "goauthentik.io/ldap/group",
)
VIRTUAL_GROUP_CLASSES = (*GROUP_CLASSES[:-1], "goauthentik.io/ldap/virtual-group")


def class_names(classes: tuple[str, ...]) -> frozenset[str]:
    """As filters compare them."""
    return frozenset(name.lower() for name in classes)


VIRTUAL_GROUP_CLASS_NAMES = class_names(VIRTUAL_GROUP_CLASSES)

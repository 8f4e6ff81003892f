"""Three readers that are not ours parse the schema: OpenLDAP's own library, python-ldap and ldap3."""

import ctypes
import ctypes.util
import warnings
from typing import Any

import ldap.schema
import pytest

from protocols.ldap.object_classes import OBJECT_CLASSES
from protocols.ldap.schema import ATTRIBUTE_TYPES, KNOWN, custom
from protocols.ldap.subschema import subschema

with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # ldap3 uses old names of pyasn1
    from ldap3.protocol.rfc4512 import SchemaInfo

CUSTOM = (custom("department"), custom("x-badge"))
ENTRY = subschema(CUSTOM)
DESCRIPTIONS = {
    "objectclasses": "ldap_str2objectclass",
    "attributetypes": "ldap_str2attributetype",
    "matchingrules": "ldap_str2matchingrule",
    "matchingruleuse": "ldap_str2matchingruleuse",
    "ldapsyntaxes": "ldap_str2syntax",
}


@pytest.mark.parametrize(("key", "function"), DESCRIPTIONS.items())
def test_openldap_parses_it(key: str, function: str) -> None:
    library = ctypes.CDLL(ctypes.util.find_library("ldap") or "libldap-2.5.so.0")
    parse = getattr(library, function)
    parse.restype = ctypes.c_void_p
    for text in map(str, ENTRY.attributes[key]):
        code, place = ctypes.c_int(0), ctypes.c_char_p()
        parsed = parse(text.encode(), ctypes.byref(code), ctypes.byref(place), 0)
        assert parsed, (text, code.value, place.value)


def test_python_ldap_parses_it() -> None:
    entry = {KNOWN[key].name: [str(value).encode() for value in values] for key, values in ENTRY.attributes.items()}
    parsed = ldap.schema.SubSchema(entry, check_uniqueness=2)
    for attribute in (*ATTRIBUTE_TYPES, *CUSTOM):
        found = parsed.get_obj(ldap.schema.AttributeType, attribute.oid)
        assert found is not None, attribute
        assert attribute.name in found.names
        assert bool(found.single_value) is attribute.single
    for one in OBJECT_CLASSES:
        found = parsed.get_obj(ldap.schema.ObjectClass, one.oid)
        assert one.name in found.names
        assert set(one.must) <= set(found.must)
    must, may = parsed.attribute_types(["inetOrgPerson", "goauthentik.io/ldap/user"])
    assert {"sn", "cn", "objectClass"} <= {one.names[0] for one in must.values()}
    assert {"mail", "department", "ak-active"} <= {one.names[0] for one in may.values()}


def test_ldap3_parses_it() -> None:
    raw: dict[str, Any] = {KNOWN[key].name: list(map(str, values)) for key, values in ENTRY.attributes.items()}
    info = SchemaInfo("cn=Subschema", raw, raw)
    for attribute in (*ATTRIBUTE_TYPES, *CUSTOM):
        assert info.attribute_types[attribute.name].oid == attribute.oid
    assert info.object_classes["inetOrgPerson"].superior == ["organizationalPerson"]
    assert info.matching_rules["caseIgnoreMatch"]
    assert info.is_valid()


def test_every_rule_and_syntax_that_is_named_is_described() -> None:
    rules = {one.split("NAME '")[1].split("'")[0] for one in map(str, ENTRY.attributes["matchingrules"])}
    syntaxes = {str(one).split(" ")[1] for one in ENTRY.attributes["ldapsyntaxes"]}
    for text in map(str, ENTRY.attributes["attributetypes"]):
        words = text.split(" ")
        for word in ("EQUALITY", "ORDERING", "SUBSTR"):
            if word in words:
                assert words[words.index(word) + 1] in rules, text
        assert words[words.index("SYNTAX") + 1] in syntaxes, text
    assert all(str(one).split("SYNTAX ")[1].split(" ")[0] in syntaxes for one in ENTRY.attributes["matchingrules"])


def test_without_custom_attributes_it_is_the_fixed_part() -> None:
    assert len(subschema(()).attributes["attributetypes"]) == len(ATTRIBUTE_TYPES)

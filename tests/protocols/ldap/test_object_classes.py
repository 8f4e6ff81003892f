import pytest

from protocols.ldap.object_classes import BY_NAME, OBJECT_CLASSES, ObjectClass
from protocols.ldap.oids import own_oid
from protocols.ldap.schema import ATTRIBUTE_TYPES, DESCRIBED, allowed


def test_every_attribute_that_a_class_names_is_described() -> None:
    for one in OBJECT_CLASSES:
        for name in (*one.must, *one.may):
            assert DESCRIBED[name.lower()].name == name, f"{one.name} names {name}"


def test_no_name_and_no_oid_stands_for_two_things() -> None:
    oids = [attribute.oid for attribute in ATTRIBUTE_TYPES] + [one.oid for one in OBJECT_CLASSES]
    assert len(oids) == len(set(oids))
    names = [name for attribute in ATTRIBUTE_TYPES for name in (attribute.name, *attribute.aliases)]
    assert len({name.lower() for name in names}) == len(names)


def test_a_class_allows_what_those_above_it_allow() -> None:
    assert {"cn", "sn", "userpassword", "title", "mail", "objectclass"} <= allowed("inetorgperson")
    assert "mail" not in allowed("person")
    assert allowed("2.5.6.6") == allowed("person")


@pytest.mark.parametrize("one", OBJECT_CLASSES, ids=lambda one: one.name)
def test_every_class_leads_to_top(one: ObjectClass) -> None:
    seen = one
    while seen.superior is not None:
        seen = BY_NAME[seen.superior.lower()]
    assert seen.name == "top"


def test_an_oid_of_our_own_is_always_the_same() -> None:
    assert own_oid("department") == own_oid("DEPARTMENT")
    assert own_oid("department") != own_oid("departments")
    assert own_oid("department").startswith("2.25.")

"""The operator's dictionaries are there for rules, mappings and orders, and a broken one is told of at the start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from control.app import open_store
from control.config import CannotStart, ControlConfig
from control.mappings.radius import Packet
from control.radius import provider as radius
from control.radius.dictionaries import Unreadable, learn_from
from control.records import Provider, RadiusRule
from control.verbs import radius_rules
from control.verbs.fields import Invalid
from protocols.link.messages import ReplyAttribute
from protocols.radius import definitions
from settings import Secret
from tests.fakes import FakeClock
from tests.stores import open_store as a_store

ACME = """
VENDOR Acme 65000
BEGIN-VENDOR Acme
ATTRIBUTE Acme-Level 1 integer
VALUE Acme-Level Boss 15
ATTRIBUTE Acme-Key 2 string encrypt=2
END-VENDOR Acme
"""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "LEARNED", known := dict(definitions.LEARNED))
    monkeypatch.setattr("protocols.radius.reply.LEARNED", known)
    monkeypatch.setattr(definitions, "LEARNED_AT", dict(definitions.LEARNED_AT))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "vendors").mkdir()
    (tmp_path / "vendors" / "acme").write_text(ACME)
    path = tmp_path / "dictionary"
    path.write_text("$INCLUDE vendors/acme\n")
    return path


def test_rules_name_what_a_dictionary_names_and_outposts_need_none(file: Path, tmp_path: Path) -> None:
    store = a_store(tmp_path, FakeClock())
    provider = store.write_now(lambda tx: tx.insert(Provider("wifi", "radius")).pk)
    given = {
        "name": "bosses",
        "provider": provider,
        "attributes": [{"name": "Acme-Level", "value": "Boss"}, {"name": "Acme-Key", "value": "k"}],
    }
    with pytest.raises(Invalid):
        store.write_now(lambda tx: radius_rules.create(tx, given))
    learn_from([file])
    rule: RadiusRule = store.write_now(lambda tx: radius_rules.create(tx, given))
    told = radius.rule_record(rule)
    assert told.attributes == (
        ReplyAttribute("Attr-26.65000.1", "0x0000000f"),
        ReplyAttribute("Attr-26.65000.2*", "0x6b"),
    )
    definitions.LEARNED.clear()
    assert radius.rule_record(rule).attributes[0] == ReplyAttribute("Acme-Level", "Boss"), "told of at the outpost"
    store.close()


def test_mappings_write_them_too(file: Path) -> None:
    learn_from([file])
    packet = Packet()
    packet.put("Acme-Level", "Boss")
    packet.put((65000, 2), "k")
    assert [(one.name, one.value) for one in packet.told] == [
        ("Attr-26.65000.1", "0x0000000f"),
        ("Attr-26.65000.2*", "0x6b"),
    ]
    assert packet.item("Acme-Level") == ["Boss"]
    packet.define(65000, "Acme", "Mine", 1, "string")
    packet.put("Mine", 7)
    assert [one.value for one in packet.told] == ["0x6b", "0x00000007"], "what a dictionary knows keeps its type"


def test_a_dictionary_that_cannot_be_used_is_said_before_anything_starts(file: Path, tmp_path: Path) -> None:
    (tmp_path / "vendors" / "acme").write_text(ACME.replace("string encrypt", "strong encrypt"))
    config = ControlConfig(f"sqlite:///{tmp_path}/o.sqlite3", Secret("k" * 40), dictionaries=(file,))
    with pytest.raises(CannotStart, match="vendors/acme, line 6: strong is no type that is known"):
        open_store(config)


def test_what_cannot_be_read_is_said(file: Path, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="There is no file gone in the folder"):
        learn_from([tmp_path / "gone"])
    os.truncate(file, 9 * 2**20)
    with pytest.raises(Unreadable, match="is larger than"):
        learn_from([file])
    with pytest.raises(Unreadable, match="cannot be read"):
        learn_from([tmp_path])

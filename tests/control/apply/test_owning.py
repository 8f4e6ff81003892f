"""What a file owns ends with it; what it does not own is never touched; several files of a folder are one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from control.apply import ApplyError, apply_description, read
from control.apply.changes import told
from control.apply.sections import is_built_in
from control.records import (
    Application,
    Binding,
    Device,
    Group,
    Policy,
    PropertyMapping,
    Provider,
    RadiusNas,
    RadiusRule,
    Role,
    User,
)
from control.store.interface import Query, Transaction
from control.verbs import bindings, groups, providers, users
from tests.control.apply.places import NOTHING, Place
from tests.control.stores import drive

WHOLE = """
policies:
  hours: {kind: time, begins: 480, ends: 1080}
  inside: {kind: network, networks: [10.0.0.0/8]}
property_mappings:
  shelf: {kind: scope, scope_name: shelf, expression: 'return {"shelf": 7}'}
users: {bob: {}}
groups: {staff: {users: [bob]}}
providers:
  p: {kind: oauth2, client_id: one, property_mappings: [shelf]}
applications:
  app:
    provider: p
    policy_engine_mode: all
    bindings:
      - policy: hours
      - policy: inside
        negate: true
        timeout: 5
      - group: staff
"""


def _own_bindings(tx: Transaction) -> int:
    """Beside those that every store has."""
    return sum(not is_built_in(line) for line in tx.select(Binding))


def test_policies_mappings_and_what_binds_them_are_made_and_made_once(place: Place) -> None:
    said = place.apply(WHOLE)
    assert {"created policy hours", "created policy inside", "created property mapping shelf"} <= set(said)
    app = place.find(Application, slug="app")
    lines = place.read(lambda tx: tx.select(Binding, Query(equal={"target": app.pk}, ordering=("order",))))
    hours, inside = (place.find(Policy, name=name) for name in ("hours", "inside"))
    assert [(line.policy, line.order, line.negate, line.timeout) for line in lines] == [
        (hours.pk, 0, False, 30),
        (inside.pk, 1, True, 5),
        (None, 2, False, 30),
    ]
    assert (hours.settings["begins"], inside.settings["networks"]) == (480, ["10.0.0.0/8"])
    assert place.apply(WHOLE) == NOTHING


def test_an_item_is_exactly_what_the_file_says(place: Place) -> None:
    place.apply(WHOLE)
    inside = place.find(Policy, name="inside")
    assert place.apply(WHOLE.replace("        negate: true\n", "")) == ["changed application app: bindings"]
    (line,) = place.read(lambda tx: tx.select(Binding, Query(equal={"policy": inside.pk})))
    assert (line.negate, line.timeout) == (False, 5)


def test_what_is_no_longer_in_the_file_is_deleted(place: Place) -> None:
    place.apply(WHOLE)
    without = WHOLE.replace("  inside: {kind: network, networks: [10.0.0.0/8]}\n", "")
    without = without.replace("      - policy: inside\n        negate: true\n        timeout: 5\n", "")
    assert place.apply(without) == ["changed application app: bindings", "deleted policy inside"]
    assert sorted(place.apply("users: {}\n")) == [
        "deleted application app",
        "deleted group staff",
        "deleted policy hours",
        "deleted property mapping shelf",
        "deleted provider p",
        "deleted user bob",
    ]
    assert place.read(_own_bindings) == 0
    assert place.find(User, username="akadmin").is_active


def test_what_others_made_or_own_is_not_deleted(place: Place) -> None:
    place.write(lambda tx: users.create(tx, {"username": "by hand", "name": "x"}))
    place.apply("users: {theirs: {}}\n", "theirs.yml")
    place.apply("users: {ours: {}}\n")
    assert place.apply("groups: {g: {}}\n") == ["created group g", "deleted user ours"]
    assert place.find(User, username="by hand").managed is None
    assert place.find(User, username="theirs").managed == "apply:theirs"


def test_nothing_is_opened_by_a_deletion(place: Place) -> None:
    """The last group of an application that somebody made by hand: without it the application lets in everybody."""
    place.apply("groups: {staff: {}}\n")

    def by_hand(tx: Transaction) -> None:
        app = tx.insert(Application("App", "app"))
        group = tx.find(Group, name="staff")
        assert group is not None
        bindings.create(tx, {"target": app.pk, "group": group.pk})

    place.write(by_hand)
    (said,) = place.refused("groups: {}\n")
    assert "groups.staff: is no longer described and cannot be deleted" in said
    assert "would be open to everyone" in said


def test_an_application_may_be_renamed_with_its_provider(place: Place) -> None:
    text = "providers: {p: {kind: ldap}}\napplications: {old: {provider: p}}\n"
    place.apply(text)
    said = place.apply(text.replace("old:", "new:"))
    assert said[0] == "created application new"
    assert said[-1] == "deleted application old"


def test_adopt_at_the_top_hands_over_all_that_belongs_to_nobody(place: Place) -> None:
    def by_hand(tx: Transaction) -> None:
        user = users.create(tx, {"username": "bob", "name": "Bob"})
        group = groups.create(tx, {"name": "staff", "users": [user.pk]})
        app = tx.insert(Application("App", "app"))
        bindings.create(tx, {"target": app.pk, "group": group.pk})

    place.write(by_hand)
    text = "users: {bob: {}}\ngroups: {staff: {}}\napplications: {app: {bindings: [{group: staff}]}}\n"
    assert len(place.refused(text)) == 3
    said = place.apply(f"adopt: true\n{text}")
    assert [line for line in said if line.startswith("took over")] == [
        "took over user bob",
        "took over group staff",
        "took over application app",
    ]
    assert place.members("staff") == {"bob"}
    assert place.read(_own_bindings) == 1  # taken over, too
    assert place.apply(f"adopt: true\n{text}") == NOTHING


def test_a_renamed_file_goes_on_with_what_it_owned(place: Place) -> None:
    text = WHOLE + "settings: {system: {event_retention: days=7}}\n"
    place.apply(text, "old.yml")
    assert any("write 'formerly: old' at its top" in said for said in place.refused(text, "new.yml"))
    renamed = f"formerly: old\n{text}"
    (planned,) = place.plan(renamed, "new.yml")
    assert planned.notes[0].endswith("that apply:old owned are owned by apply:new now")
    before = place.read(lambda tx: tx.count(Binding))
    assert place.apply(renamed, "new.yml") == list(planned.notes)
    assert place.read(lambda tx: tx.count(Binding)) == before
    assert place.find(User, username="bob").managed == "apply:new"
    assert place.find(PropertyMapping, name="shelf").managed == "apply:new/shelf"
    for said in (renamed, text, f"formerly: new\n{text}"):  # the line may stay, or go
        assert place.apply(said, "new.yml") == NOTHING
    shorter = "formerly: new\nusers: {bob: {}}\n"
    assert {"deleted group staff", "deleted provider p"} <= set(place.apply(shorter, "newer.yml"))
    assert place.find(User, username="bob").managed == "apply:newer"


def test_the_folder_at_hand_has_a_name(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or one would delete what another owns, both being called so."""
    for folder, group in (("one", "staff"), ("two", "guests")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "site.yml").write_text(f"groups: {{{group}: {{}}}}\n")
        monkeypatch.chdir(tmp_path / folder)
        description = read(Path("."), {})
        assert told(drive(apply_description(place.store, place.passwords, os.urandom, description))) == [
            f"created group {group}"
        ]
        assert place.find(Group, name=group).managed == f"apply:{folder}"
        assert read(Path("../one"), {}).mark == "apply:one"
    with pytest.raises(ApplyError, match="has no name"):
        read(Path("/"), {})


def test_what_belonged_to_a_provider_that_is_renamed_belongs_to_the_new_one(place: Place) -> None:
    """It went with the former; what the file does not say of it is as it was."""
    text = "providers: {net: {kind: radius, client_networks: 10.0.0.0/8}}\n"
    nas = "radius_nas: {gate: {provider: net, network: 192.0.2.1/32}}\n"
    place.apply(text + nas)
    secret = place.find(RadiusNas, name="gate").shared_secret
    renamed = (text + nas).replace("net", "wifi").replace("wifiworks", "networks").replace("wifiwork", "network")
    assert place.apply(renamed) == ["created provider wifi", "created NAS gate", "deleted provider net"]
    gate = place.find(RadiusNas, name="gate")
    assert (gate.provider, gate.shared_secret) == (place.find(Provider, name="wifi").pk, secret)
    assert place.apply(renamed) == NOTHING
    (said,) = place.refused(renamed.replace("wifi: {kind", "lan: {kind"))
    assert "there is no provider called 'wifi'" in said


def test_what_named_a_provider_that_is_gone_can_be_changed(place: Place) -> None:
    """And whoever gets the number of the former is nobody's friend for that."""
    oauth2 = "  issuer: {kind: oauth2, redirect_uris: []}\n"
    mode = "mode: forward_single, external_host: https://app.example.com"
    proxy = f"  app: {{kind: proxy, {mode}, jwt_federation_providers: [issuer]}}\n"
    place.apply(f"providers:\n{oauth2}{proxy}")
    assert place.find(Provider, name="app").settings["jwt_federation_providers"]
    place.apply(f"providers:\n{proxy.replace('[issuer]', '[]')}")
    assert place.find(Provider, name="app").settings["jwt_federation_providers"] == []
    place.apply(f"providers:\n{oauth2}{proxy}")
    issuer, app = (place.find(Provider, name=name).pk for name in ("issuer", "app"))
    place.write(lambda tx: providers.delete(tx, issuer))
    place.write(lambda tx: providers.update(tx, app, {"external_host": "https://b.example.com"}))


def test_what_was_applied_as_the_folder_at_hand_is_handed_over(place: Place) -> None:
    place.apply("groups: {staff: {}}\n")
    group = place.find(Group, name="staff")
    place.write(lambda tx: tx.update(replace(group, managed="apply:")))
    (said,) = place.refused("groups: {staff: {}}\n")
    assert "write 'formerly: .' at its top" in said
    assert len(place.apply("formerly: .\ngroups: {staff: {}}\n")) == 1
    assert place.find(Group, name="staff").managed == "apply:ours"


def test_one_record_is_described_once_however_it_is_spelled(place: Place) -> None:
    text = "brands:\n  Example.com: {branding_title: A}\n  .example.com: {branding_title: B}\n"
    assert place.refused(text) == ["ours.yml: line 3: brands..example.com: is described already"]


@pytest.mark.parametrize("former", ["true", "[old]", "old.yml", "''"])
def test_the_former_name_of_a_file_is_a_name(place: Place, former: str) -> None:
    assert "formerly: must be the name" in place.refused(f"formerly: {former}\nusers: {{}}\n")[0]


def test_what_every_store_has_may_be_changed_and_stays_what_it_is(place: Place) -> None:
    name = "authentik default OAuth Mapping: OpenID 'email'"
    text = f'property_mappings:\n  "{name}": {{kind: scope, expression: "return {{}}", adopt: true}}\n'
    was = place.find(PropertyMapping, name=name)
    assert place.apply(text) == [f"changed property mapping {name}: expression"]
    now = place.find(PropertyMapping, name=name)
    assert (now.managed, now.pk) == (was.managed, was.pk)
    assert place.apply("groups: {}\n") == NOTHING  # it is not deleted either


# --- folders -------------------------------------------------------------------------------------------------------


def _apply(place: Place, folder: Path) -> list[str]:
    return told(drive(apply_description(place.store, place.passwords, os.urandom, read(folder, {}))))


def test_a_folder_is_one_file_in_pieces(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "10-people.yml").write_text("users: {bob: {}}\n")
    (folder / "20-groups.yaml").write_text("groups: {staff: {users: [bob]}}\n")
    (folder / "notes.txt").write_text("not YAML: [")
    assert _apply(place, folder) == ["created user bob", "created group staff"]
    assert place.find(User, username="bob").managed == "apply:site"
    (folder / "10-people.yml").rename(folder / "30-people.yml")
    assert _apply(place, folder) == NOTHING
    (folder / "20-groups.yaml").write_text("users: {carol: {}}\n")
    assert _apply(place, folder) == ["created user carol", "deleted group staff"]


def test_faults_name_the_file_and_a_name_stands_in_one_file_only(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    with pytest.raises(ApplyError, match="holds 0 files"):
        read(folder, {})
    (folder / "a.yml").write_text("users: {bob: {}}\n")
    (folder / "b.yml").write_text("users:\n  bob: {}\n  eve: {email: nonsense}\n")
    with pytest.raises(ApplyError, match=r"b.yml: line 2: users.bob: is described in .*a.yml already"):
        read(folder, {})
    (folder / "b.yml").write_text("users:\n  eve: {email: nonsense}\n")
    with pytest.raises(ApplyError, match=r"b.yml: line 2: users.eve.email: Enter a valid"):
        _apply(place, folder)


def test_a_typing_error_inside_a_list_is_told(place: Place) -> None:
    rule = "providers: {p: {kind: proxy, external_host: http://a, access_rules: [{level: deny, path: /x}]}}\n"
    assert "providers.p.access_rules.0.path: unknown field; did you mean 'paths'?" in place.refused(rule)[0]
    rule = rule.replace("path: /x", "paths: [{pat: /x}]")
    assert "providers.p.access_rules.0.paths.0.pat: unknown field; did you mean 'path'?" in place.refused(rule)[0]
    rule = rule.replace("paths: [{pat: /x}]", "groups: [nobody]").replace(
        "http://a", "http://a, internal_host: http://b"
    )
    assert "there is no group called 'nobody'" in place.refused(rule)[0]


# --- roles, and what RADIUS has ------------------------------------------------------------------------------------

NETWORK = """
roles:
  readers:
    permissions:
      - permission: outpost.auditor
      - permission: authentik_providers_ldap.search_full_directory
        provider: directory
users: {printer: {type: service_account}}
groups: {staff: {roles: [readers]}}
providers:
  directory: {kind: ldap}
  net:
    kind: radius
    rules:
      - {name: staff, group: staff, attributes: [{name: Filter-Id, value: staff}]}
      - {name: all, attributes: [{name: Session-Timeout, value: '3600'}]}
radius_nas:
  switch: {provider: net, network: 192.0.2.9, shared_secret: a-secret-of-its-own}
radius_devices:
  02-00-00-00-00-09: {name: printer, user: printer, vlan: '9'}
"""


def test_roles_rules_nas_and_devices_are_made_once_and_end(place: Place) -> None:
    place.apply(NETWORK)
    directory, net = (place.find(Provider, name=name) for name in ("directory", "net"))
    assert place.find(Role, name="readers").permissions == (
        "outpost.auditor",
        f"authentik_providers_ldap.search_full_directory@{directory.pk}",
    )
    rules = place.read(lambda tx: tx.select(RadiusRule, Query(equal={"provider": net.pk}, ordering=("order",))))
    assert [(rule.name, rule.group is not None) for rule in rules] == [("staff", True), ("all", False)]
    assert place.find(RadiusNas, name="switch").network == "192.0.2.9/32"
    assert place.find(Device, address="02:00:00:00:00:09").vlan == "9"
    assert place.apply(NETWORK) == NOTHING
    shorter = NETWORK.replace("      - permission: outpost.auditor\n", "").replace(
        "      - {name: all, ", "      - {name: every, "
    )
    assert place.apply(shorter) == ["changed role readers: permissions", "changed provider net: rules"]
    assert place.apply(shorter[: shorter.index("radius_nas")]) == [
        "deleted device 02:00:00:00:00:09",
        "deleted NAS switch",
    ]
    assert (
        "there is no provider called 'nobody'"
        in place.refused(NETWORK.replace("provider: directory", "provider: nobody"))[0]
    )
    (said,) = place.refused(NETWORK.replace("outpost.auditor", "outpost.everything"))
    assert 'roles.readers.permissions: "outpost.everything" is not a valid choice.' in said

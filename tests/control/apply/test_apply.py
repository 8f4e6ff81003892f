"""A described state is made, kept, changed; and a faulty description changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from control.apply import ApplyError, read
from control.records import Application, Binding, Event, Group, Outpost, PropertyMapping, Provider, User
from control.store.interface import Query, Transaction
from control.verbs import bindings, groups, outposts, providers, system, users
from tests.control.apply.places import NOTHING, Place

EXAMPLE = Path(__file__).parents[3] / "examples" / "first-hour.yml"


def test_the_example_makes_what_it_says_and_nothing_the_second_time(place: Place) -> None:
    text = EXAMPLE.read_text()
    said = place.apply(text, "first-hour.yml")
    assert [line for line in said if line.startswith("created")] == [
        *(f"created user {name}" for name in ("alice", "bob", "carol")),
        *(f"created group {name}" for name in ("admins", "staff", "engineering")),
        *(
            f"created {kind} {name}"
            for kind in ("provider", "application")
            for name in ("directory", "network", "wiki")
        ),
    ]
    assert said[-1] == "changed outpost authentik Embedded Outpost: providers"
    revision = place.revision
    assert place.apply(text, "first-hour.yml") == NOTHING
    assert place.revision == revision


def test_the_examples_people_groups_and_doors(place: Place) -> None:
    place.apply(EXAMPLE.read_text(), "first-hour.yml")
    assert place.find(Group, name="engineering").parents == (place.find(Group, name="staff").pk,)
    assert place.find(Group, name="admins").is_superuser
    assert [place.members(name) for name in ("admins", "staff", "engineering")] == [{"alice"}, set(), {"bob"}]
    bob = place.find(User, username="bob")
    assert bob.managed == "apply:first-hour"
    assert place.passwords.verify_now(bob.password, "bob-example-password").ok
    served = [place.find(Provider, pk=pk) for pk in place.embedded().providers]
    assert [provider.kind for provider in served] == ["ldap", "radius", "proxy"]
    assert served[1].secrets["shared_secret"] == "example-shared-secret"
    lets_in = {name: len(place.launcher(name)) for name in ("alice", "bob", "carol")}
    assert lets_in == {"alice": 3, "bob": 3, "carol": 0}


def test_a_changed_line_changes_that_and_nothing_else(place: Place) -> None:
    place.apply("users: {bob: {email: b@example.com}}\ngroups: {a: {users: [bob]}, b: {parents: [a]}}\n")
    assert place.apply("users: {bob: {email: c@example.com}}\ngroups: {a: {users: []}, b: {parents: []}}\n") == [
        "changed user bob: email",
        "changed group a: users",
        "changed group b: parents",
    ]
    assert place.members("a") == set()
    assert place.find(Group, name="b").parents == ()


def test_parents_may_come_later_in_the_file_than_their_children(place: Place) -> None:
    place.apply("groups: {child: {parents: [parent]}, parent: {}}\n")
    assert place.find(Group, name="child").parents == (place.find(Group, name="parent").pk,)


# --- passwords -----------------------------------------------------------------------------------------------------


def test_a_password_in_the_file_is_in_force_again_after_each_apply(place: Place) -> None:
    text = "users: {bob: {password: right-one}}\n"
    assert place.apply(text) == ["created user bob", "set the password of user bob"]
    version = place.find(User, username="bob").credential_version
    place.set_password("bob", "another")
    assert place.apply(text) == ["set the password of user bob"]
    bob = place.find(User, username="bob")
    assert place.passwords.verify_now(bob.password, "right-one").ok
    assert bob.credential_version > version


def test_an_initial_password_is_for_a_new_user_only(place: Place) -> None:
    text = "users: {bob: {initial_password: first-one}}\n"
    place.apply(text)
    place.set_password("bob", "another")
    assert place.apply(text) == NOTHING
    assert place.passwords.verify_now(place.find(User, username="bob").password, "another").ok


def test_secrets_come_from_variables_and_files_and_are_never_said(place: Place, tmp_path: Path) -> None:
    (tmp_path / "radius").write_text("first-shared-secret\n")
    place.environ["BOB"] = "password-of-bob"
    text = f"""
users: {{bob: {{password: env://BOB}}}}
providers: {{net: {{kind: radius, client_networks: 10.0.0.0/8, shared_secret: "file://{tmp_path}/radius"}}}}
"""
    said = place.apply(text)
    assert place.passwords.verify_now(place.find(User, username="bob").password, "password-of-bob").ok
    (tmp_path / "radius").write_text("second-shared-secret\n")
    said += place.apply(text)
    assert said[-1] == "changed provider net: shared_secret"
    assert place.find(Provider, name="net").secrets["shared_secret"] == "second-shared-secret"
    assert not any(secret in line for line in said for secret in ("password-of-bob", "shared-secret"))
    del place.environ["BOB"]
    assert place.refused(text) == ["ours.yml: line 2: users.bob.password: points at the variable BOB, which is not set"]


def test_a_password_that_cannot_be_hashed_is_a_fault(place: Place) -> None:
    assert place.refused(f"users:\n  bob:\n    password: {'x' * 2000}\n")[0].startswith(
        "ours.yml: line 3: users.bob.password: "
    )


def test_a_password_that_breaks_the_rules_is_a_fault_until_it_is_in_force(place: Place) -> None:
    """What was good when it was set stays: a stricter rule is for the next one."""
    text = "users:\n  bob:\n    password: eight888\n"
    place.apply(text)
    place.write(lambda tx: system.change(tx, {"password_length": 12}))
    assert place.apply(text) == NOTHING
    (complaint,) = place.refused(text.replace("eight888", "nine99999"))
    assert complaint.startswith("ours.yml: line 3: users.bob.password: Use at least 12 characters")


# --- ownership -----------------------------------------------------------------------------------------------------


def test_what_does_not_belong_to_the_file_is_not_touched(place: Place) -> None:
    place.write(lambda tx: users.create(tx, {"username": "bob", "name": "Bob"}))
    assert "does not belong to this file" in place.refused("users: {bob: {name: Other}}\n")[0]
    assert place.find(User, username="bob").name == "Bob"
    place.apply("users: {carol: {}}\n", "theirs.yml")
    assert "belongs to 'apply:theirs'" in place.refused("users: {carol: {adopt: true}}\n")[0]
    assert "does not belong" in place.refused("groups: {authentik Admins: {users: []}}\n")[0]
    assert place.members("authentik Admins") == {"akadmin"}


def test_adopt_hands_a_record_over(place: Place) -> None:
    place.write(lambda tx: users.create(tx, {"username": "bob", "name": "Bob"}))
    text = "users: {bob: {name: Robert, adopt: true}}\n"
    assert place.apply(text) == ["took over user bob", "changed user bob: name"]
    assert place.find(User, username="bob").managed == "apply:ours"
    assert place.apply(text) == NOTHING


def test_foreign_bindings_and_foreign_providers_stay(place: Place) -> None:
    text = "groups: {a: {}}\nproviders: {p: {kind: ldap}}\napplications: {app: {provider: p, bindings: [{group: a}]}}\n"
    place.apply(text + "outposts: {embedded: {providers: [p]}}\n")

    def by_hand(tx: Transaction) -> None:
        app = tx.find(Application, slug="app")
        group = groups.create(tx, {"name": "by hand"})
        provider = providers.create(tx, "ldap", {"name": "by hand", "base_dn": "dc=hand"}, os.urandom)
        outpost = tx.find(Outpost, managed=outposts.EMBEDDED)
        assert app is not None
        assert outpost is not None
        bindings.create(tx, {"target": app.pk, "group": group.pk})
        outposts.update(tx, outpost.pk, {"providers": [*outpost.providers, provider.pk]})

    place.write(by_hand)
    assert place.apply(text + "outposts: {embedded: {providers: [p]}}\n") == NOTHING
    assert place.apply(
        text.replace("{group: a}", "{user: akadmin, negate: true}") + "outposts: {embedded: {providers: []}}\n"
    ) == [
        "changed application app: bindings",
        "changed outpost authentik Embedded Outpost: providers",
    ]
    app = place.find(Application, slug="app")
    lines = place.read(lambda tx: tx.select(Binding, Query(equal={"target": app.pk})))
    assert {(line.group, line.user, line.negate) for line in lines} == {
        (place.find(Group, name="by hand").pk, None, False),
        (None, place.find(User, username="akadmin").pk, True),
    }
    assert place.embedded().providers == (place.find(Provider, name="by hand").pk,)


def test_an_application_that_is_open_to_everyone_is_said_to_be(place: Place) -> None:
    warning = "application app is open to every active user: it has no bindings"
    assert place.apply("applications: {app: {}}\n") == ["created application app", warning]
    bound = "groups: {a: {}}\napplications: {app: {bindings: [{group: a}]}}\n"
    assert place.apply(bound) == ["created group a", "changed application app: bindings"]
    assert place.apply(bound.replace("{group: a}", "")) == ["changed application app: bindings", warning]


def test_the_audit_says_that_a_file_did_it(place: Place) -> None:
    place.apply("users: {bob: {}}\n")
    events = place.read(lambda tx: tx.select(Event))
    assert "apply:ours" in [event.user.get("username") for event in events]


# --- faults --------------------------------------------------------------------------------------------------------


def test_every_fault_is_told_with_its_line_and_nothing_is_written(place: Place) -> None:
    faulty = EXAMPLE.read_text()
    for right, wrong in (
        ("bob@example.com", "bob at example"),
        ("parents: [staff]", "parents: [stuff]"),
        ("mode: forward_single", "mode: forward_all"),
        ("dc=example,dc=com", "nonsense"),
        ("[directory, network, wiki]", "[directory, network, wikki]"),
    ):
        assert right in faulty
        faulty = faulty.replace(right, wrong)
    lines = place.refused(faulty)
    places = ["users.bob.email", "groups.engineering.parents", "providers.wiki.mode", "providers.directory.base_dn"]
    assert all(any(f": {name}: " in line for line in lines) for name in [*places, "outposts.embedded.providers"]), lines
    for line in lines:
        number = int(line.split(": line ")[1].split(":")[0])
        last = line.split(": ")[2].split(".")[-1]
        assert last in faulty.splitlines()[number - 1]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "must hold sections"),
        ("user: {}\n", "line 1: user: unknown section; did you mean 'users'?"),
        ("users: [bob]\n", "line 1: users: must hold names"),
        ("users:\n  bob: admin\n", "line 2: users.bob: must hold fields"),
        ("users:\n  bob:\n    mail: x\n", "line 3: users.bob.mail: unknown field; did you mean 'email'?"),
        ("users:\n  bob:\n    password: 1234\n", "line 3: users.bob.password: must be text"),
        ("users:\n  bob:\n    is_active: perhaps\n", "line 3: users.bob.is_active: Must be a valid boolean."),
        ("groups: {a: {users: bob}}\n", "groups.a.users: must be a list of names"),
        ("groups: {a: {users: [bob]}}\n", "groups.a.users: there is no user called 'bob'"),
        ("groups: {a: {parents: [b]}, b: {parents: [a]}}\n", "Cannot set a group as parent of its own ancestor."),
        ("providers: {p: {}}\n", "providers.p: needs a kind: one of ldap, radius, proxy"),
        ("providers: {p: {kind: ldap, client_networks: 10.0.0.0/8}}\n", "providers.p.client_networks: unknown field"),
        ("providers: {p: {kind: ldap, certificate: none}}\n", "there is no certificate called 'none'"),
        ("providers: {p: {kind: ldap, authorization_flow: none}}\n", "there is no flow called 'none'"),
        ("applications: {a: {provider: none}}\n", "applications.a.provider: there is no provider called 'none'"),
        ("applications: {a b: {}}\n", "applications.a b.slug: Enter a valid"),
        ("applications: {a: {bindings: staff}}\n", "applications.a.bindings: must be a list such as"),
        ("applications: {a: {bindings: [{}]}}\n", "applications.a.bindings.0: must name either"),
        ("applications: {a: {bindings: [{group: g, user: u}]}}\n", "applications.a.bindings.0: must name either"),
        ("applications: {a: {bindings: [{group: g, ordr: 1}]}}\n", "unknown field; did you mean 'order'?"),
        ("applications: {a: {bindings: [{group: none}]}}\n", "there is no group called 'none'"),
        ("outposts: {far: {providers: []}}\n", "outposts.far.type: This field is required."),
        ("users: {a: {}, a: {}}\n", "line 1: 'a' is there twice"),
    ],
)
def test_faults(place: Place, text: str, complaint: str) -> None:
    lines = place.refused(text)
    assert len(lines) == 1, lines
    assert complaint in lines[0]


def test_a_provider_does_not_change_its_kind(place: Place) -> None:
    place.apply("providers: {p: {kind: ldap}}\n")
    assert (
        "of kind ldap; choose another name"
        in place.refused("providers: {p: {kind: proxy, external_host: http://a}}\n")[0]
    )


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ApplyError, match="cannot be read"):
        read(tmp_path / "nowhere.yml", {})
    (tmp_path / "latin.yml").write_bytes(b"users: {j\xf6rg: {}}\n")
    with pytest.raises(ApplyError, match="not UTF-8"):
        read(tmp_path / "latin.yml", {})


def test_a_provider_names_its_property_mappings(place: Place) -> None:
    text = "providers:\n  wiki:\n    kind: oauth2\n    property_mappings: [{}]\n"
    email = "authentik default OAuth Mapping: OpenID 'email'"
    place.apply(text.format(f'"{email}"'))
    (pk,) = place.find(Provider, name="wiki").property_mappings
    assert place.find(PropertyMapping, pk=pk).name == email
    assert place.apply(text.format(f'"{email}"')) == NOTHING
    (said,) = place.refused(text.format("nothing"))
    assert said == "ours.yml: line 4: providers.wiki.property_mappings: there is no property mapping called 'nothing'"
    (said,) = place.refused(text.replace("[{}]", "nothing"))
    assert "must be a list of names" in said

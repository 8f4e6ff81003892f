"""Administrative commands on a real data folder."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from control.app import Control
from control.app import open_store as open_control_store
from control.commands import LOOKS, CommandFailed, create_recovery_key, in_force, issue_certificate, remove_factors
from control.config import ControlConfig
from control.file_commands import apply_files
from control.outposts import instances
from control.records import Authenticator, Event, FlowToken, Outpost, User
from control.store.interface import Query, Transaction
from control.verbs import authenticators
from protocols.link.messages import Hello, Reports
from settings import Settings, load
from tests.control.stores import drive
from tests.fakes import FakeClock
from tests.stores import open_store

EXAMPLE = Path(__file__).parents[2] / "examples" / "first-hour.yml"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"OUTPOST_DATA_DIR": str(tmp_path / "data")})


def test_apply_works_on_a_new_data_folder_and_again(settings: Settings) -> None:
    assert "created user alice" in apply_files(settings, EXAMPLE, {})
    assert apply_files(settings, EXAMPLE, {}) == ["nothing to change"]


def test_apply_beside_a_running_program_leaves_its_setup_code_alone(settings: Settings) -> None:
    config = ControlConfig.from_settings(settings)
    control = drive(Control.open(config, random=os.urandom))

    async def stored() -> object:
        from control.bootstrap import SETUP_CODE
        from control.records import Setting

        return await control.store.read(lambda tx: tx.get(Setting, SETUP_CODE).value)

    before = drive(stored())
    apply_files(settings, EXAMPLE, {})
    assert drive(stored()) == before
    control.close()


def test_what_fails_is_told_in_sentences(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="cannot be read"):
        apply_files(settings, tmp_path / "nowhere.yml", {})
    apply_files(settings, EXAMPLE, {})
    (tmp_path / "data" / "secret.key").unlink()
    with pytest.raises(CommandFailed, match="Put the key back"):
        apply_files(settings, EXAMPLE, {})


@pytest.mark.parametrize("follows", [True, False])
def test_it_ends_when_the_outposts_have_followed(tmp_path: Path, follows: bool) -> None:
    store = open_store(tmp_path, FakeClock())
    outpost = store.write_now(lambda tx: tx.insert(Outpost("edge", "any")).pk)
    store.write_now(lambda tx: instances.seen(tx, outpost, Hello("i1", "host", "0.1.0"), 0))
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if follows and len(pauses) == 2:
            now = await store.read(lambda tx: tx.revision().number)
            await store.write(lambda tx: instances.take(tx, outpost, Reports("i1", (), revision=now)))

    lines = drive(in_force(store, sleep))
    store.close()
    if follows:
        assert (lines, len(pauses)) == ([], 2)
    else:
        assert (lines, len(pauses)) == (["not yet in force at the outpost on host, which will follow"], LOOKS)


def test_a_certificate_for_a_user_from_an_authority_that_is_made_once(settings: Settings) -> None:
    apply_files(settings, EXAMPLE, {})
    issued = [issue_certificate(settings, "alice", name, "Ours", 30) for name in ("laptop", "telephone")]
    assert issued[0].record.authority == issued[1].record.authority
    for one in issued:
        key, leaf, chain = load_key_and_certificates(one.pkcs12, one.password.encode())
        assert key is not None
        assert leaf is not None
        leaf.verify_directly_issued_by(chain[0])
    with pytest.raises(CommandFailed, match="No user is called 'nobody'"):
        issue_certificate(settings, "nobody", "x", "Ours", 30)
    with pytest.raises(CommandFailed):
        issue_certificate(settings, "alice", "x", "Ours", 0)


def test_second_factors_are_taken_away_from_whoever_has_lost_them(settings: Settings) -> None:
    apply_files(settings, EXAMPLE, {})
    store = open_control_store(ControlConfig.from_settings(settings))

    def list_of_codes(tx: Transaction) -> int:
        (alice,) = tx.select(User, Query(equal={"username": "alice"}))
        authenticators.begin_static(tx, alice.pk, os.urandom)
        assert authenticators.confirm_static(tx, alice.pk) is not None
        return alice.pk

    async def factors() -> list[Authenticator]:
        return await store.read(lambda tx: authenticators.of(tx, alice))

    async def events() -> list[Event]:
        return await store.read(lambda tx: tx.select(Event, Query(equal={"action": "model_deleted"})))

    async def write() -> int:
        return await store.write(list_of_codes)

    alice = drive(write())
    assert len(drive(factors())) == 1
    assert remove_factors(settings, "alice")[0] == "removed 1 of them"
    assert drive(factors()) == []
    (event,) = drive(events())
    assert event.user == {"username": "outpost remove-factors"}
    store.close()
    with pytest.raises(CommandFailed, match="No user is called 'nobody'"):
        remove_factors(settings, "nobody")


def test_a_recovery_key_is_a_link_of_authentiks_form(settings: Settings) -> None:
    apply_files(settings, EXAMPLE, {})
    said, link = create_recovery_key(settings, "alice", 600.0)
    assert re.fullmatch(r"/recovery/use-token/[\w-]{32}/", link)
    assert "alice gets another password" in said
    elsewhere = replace(settings, public_url="https://auth.example.org")
    assert create_recovery_key(elsewhere, "alice", 600.0)[1].startswith("https://auth.example.org/recovery/use-token/")
    store = open_control_store(ControlConfig.from_settings(settings))

    async def left() -> tuple[list[Event], list[FlowToken]]:
        return await store.read(
            lambda tx: (tx.select(Event, Query(equal={"action": "secret_view"})), tx.select(FlowToken))
        )

    events, tokens = drive(left())
    store.close()
    assert [event.user for event in events] == [{"username": "outpost create-recovery-key"}] * 2
    assert [round((token.expires or 0.0) - token.created) for token in tokens] == [600, 600]
    with pytest.raises(CommandFailed, match="No user is called 'nobody'"):
        create_recovery_key(settings, "nobody", 600.0)

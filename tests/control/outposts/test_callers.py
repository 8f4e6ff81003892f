"""Which outpost a certificate stands for, and what becomes of a token without one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from control.certificates.authority import new_authority
from control.certificates.making import KeyPair
from control.outposts.callers import AskedAuthorities, Unbelieved, speaks_for
from control.records import Certificate, Outpost, User
from control.store.interface import Transaction
from control.verbs import authorities, outposts
from tests.control.proofs.pki import SERVER, Authority
from tests.fakes import FakeClock, counted_random
from tests.stores import open_store

NOW = FakeClock().now()
FOREIGN, STRANGER = Authority("Foreign", NOW), Authority("Stranger", NOW)


class Place:
    def __init__(self, folder: Path) -> None:
        self.clock, self.random = FakeClock(), counted_random()
        self.sql = open_store(folder, self.clock)
        pair = new_authority("Outposts", self.clock(), self.random)
        self.sql.write_now(lambda tx: self.keep(tx, pair))
        self.edge, self.other = self.outpost("edge"), self.outpost("other")

    def keep(self, tx: Transaction, pair: KeyPair) -> None:
        self.authority = tx.insert(Certificate("Outposts", pair.certificate, key_data=pair.key)).pk
        tx.insert(Certificate("Foreign", FOREIGN.pem))

    def outpost(self, name: str) -> Outpost:
        return self.sql.write_now(lambda tx: outposts.create(tx, {"name": name, "type": "any"}, self.random))

    def account(self, outpost: Outpost) -> User:
        return self.sql.read_now(lambda tx: tx.get(User, outpost.user or 0))

    def wants(self, authority: str) -> None:
        config = {"config": {"client_authority": authority}}
        self.edge = self.sql.write_now(lambda tx: outposts.update(tx, self.edge.pk, config))

    def issue(self, outpost: Outpost) -> tuple[str, str]:
        """The certificate, and the pk of what is known of it."""
        given = {"user": outpost.user, "name": outpost.name}
        order = self.sql.read_now(lambda tx: authorities.order(tx, self.authority, given))
        pair = authorities.made(order, self.clock(), self.random)
        kept = self.sql.write_now(lambda tx: authorities.keep(tx, self.authority, order.fields, pair))
        return pair.certificate, kept.pk

    def foreign(self, outpost: Outpost, issuer: Authority = FOREIGN, **more: object) -> str:
        return issuer.issue(self.account(outpost).username, **more).public_bytes(Encoding.PEM).decode()  # type: ignore[arg-type]

    def fault(self, *shown: str) -> str:
        """What is said to the edge that shows this; empty: it is believed."""
        account = self.account(self.edge)
        try:
            found = self.sql.read_now(lambda tx: speaks_for(tx, account, shown))
        except Unbelieved as error:
            return str(error) if error.outpost == self.edge.pk and "OUTPOST_CLIENT_CERTIFICATE" in str(error) else "?"
        assert found is not None
        assert found.pk == self.edge.pk
        return ""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.sql.close()


def test_a_token_is_enough_where_nothing_else_is_asked_for(place: Place) -> None:
    assert place.fault() == ""
    assert place.fault(place.foreign(place.other, STRANGER)) == ""


def test_a_certificate_of_ours_stands_for_whom_it_was_issued_to(place: Place) -> None:
    place.wants("Outposts")
    assert "it has shown none" in place.fault()
    certificate, issued = place.issue(place.edge)
    assert place.fault(certificate) == ""
    assert "issued to somebody else" in place.fault(place.issue(place.other)[0])
    place.sql.write_now(lambda tx: authorities.revoke(tx, issued))
    assert "revoked" in place.fault(certificate)
    again, _ = place.issue(place.edge)
    place.clock.advance(400 * 86_400)
    assert place.fault(again) not in ("", "?")


REFUSED: dict[str, Callable[[Place], str]] = {
    "another outpost's": lambda place: place.foreign(place.other),
    "a stranger's": lambda place: place.foreign(place.edge, STRANGER),
    "expired": lambda place: place.foreign(place.edge, ends=-60),
    "of a server": lambda place: place.foreign(place.edge, uses=[SERVER]),
    "nonsense": lambda place: "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n",
    "of our own authority": lambda place: place.issue(place.edge)[0],
    "the authority itself": lambda place: FOREIGN.pem,
}


@pytest.mark.parametrize("shown", REFUSED)
def test_a_certificate_of_others_stands_for_whom_it_names(place: Place, shown: str) -> None:
    place.wants("Foreign")
    assert place.fault(place.foreign(place.edge)) == ""
    assert place.fault(REFUSED[shown](place)) not in ("", "?")


def test_without_the_authority_nobody_is_believed(place: Place) -> None:
    place.wants("Foreign")
    certificate = place.foreign(place.edge)

    def remove(tx: Transaction) -> None:
        found = tx.find(Certificate, name="Foreign")
        assert found is not None
        tx.delete(found)

    place.sql.write_now(remove)
    assert "no such authority" in place.fault(certificate)


def test_an_account_of_no_outpost_is_none(place: Place) -> None:
    account = replace(place.account(place.edge), pk=4711)
    assert place.sql.read_now(lambda tx: speaks_for(tx, account, ())) is None


def test_who_is_asked_for_follows_the_configuration(place: Place) -> None:
    async def come(asked: AskedAuthorities, wanted: tuple[str, ...]) -> None:
        while asked.current != wanted:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)

    async def follow() -> None:
        asked = AskedAuthorities(place.sql)
        await asked.look()
        await come(asked, ())
        await asyncio.to_thread(place.wants, "Foreign")
        await come(asked, (FOREIGN.pem,))
        await asyncio.to_thread(place.wants, "")
        await come(asked, ())

    asyncio.run(asyncio.wait_for(follow(), 60))

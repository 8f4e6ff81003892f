"""Letters are never lost and never sent twice: whatever the server answers, whoever dies, however many processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import pytest

from control.mail import outbox, server
from control.mail.delivery import REST, Delivery
from control.mail.post import Post
from control.mail.sending import LEASE_SECONDS
from control.mail.trouble import Step, Trouble
from control.records import Event, Letter, MailServer, User
from control.store.interface import Query
from control.verbs import users
from tests.fakes import FakeClock
from tests.stores import ImmediateStore, open_store

SERVER = MailServer(host="smtp.example.com", from_address="outpost@example.com")
LATER = Trouble(Step.RECIPIENT, "Not now.")
NEVER = Trouble(Step.RECIPIENT, "Never.", for_good=True)
AWAY = Trouble(Step.CONNECT, "Nothing listens there.")


@dataclass
class Sender:
    """Stands for `control.mail.sending.send`; ``troubles`` are raised one after another."""

    sent: list[EmailMessage] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)
    tries: int = 0

    async def __call__(self, server: MailServer, to: str, mail: EmailMessage) -> None:
        self.tries += 1
        await asyncio.sleep(0)
        if self.troubles:
            raise self.troubles.pop(0)
        self.sent.append(mail)


class World:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.sql = open_store(folder, self.clock)
        self.sender = Sender()
        self.delivery = self.another()

    def another(self) -> Delivery:
        """Another control process on the same store."""
        return Delivery(ImmediateStore(self.sql), Post(SERVER, send=self.sender))

    def queue(self, to: str = "ann@example.com", good_until: float | None = None, user: int | None = None) -> Letter:
        return self.sql.write_now(
            lambda tx: outbox.queue(tx, to, "Hello", "the secret link", "test", good_until=good_until, user=user)
        )

    def look(self, *deliveries: Delivery) -> None:
        async def together() -> None:
            await asyncio.gather(*(delivery.look() for delivery in deliveries or (self.delivery,)))

        asyncio.run(together())

    def letters(self) -> list[Letter]:
        return self.sql.read_now(lambda tx: tx.select(Letter, Query(ordering=("created",))))

    @property
    def letter(self) -> Letter:
        (one,) = self.letters()
        return one

    def events(self, action: str) -> list[Event]:
        return self.sql.read_now(lambda tx: tx.select(Event, Query(equal={"action": action})))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.sql.close()


def test_a_letter_is_sent_once_and_its_words_are_forgotten(world: World) -> None:
    queued = world.queue()
    world.look()
    world.look()
    (mail,) = world.sender.sent
    assert mail["To"] == "ann@example.com"
    assert mail["Message-ID"] == f"<{queued.pk}@example.com>"
    assert (world.letter.state, world.letter.text, world.letter.tries) == ("sent", "", 1)
    (event,) = world.events("email_sent")
    assert "ann@example.com" in event.context["message"]
    assert "secret" not in str(event.context)


def test_its_words_are_sealed_while_it_waits(world: World, tmp_path: Path) -> None:
    world.queue()
    files = [file.read_bytes() for file in tmp_path.iterdir()]
    assert any(b"ann@example.com" in content for content in files)
    assert not any(b"the secret link" in content for content in files)


def test_no_letter_is_left_by_a_transaction_that_fails(world: World) -> None:
    def verb(tx: object) -> None:
        outbox.queue(tx, "ann@example.com", "Hello", "x", "test")  # type: ignore[arg-type]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        world.sql.write_now(verb)
    assert world.letters() == []


def test_two_processes_send_each_letter_once(world: World) -> None:
    for number in range(20):
        world.queue(f"p{number}@example.com")
    world.look(world.delivery, world.another(), world.another())
    assert sorted(mail["To"] for mail in world.sender.sent) == sorted(f"p{number}@example.com" for number in range(20))


def test_what_is_refused_for_now_is_tried_again_with_longer_waits(world: World) -> None:
    world.queue()
    waits = []
    world.sender.troubles = [LATER] * 9
    for _ in range(9):
        world.look()
        waits.append(world.letter.due - world.clock())
        world.clock.advance(waits[-1] - 0.5)
        tries = world.sender.tries
        world.look()
        assert world.sender.tries == tries, "it was tried before its time"
        world.clock.advance(0.5)
    assert waits == [*outbox.WAITS, outbox.LONGEST_WAIT, outbox.LONGEST_WAIT]
    assert world.letter.trouble == "Not now."
    world.look()
    assert len(world.sender.sent) == 1


def test_what_is_refused_for_good_fails_at_once_and_is_told(world: World) -> None:
    world.queue()
    world.sender.troubles = [NEVER]
    world.look()
    world.clock.advance(10 * 86_400)
    world.look()
    assert world.sender.sent == []
    assert (world.letter.state, world.letter.trouble, world.letter.text) == ("failed", "Never.", "")
    (event,) = world.events("configuration_error")
    assert "Never." in event.context["message"]


def test_after_days_it_is_given_up(world: World) -> None:
    world.queue()
    world.clock.advance(outbox.GIVEN_UP + 1)
    world.sender.troubles = [LATER]
    world.look()
    assert world.letter.state == "failed"


def test_a_link_that_is_over_is_not_sent(world: World) -> None:
    world.queue(good_until=world.clock() + 60)
    world.clock.advance(60)
    world.look()
    assert world.sender.tries == 0
    assert world.letter.state == "failed"


def test_one_whose_process_died_is_sent_by_the_next(world: World) -> None:
    world.queue()
    world.sql.write_now(lambda tx: outbox.claim(tx, LEASE_SECONDS))
    world.look()
    assert world.sender.tries == 0
    world.clock.advance(LEASE_SECONDS)
    world.look()
    assert len(world.sender.sent) == 1


def test_a_server_that_is_away_is_left_alone_for_a_while(world: World) -> None:
    for number in range(3):
        world.queue(f"p{number}@example.com")
    world.sender.troubles = [AWAY]
    world.look()
    assert world.sender.tries == 1
    assert world.delivery.rest == 2 * REST
    world.look()
    assert world.delivery.rest == REST
    assert len(world.sender.sent) == 2


def test_without_a_server_letters_wait(world: World) -> None:
    delivery = Delivery(ImmediateStore(world.sql), Post(None, send=world.sender))
    world.queue()
    world.look(delivery)
    assert world.letter.state == "waiting"
    assert "No mail server is set" in world.letter.trouble
    world.sql.write_now(lambda tx: server.change(tx, {"host": "smtp.example.org", "from_address": "a@example.org"}))
    world.sql.write_now(lambda tx: outbox.try_again(tx, world.letter.pk))
    world.look(delivery)
    assert [mail["From"] for mail in world.sender.sent] == ["a@example.org"]


def test_a_try_that_takes_too_long_is_trouble(world: World) -> None:
    world.queue()
    world.sender.troubles = [TimeoutError()]
    world.look()
    assert "took too long" in world.letter.trouble


@pytest.mark.parametrize("to", ["", "ann", "ann@", "@example.com", "ann@example.com\nBcc: eve@example.com", "a b@c d"])
def test_what_is_no_address_is_not_queued(world: World, to: str) -> None:
    with pytest.raises(outbox.CannotQueue):
        world.queue(to)
    assert world.letters() == []


def test_nobody_fills_a_mailbox(world: World) -> None:
    for _ in range(outbox.MOST_FOR_ONE):
        world.queue()
    with pytest.raises(outbox.CannotQueue):
        world.queue()
    world.queue("bob@example.com")


def test_a_subject_stays_one_line(world: World) -> None:
    letter = world.sql.write_now(
        lambda tx: outbox.queue(tx, "a@example.com", "One\r\nBcc: eve@example.com", "x", "test")
    )
    assert letter.subject == "One Bcc: eve@example.com"


def test_letters_go_with_their_user(world: World) -> None:
    user: User = world.sql.write_now(lambda tx: users.create(tx, {"username": "ann", "name": "Ann"}))
    world.queue(user=user.pk)
    world.sql.write_now(lambda tx: users.delete(tx, user.pk))
    world.look()
    assert world.sender.tries == 0

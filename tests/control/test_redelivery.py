"""What waits to be sent: whoever is slow, or breaks, holds up nobody else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.records import LogoutNotice
from control.redelivery import LEASE_SECONDS, SHARE, Redelivery
from control.store.interface import Transaction
from tests.fakes import FakeClock
from tests.stores import ImmediateStore, open_store

SLOW, QUICK = 1, 2
AT_ONCE = 10


class House:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.sql = open_store(folder, self.clock)
        self.heard: list[str] = []
        self.gate = asyncio.Event()
        self.queue: Redelivery[LogoutNotice, LogoutNotice] = Redelivery(
            ImmediateStore(self.sql),
            LogoutNotice,
            lambda tx, row: row,
            self.send,
            lambda tx, row: None,
            "provider",
            AT_ONCE,
            1.0,
        )

    def waits(self, provider: int, count: int) -> None:
        def verb(tx: Transaction) -> None:
            for number in range(count):
                tx.insert(LogoutNotice(provider, f"{provider}-{number}", due=tx.now, created=tx.now))

        self.sql.write_now(verb)

    async def send(self, notice: LogoutNotice) -> bool:
        if notice.provider == SLOW:
            await self.gate.wait()
        if notice.sid == "2-0":
            raise RuntimeError("injected")
        self.heard.append(notice.sid)
        return True

    def left(self) -> list[str]:
        return sorted(row.sid for row in self.sql.read_now(lambda tx: tx.select(LogoutNotice)))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.sql.close()


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_slow_receiver_keeps_no_other_from_hearing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.waits(SLOW, 3 * AT_ONCE)
    house.waits(QUICK, 5)

    async def run() -> None:
        for _ in range(5):
            await house.queue.begin()
            await turns()
        assert sorted(house.heard) == ["2-1", "2-2", "2-3", "2-4"]
        assert len(house.left()) == 3 * AT_ONCE + 1, "those of the slow one, and the one that broke"
        house.gate.set()
        for _ in range(3 * AT_ONCE):
            await house.queue.look()

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert house.left() == ["2-0"]
    assert [record.message for record in caplog.records] == ["Sending failed"]


def test_what_is_under_way_is_not_sent_again_and_a_crowd_for_one_hides_nobody(house: House) -> None:
    house.waits(SLOW, 60 * AT_ONCE)
    house.clock.advance(1)
    house.waits(QUICK, 5)

    async def run() -> None:
        for _ in range(20):
            await house.queue.begin()
            await turns()
            house.clock.advance(LEASE_SECONDS / 25)
        assert sorted(house.heard) == ["2-1", "2-2", "2-3", "2-4"]
        house.gate.set()
        await turns()
        assert len(house.heard) == len(set(house.heard))

    asyncio.run(run())


def test_one_receiver_gets_its_share_at_a_time_and_all_get_no_more_than_there_is_room_for(house: House) -> None:
    house.waits(SLOW, 3 * AT_ONCE)
    house.waits(3, 3 * AT_ONCE)

    async def run() -> None:
        await house.queue.begin()
        await house.queue.begin()
        await turns()
        assert len(house.heard) == AT_ONCE // SHARE, "of the one that answers, once, as both looks came before it did"
        house.queue.stop()
        await turns()

    asyncio.run(run())
    assert len(house.left()) == 6 * AT_ONCE - AT_ONCE // SHARE, "what was stopped is sent again"

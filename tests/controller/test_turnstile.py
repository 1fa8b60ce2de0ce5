"""One request in each turn of the loop, STOP past all of them, and a stillness after it."""

import asyncio
import itertools
from typing import Any

import pytest

from controller.panel.app import READERS_MAX
from controller.panel.turnstile import AGAIN_S, STILL_S, InTurn, Turnstile
from tests.controller.room import Room
from tests.controller.stepped_loop import run_stepped


async def passes(turnstile, name, passed):
    await turnstile.turn()
    passed.append((asyncio.get_running_loop().time(), name))


def names(passed):
    return [name for _, name in passed]


def test_whoever_comes_alone_goes_through_at_once():
    async def main():
        turnstile, passed = Turnstile(), []
        for name in "ab":
            await passes(turnstile, name, passed)
            assert names(passed)[-1] == name
            await asyncio.sleep(1)

    run_stepped(main)


def test_in_each_turn_of_the_loop_one_goes_through_in_the_order_of_coming():
    async def main():
        turnstile, passed = Turnstile(), []
        waiting = [asyncio.create_task(passes(turnstile, name, passed)) for name in range(10)]
        counts = []
        for _ in range(30):
            await asyncio.sleep(0)
            counts.append(len(passed))
        assert names(passed) == list(range(10))
        assert max(after - before for before, after in itertools.pairwise(counts)) == 1
        await asyncio.gather(*waiting)

    run_stepped(main)


def test_whoever_gave_up_holds_nobody():
    async def main():
        turnstile, passed = Turnstile(), []
        waiting = [asyncio.create_task(passes(turnstile, name, passed)) for name in range(5)]
        await asyncio.sleep(0)
        for task in waiting[1:4]:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert names(passed) == [0, 4]

    run_stepped(main)


def test_nobody_goes_through_just_after_a_stop_and_a_stuck_key_blocks_nobody():
    async def main():
        turnstile, passed = Turnstile(), []
        begun = asyncio.get_running_loop().time()
        turnstile.stand_still()
        waiting = [asyncio.create_task(passes(turnstile, name, passed)) for name in range(3)]
        for _ in range(10):
            await asyncio.sleep(STILL_S / 2)
            turnstile.stand_still()
        await asyncio.gather(*waiting)
        assert names(passed) == [0, 1, 2]
        assert {round(at - begun, 6) for at, _ in passed} == {STILL_S}
        await asyncio.sleep(AGAIN_S)
        turnstile.stand_still()
        again = asyncio.get_running_loop().time()
        await passes(turnstile, "late", passed)
        assert passed[-1][0] - again == pytest.approx(STILL_S)

    run_stepped(main)


def test_stop_goes_round_it():
    async def main():
        turnstile, served = Turnstile(), []

        async def app(scope, _receive, _send):
            served.append(scope["path"])

        inside: Any = InTurn(app, turnstile, "/stop")
        waiting = [
            asyncio.create_task(inside({"path": f"/{number}"}, None, None)) for number in range(50)
        ]
        await asyncio.sleep(0)
        await inside({"path": "/stop"}, None, None)
        assert served == ["/0", "/stop"]
        await asyncio.gather(*waiting)
        assert served[2:] == [f"/{number}" for number in range(1, 50)]

    run_stepped(main)


def test_one_reader_too_many_is_told_and_may_come_once_another_has_left(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            app = room.http._transport.app

            async def follow(heard):
                async def receive():
                    await asyncio.Event().wait()

                async def send(message):
                    heard.append(message)

                headers = [(b"host", b"127.0.0.1")]
                path = "/api/v1/events"
                scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
                more = {"query_string": b"", "root_path": "", "headers": headers}
                await app({**scope, **more}, receive, send)

            readers = [asyncio.create_task(follow([])) for _ in range(READERS_MAX)]
            await asyncio.sleep(0.1)
            answer = await room.http.get("events")
            assert answer.status_code == 503
            assert answer.json()["error"]["rule"] == "at most 16 may follow the news"
            readers[0].cancel()
            await asyncio.gather(readers[0], return_exceptions=True)
            heard: list[dict[str, object]] = []
            readers[0] = asyncio.create_task(follow(heard))
            await asyncio.sleep(0.1)
            assert heard[0]["status"] == 200
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    run_stepped(main)

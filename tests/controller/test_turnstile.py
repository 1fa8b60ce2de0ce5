"""So many requests a second and no more, in their order; STOP goes round all of them."""

import asyncio
import itertools
from typing import Any

import pytest

from controller.panel.app import READERS_MAX
from controller.panel.turnstile import EVERY_S, PAUSE_MAX_S, WAITING_MAX, InTurn, Turnstile
from tests.controller.room import Room
from tests.controller.stepped_loop import run_stepped

HERE = ("127.0.0.1", 1)
ROOM = WAITING_MAX + 1
"""So many may come at once: one goes through."""
Passed = list[tuple[float, object]]


async def passes(turnstile, name, passed):
    if await turnstile.turn():
        passed.append((asyncio.get_running_loop().time(), name))
        return True
    return False


def test_whoever_comes_alone_goes_through_at_once():
    async def main():
        turnstile, passed = Turnstile(), Passed()
        for name in "ab":
            begun = asyncio.get_running_loop().time()
            assert await passes(turnstile, name, passed)
            assert passed[-1] == (begun, name)
            await asyncio.sleep(EVERY_S)

    run_stepped(main)


def test_one_goes_through_every_ten_milliseconds_in_the_order_of_coming():
    async def main():
        turnstile, passed = Turnstile(), Passed()
        begun = asyncio.get_running_loop().time()
        await asyncio.gather(*(passes(turnstile, name, passed) for name in range(50)))
        assert [name for _, name in passed] == list(range(50))
        assert [at - begun for at, _ in passed] == pytest.approx([n * EVERY_S for n in range(50)])

    run_stepped(main)


def test_whoever_would_wait_too_long_is_told_at_once_and_takes_nobody_elses_turn():
    async def main():
        turnstile, passed = Turnstile(), Passed()
        came = await asyncio.gather(*(passes(turnstile, n, passed) for n in range(3 * ROOM)))
        assert came == [True] * ROOM + [False] * 2 * ROOM
        await asyncio.sleep(EVERY_S)
        begun = asyncio.get_running_loop().time()
        assert await passes(turnstile, "late", passed)
        assert passed[-1][0] == begun

    run_stepped(main)


def test_a_late_loop_lets_nobody_catch_up_and_whoever_gave_up_holds_nobody():
    async def main():
        turnstile, passed = Turnstile(), Passed()
        waiting = [asyncio.create_task(passes(turnstile, name, passed)) for name in range(20)]
        await asyncio.sleep(2 * EVERY_S)
        loop: Any = asyncio.get_running_loop()
        loop.now_us += 1_000_000
        for task in waiting[5:10]:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        times = [at for at, _ in passed]
        assert [name for _, name in passed] == [*range(5), *range(10, 20)]
        gaps = [late - early for early, late in itertools.pairwise(times)]
        # Whoever was on the way as the loop stood still, and nobody else; then a longer pause.
        assert sum(gap < EVERY_S - 1e-9 for gap in gaps) <= 1
        assert sum(gap == pytest.approx(PAUSE_MAX_S) for gap in gaps) == 1

    run_stepped(main)


@pytest.mark.requirement("C11")
def test_stop_goes_round_it():
    async def main():
        turnstile, served = Turnstile(), list[str]()

        async def app(scope, _receive, _send):
            served.append(scope["path"])

        async def busy(_scope, _receive, _send):
            served.append("busy")

        inside: Any = InTurn(app, turnstile, {"/stop"}, busy)
        waiting = [
            asyncio.create_task(inside({"path": f"/{number}"}, None, None)) for number in range(600)
        ]
        await asyncio.sleep(0)
        await inside({"path": "/stop"}, None, None)
        assert served == ["/0", *["busy"] * (600 - ROOM), "/stop"]
        await asyncio.gather(*waiting)
        assert served[-ROOM:] == ["/stop", *(f"/{number}" for number in range(1, ROOM))]

    run_stepped(main)


def test_one_request_too_many_is_told_so(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            answers = await asyncio.gather(
                *(room.http.get("openapi.json") for _ in range(2 * ROOM))
            )
            assert {answer.status_code for answer in answers} == {200, 503}
            refused = next(answer for answer in answers if answer.status_code == 503)
            assert refused.json()["error"]["rule"] == "at most 100 requests a second"
            assert (await room.http.post("actions/stop")).status_code == 200

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
                more = {"query_string": b"", "root_path": "", "headers": headers, "client": HERE}
                await app({**scope, **more}, receive, send)

            readers = [asyncio.create_task(follow([])) for _ in range(READERS_MAX)]
            await asyncio.sleep(2)
            answer = await room.http.get("events")
            assert answer.status_code == 503
            assert answer.json()["error"]["rule"] == "at most 16 may follow the news"
            readers[0].cancel()
            await asyncio.gather(readers[0], return_exceptions=True)
            heard: list[dict[str, object]] = []
            readers[0] = asyncio.create_task(follow(heard))
            await asyncio.sleep(2)
            assert heard[0]["status"] == 200
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    run_stepped(main)

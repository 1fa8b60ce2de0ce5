"""The exchange over an in-memory line with a protocol of lines: ``!x`` is an alarm."""

import asyncio

import pytest

from drivers.exchange import Exchange
from drivers.request import (
    Answer,
    Kind,
    LineTiming,
    LinkLost,
    NoReply,
    Request,
    StaleEpoch,
    Verdict,
    WriteLost,
)
from drivers.stream import PortError
from firmware_interfaces.units import Nanoseconds
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port, Wire

MS = 1_000_000
WITHIN_S, QUARANTINE_S, PATIENCE_S, GRACE_S = 0.2, 0.5, 0.05, 0.03
TIMING = LineTiming(Nanoseconds(500 * MS), Nanoseconds(50 * MS), Nanoseconds(30 * MS))


class Lines:
    """A deframer of lines."""

    def __init__(self):
        self.partial = b""

    def feed(self, data):
        *whole, self.partial = (self.partial + data).split(b"\n")
        return whole

    def discard_partial(self):
        partial, self.partial = self.partial, b""
        return partial


def question(text, kind=Kind.READ, wants=b"ok", epoch=0, guard=lambda: None):
    def match(frame):
        if frame.startswith(b"!"):
            return Verdict.PERHAPS
        return Verdict.ANSWER if frame.startswith(wants) else Verdict.FOREIGN

    return Request(text, text.encode(), kind, match, Nanoseconds(200 * MS), epoch, guard)


class Bench:
    """An exchange, its wires, and the frames that answered nothing."""

    started = 0.0

    def __init__(self, *wires):
        self.wire = wires[0]
        self.port = Port(*wires)
        self.unasked = []
        self.exchange = Exchange(self.port, Lines(), TIMING, now_ns, self._unasked)

    def _unasked(self, frame, at_ns):
        self.unasked.append((frame, at_ns))
        return frame.startswith(b"!")

    def task(self, *args, **kwargs):
        return asyncio.create_task(self.exchange.ask(question(*args, **kwargs)))


@pytest.fixture
async def bench():
    made = Bench(Wire())
    made.started = now_s()
    yield made
    await made.exchange.close()


def now_s():
    return asyncio.get_running_loop().time()


def answering(wire, replies):
    """Answer each write after 10 ms by ``replies[text]``; what is not in it meets silence."""

    def peer(data):
        if data.decode() in replies:
            wire.say(replies[data.decode()], 0.01)

    wire.peer = peer


async def test_an_answer_carries_when_it_was_asked_and_read(bench):
    answering(bench.wire, {"a": b"ok 1\n"})
    answer = await bench.exchange.ask(question("a"))
    # A fresh line is quarantined: whoever spoke before us may still be owed an answer.
    asked_ns = round((bench.started + QUARANTINE_S) * 1e9)
    assert answer == Answer(b"ok 1", asked_ns, asked_ns + 10 * MS)


@pytest.mark.requirement("C2")
async def test_a_read_is_asked_once_more_after_the_quarantine(bench):
    with pytest.raises(NoReply, match="no answer in time: silence"):
        await bench.exchange.ask(question("a"))
    first = bench.started + QUARANTINE_S
    second = first + WITHIN_S + QUARANTINE_S
    assert [at for at, _ in bench.wire.sent] == pytest.approx([first, second])


async def test_a_periodic_question_is_not_asked_again(bench):
    with pytest.raises(NoReply):
        await bench.exchange.ask(question("poll", Kind.HEALTH))
    assert bench.wire.frames == [b"poll"]


@pytest.mark.requirement("C2")
async def test_a_write_is_never_asked_again_and_says_what_was_heard(bench):
    answering(bench.wire, {"w": b"??\n"})
    with pytest.raises(WriteLost, match=r"heard 3f 3f 0a b'\?\?\\n'"):
        await bench.exchange.ask(question("w", Kind.WRITE))
    assert bench.wire.frames == [b"w"]


@pytest.mark.requirement("C4")
async def test_a_late_reply_never_answers_the_next_question(bench):
    bench.wire.peer = lambda data: bench.wire.say(
        b"ok late\n" if data == b"a" else b"ok b\n", WITHIN_S + 0.1 if data == b"a" else 0.01
    )
    first = bench.task("a", Kind.HEALTH)
    second = bench.task("b")
    with pytest.raises(NoReply):
        await first
    assert (await second).frame == b"ok b"
    assert [frame for frame, _ in bench.unasked] == [b"ok late"]


async def test_a_late_reply_in_the_quarantine_does_not_prolong_it(bench):
    bench.wire.peer = lambda data: bench.wire.say(b"ok\n", 0.5 if data == b"a" else 0.01)
    bench.task("a", Kind.HEALTH).add_done_callback(lambda task: task.exception())
    await bench.exchange.ask(question("b"))
    lost_at = bench.started + QUARANTINE_S + WITHIN_S
    assert bench.wire.sent[1][0] == pytest.approx(lost_at + QUARANTINE_S)


async def test_half_a_late_reply_does_not_swallow_the_next_one(bench):
    answering(bench.wire, {"a": b"ok ha", "b": b"ok b\n"})
    with pytest.raises(NoReply):
        await bench.exchange.ask(question("a", Kind.HEALTH))
    assert (await bench.exchange.ask(question("b"))).frame == b"ok b"


@pytest.mark.requirement("C4")
async def test_a_duplicated_reply_quarantines_the_line(bench):
    answering(bench.wire, {"a": b"ok 1\nok 1\n", "b": b"ok 2\n"})
    first = await bench.exchange.ask(question("a"))
    second = await bench.exchange.ask(question("b"))
    assert (first.frame, second.frame) == (b"ok 1", b"ok 2")
    assert second.asked_ns - first.read_ns == 500 * MS


async def test_noise_the_device_may_make_does_not_quarantine_the_line(bench):
    answering(bench.wire, {"a": b"ok 1\n!x\n", "b": b"ok 2\n"})
    first = await bench.exchange.ask(question("a"))
    second = await bench.exchange.ask(question("b"))
    assert second.asked_ns == first.read_ns
    assert [frame for frame, _ in bench.unasked] == [b"!x"]


@pytest.mark.parametrize(
    ("said", "answer", "unasked"),
    [
        (b"!x\n", b"!x", []),
        (b"!x\nok\n", b"ok", [b"!x"]),
        (b"ok\n!x\n", b"ok", [b"!x"]),
        (b"!x\n!x\n", b"!x", [b"!x"]),
    ],
    ids=[
        "alarm is the answer",
        "alarm, then answer",
        "answer, then alarm",
        "alarm twice",
    ],
)
async def test_an_alarm_is_the_answer_only_if_nothing_follows(bench, said, answer, unasked):
    answering(bench.wire, {"a": said})
    assert (await bench.exchange.ask(question("a"))).frame == answer
    assert [frame for frame, _ in bench.unasked] == unasked


async def test_an_unasked_alarm_in_silence_is_passed_on_at_once(bench):
    answering(bench.wire, {"a": b"ok\n"})
    await bench.exchange.ask(question("a"))
    bench.wire.say(b"!x\n", 3.0)
    await asyncio.sleep(4.0)
    assert bench.unasked == [(b"!x", round((bench.wire.sent[0][0] + 0.01 + 3.0) * 1e9))]


@pytest.mark.requirement("C3", "GIP-1.6.1-2", "PCA-R7.2.0(1)(6)(7)")
async def test_stop_leaves_before_a_queued_write(bench):
    answering(bench.wire, {"a": b"ok\n", "run": b"ok\n", "stop": b"ok\n"})
    await bench.exchange.ask(question("a"))
    run = bench.task("run", Kind.WRITE, epoch=1)
    stop = bench.task("stop", Kind.STOP)
    await asyncio.gather(run, stop)
    assert bench.wire.frames == [b"a", b"stop", b"run"]


async def test_stop_does_not_wait_for_the_quarantine(bench):
    answering(bench.wire, {"stop": b"ok\n", "status": b"ok\n"})
    with pytest.raises(NoReply):
        await bench.exchange.ask(question("a", Kind.HEALTH))
    asked_at = now_s()
    await bench.exchange.ask(question("stop", Kind.STOP))
    assert bench.wire.sent[-1] == (asked_at, b"stop")
    # What came back may have been the lost answer: the status waits for a clean line again.
    status = await bench.exchange.ask(question("status", Kind.HEALTH))
    assert status.asked_ns == round((asked_at + 0.01 + QUARANTINE_S) * 1e9)


async def test_stop_cuts_the_wait_of_a_hanging_read_short(bench):
    reading = bench.task("a", Kind.HEALTH)
    await asyncio.sleep(QUARANTINE_S + 0.02)
    asked_at = now_s()
    stop = bench.task("stop", Kind.STOP)
    with pytest.raises(NoReply):
        await reading
    with pytest.raises(NoReply):
        await stop
    assert bench.wire.sent[1][0] == pytest.approx(asked_at + PATIENCE_S)


async def test_stop_lets_an_answer_that_comes_in_time_arrive(bench):
    answering(bench.wire, {"a": b"ok a\n", "stop": b"ok stop\n"})
    reading = bench.task("a")
    await asyncio.sleep(QUARANTINE_S + 0.005)
    stop = bench.task("stop", Kind.STOP)
    assert [(await reading).frame, (await stop).frame] == [b"ok a", b"ok stop"]


async def test_stop_gets_past_a_line_that_babbles_without_a_pause(bench):
    answering(bench.wire, {"a": b"ok\n"})
    await bench.exchange.ask(question("a"))
    read = bench.wire.read
    babbled = 0

    async def babble():
        nonlocal babbled
        if babbled >= 1000:
            return await read()
        babbled += 1
        return b"\x00" * 256

    bench.wire.read = babble
    bench.wire.say(b"\x00")
    await asyncio.sleep(0)
    stop = bench.task("stop", Kind.STOP)
    for _ in range(10):
        await asyncio.sleep(0)
    assert b"stop" in bench.wire.frames
    assert babbled < 20
    with pytest.raises(NoReply):
        await stop


async def test_stop_gets_past_a_write_that_the_line_does_not_take(bench):
    answering(bench.wire, {"stop": b"ok\n"})
    bench.wire.jammed = True
    run = bench.task("run", Kind.WRITE)
    await asyncio.sleep(QUARANTINE_S + 0.02)
    stop = bench.task("stop", Kind.STOP)
    bench.wire.jammed = False
    with pytest.raises(WriteLost):
        await run
    await stop
    assert bench.wire.frames == [b"stop"]
    assert bench.wire.dropped == 1


@pytest.mark.requirement("P16")
async def test_a_new_epoch_drops_queued_and_later_writes_of_older_ones(bench):
    answering(bench.wire, {"new": b"ok\n"})
    queued = bench.task("old", Kind.WRITE, epoch=1)
    await asyncio.sleep(0.1)
    bench.exchange.open_epoch(2)
    with pytest.raises(StaleEpoch, match="epoch 1 was closed by 2"):
        await queued
    with pytest.raises(StaleEpoch):
        await bench.exchange.ask(question("old", Kind.WRITE, epoch=1))
    await bench.exchange.ask(question("new", Kind.WRITE, epoch=2))
    assert bench.wire.frames == [b"new"]


async def test_an_older_epoch_cannot_be_opened_again(bench):
    bench.exchange.open_epoch(5)
    bench.exchange.open_epoch(4)
    with pytest.raises(StaleEpoch):
        await bench.exchange.ask(question("old", Kind.WRITE, epoch=4))


async def test_a_guard_is_asked_when_the_question_leaves_and_refuses_it(bench):
    answering(bench.wire, {"b": b"ok\n"})
    asked_at = []

    def refuse():
        asked_at.append(now_s())
        raise PermissionError("no permit")

    with pytest.raises(PermissionError):
        await bench.exchange.ask(question("a", guard=refuse))
    await bench.exchange.ask(question("b"))
    assert asked_at == [bench.started + QUARANTINE_S]
    assert bench.wire.frames == [b"b"]


async def test_a_cancelled_question_in_the_queue_is_never_sent(bench):
    answering(bench.wire, {"b": b"ok\n"})
    cancelled = bench.task("run", Kind.WRITE)
    await asyncio.sleep(0.1)
    cancelled.cancel()
    await bench.exchange.ask(question("b"))
    assert bench.wire.frames == [b"b"]


async def test_the_answer_to_a_cancelled_question_goes_to_nobody(bench):
    bench.wire.peer = lambda data: bench.wire.say(b"ok " + data + b"\n", 0.1)
    cancelled = bench.task("a")
    await asyncio.sleep(QUARANTINE_S + 0.01)
    cancelled.cancel()
    assert (await bench.exchange.ask(question("b"))).frame == b"ok b"
    assert bench.unasked == []


async def test_a_hang_up_in_flight_makes_a_write_lost_and_fails_what_waits(bench):
    bench.wire.peer = lambda _data: bench.wire.hang_up(OSError("Input/output error"))
    write = bench.task("w", Kind.WRITE)
    read = bench.task("r", Kind.READ)
    queued = bench.task("q", Kind.WRITE)
    with pytest.raises(LinkLost, match="Input/output error"):
        await read
    with pytest.raises(LinkLost):
        await write
    with pytest.raises(LinkLost):
        await queued
    assert bench.wire.frames == [b"r"]


async def test_a_write_in_flight_at_a_hang_up_is_lost(bench):
    bench.wire.peer = lambda _data: bench.wire.hang_up()
    with pytest.raises(WriteLost, match="the other side hung up"):
        await bench.exchange.ask(question("w", Kind.WRITE))


async def test_a_hang_up_in_silence_is_told_to_the_next_who_asks_then_reopened():
    first, second = Wire(), Wire()
    answering(first, {"a": b"ok\n"})
    answering(second, {"a": b"ok\n"})
    bench = Bench(first, second)
    await bench.exchange.ask(question("a"))
    first.hang_up()
    await asyncio.sleep(1)
    with pytest.raises(LinkLost, match="the other side hung up"):
        await bench.exchange.ask(question("a"))
    await bench.exchange.ask(question("a"))
    assert (bench.exchange.links, first.closed) == (2, True)
    await bench.exchange.close()


async def test_stop_reopens_the_line_at_once_and_skips_its_quarantine():
    first, second = Wire(), Wire()
    answering(first, {"a": b"ok\n"})
    answering(second, {"stop": b"ok\n"})
    bench = Bench(first, second)
    await bench.exchange.ask(question("a"))
    first.hang_up()
    await asyncio.sleep(1)
    asked_at = now_s()
    await bench.exchange.ask(question("stop", Kind.STOP))
    assert second.sent == [(asked_at, b"stop")]
    await bench.exchange.close()


async def test_a_port_that_cannot_be_opened_is_named_to_each_who_asks():
    bench = Bench(Wire())
    bench.port.wires = []
    for _ in range(2):
        with pytest.raises(PortError, match="no such file"):
            await bench.exchange.ask(question("w", Kind.WRITE))
    await bench.exchange.close()


async def test_a_listener_that_fails_is_a_lost_line_not_a_quiet_one(bench):
    def broken(_frame, _at_ns):
        raise ValueError("a bug")

    bench.exchange._on_unasked = broken
    answering(bench.wire, {"a": b"??\n"})
    with pytest.raises(LinkLost, match="a bug"):
        await bench.exchange.ask(question("a"))


async def test_closing_fails_what_is_asked_and_closes_the_line(bench):
    write = bench.task("w", Kind.WRITE)
    queued = bench.task("r")
    await asyncio.sleep(0.1)
    await bench.exchange.close()
    for task in (write, queued):
        with pytest.raises(LinkLost, match="closed by us"):
            await task
    with pytest.raises(LinkLost):
        await bench.exchange.ask(question("stop", Kind.STOP))
    assert bench.wire.closed


async def test_closing_while_a_write_is_in_flight_leaves_it_lost(bench):
    write = bench.task("w", Kind.WRITE)
    await asyncio.sleep(QUARANTINE_S + 0.1)
    await bench.exchange.close()
    with pytest.raises(WriteLost, match="closed by us"):
        await write

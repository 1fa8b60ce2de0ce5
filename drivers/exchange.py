"""One question at a time on one line, and what may be believed of the answers.

Knows priorities, deadlines, quarantine and epochs. Does not know what any byte means: a deframer
makes frames of them, and each question brings its own test for its answer.

A line without transaction numbers lies in four ways, and each has one rule here.

* A late answer looks like the answer to the next question. So a line on which an answer is missing
  is quarantined until its device cannot answer any more, and starts again with an empty deframer.
* A second answer to one question does the same. So a frame that nobody asked for, unless it is one
  the device may say by itself, quarantines the line too.
* An alarm may be the answer or may have been sent unasked just before it. So it is held for a
  moment: if another frame follows, that is the answer and the alarm was unasked.
* Silence does not tell whether a write was executed. So a read is asked again once, a write never.

STOP waits for none of this, only for the frame in flight, and for the answer to that no longer than
``stop_patience_ns``. What comes back on a quarantined line proves nothing, so the quarantine then
starts anew: the status that confirms a STOP is always asked on a clean line.

The work is done by one task, never by the one who asks: a cancelled caller leaves no question half
asked and no answer unread.
"""

import asyncio
import contextlib
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Generic, Protocol, TypeVar

from drivers.request import (
    Answer,
    ExchangeError,
    Frame,
    Kind,
    LineTiming,
    LinkLost,
    NoReply,
    Request,
    StaleEpoch,
    Verdict,
    WriteLost,
)
from drivers.stream import ByteStream, Opener
from firmware_interfaces.units import Nanoseconds, as_seconds

Frame_co = TypeVar("Frame_co", covariant=True)
HEARD_MAX: Final = 64
"""Bytes of an unanswered question's echo that are kept for the person who must find the fault."""


class Deframer(Protocol[Frame_co]):
    """Bytes to frames, incremental and bounded; both of ``protocols``' host deframers are one."""

    def feed(self, data: bytes) -> Sequence[Frame_co]:
        """All frames that ``data`` completes."""

    def discard_partial(self) -> bytes:
        """Forget an unfinished frame."""


@dataclass(order=True, slots=True)
class _Entry(Generic[Frame]):
    rank: int
    sequence: int
    request: Request[Frame] = field(compare=False)
    done: "asyncio.Future[Answer[Frame]]" = field(compare=False)


@dataclass(slots=True)
class _Flight(Generic[Frame]):
    """The one question on the wire."""

    request: Request[Frame]
    asked_ns: Nanoseconds
    timer: asyncio.Timeout
    landed: "asyncio.Future[str | None]"
    """Result None: answered. Text: the line hung up, and what was seen."""
    heard: bytearray = field(default_factory=bytearray)
    candidate: Answer[Frame] | None = None


class Exchange(Generic[Frame]):
    """The conversation over one line. Opens it when first asked, and again after a hang-up.

    ``on_unasked`` is given each frame that answers nothing, with its time, and returns True if the
    device is entitled to say it unasked. Use within one running loop; ``close`` when done.
    """

    def __init__(
        self,
        opener: Opener,
        deframer: Deframer[Frame],
        timing: LineTiming,
        now_ns: Callable[[], int],
        on_unasked: Callable[[Frame, Nanoseconds], bool],
    ) -> None:
        self._opener = opener
        self._deframer = deframer
        self._timing = timing
        self._now_ns = now_ns
        self._on_unasked = on_unasked
        self._stream: ByteStream | None = None
        self._queue: list[_Entry[Frame]] = []
        self._sequence = count()
        self._flight: _Flight[Frame] | None = None
        self._wake = asyncio.Event()
        self._clean_at: float | None = None
        self._unreported: str | None = None
        self._worker: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._closed = False
        self.epoch = 0
        self.links = 0
        """How often the line has been opened: a different number may be a different device."""

    async def ask(self, request: Request[Frame]) -> Answer[Frame]:
        """The answer to ``request``.

        Raises NoReply, WriteLost, StaleEpoch, LinkLost, PortError, or what the guard raises.
        """
        try:
            return await self._submit(request)
        except NoReply:
            if request.kind is not Kind.READ:
                raise
        return await self._submit(request)

    @property
    def clean(self) -> bool:
        """True unless an answer that nobody waits for any more may still come."""
        return self._clean_at is None

    def forget_loss(self) -> None:
        """Whoever calls knows that the line may have hung up, and starts anew."""
        self._unreported = None

    def open_epoch(self, epoch: int) -> None:
        """Drop every queued write of an older epoch, now, and refuse later ones."""
        self.epoch = max(self.epoch, epoch)
        for entry in [entry for entry in self._queue if self._stale(entry.request)]:
            _fail(entry.done, self._stale_error(entry.request))

    async def close(self) -> None:
        """End the conversation and close the line. Whatever is still asked fails with LinkLost."""
        self._closed = True
        stream, self._stream = self._stream, None
        for task in (self._worker, self._listener):
            if task is not None:
                task.cancel()
        tasks = [task for task in (self._worker, self._listener) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._fail_queue("closed by us", every=True)
        if stream is not None:
            await stream.close()

    async def _submit(self, request: Request[Frame]) -> Answer[Frame]:
        if self._closed:
            raise LinkLost(request.what, "closed by us")
        if self._stale(request):
            raise self._stale_error(request)
        if self._unreported is not None and request.kind is not Kind.STOP:
            seen, self._unreported = self._unreported, None
            raise LinkLost(request.what, seen)
        loop = asyncio.get_running_loop()
        entry = _Entry(request.kind.value, next(self._sequence), request, loop.create_future())
        heapq.heappush(self._queue, entry)
        if request.kind is Kind.STOP:
            self._hurry(loop.time())
        self._wake.set()
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        return await entry.done

    def _stale(self, request: Request[Frame]) -> bool:
        return request.kind is Kind.WRITE and request.epoch < self.epoch

    def _stale_error(self, request: Request[Frame]) -> StaleEpoch:
        return StaleEpoch(request.what, f"epoch {request.epoch} was closed by {self.epoch}")

    def _hurry(self, now: float) -> None:
        """A STOP is waiting: cut short the wait for the answer in flight, unless that is a STOP."""
        if self._flight is not None and self._flight.request.kind is not Kind.STOP:
            _shorten(self._flight.timer, now + as_seconds(self._timing.stop_patience_ns))

    async def _work(self) -> None:
        while True:
            entry = await self._next()
            if self._stream is None and not await self._open():
                continue
            if entry is self._queue[0]:
                heapq.heappop(self._queue)
                await self._serve(entry)

    async def _next(self) -> _Entry[Frame]:
        """The first entry that may leave now; it stays in the queue, for a STOP may yet pass it."""
        while True:
            self._wake.clear()
            while self._queue and self._queue[0].done.done():
                heapq.heappop(self._queue)
            clean_at = self._clean_at if self._queue else None
            if self._queue and (clean_at is None or self._queue[0].request.kind is Kind.STOP):
                return self._queue[0]
            try:
                async with asyncio.timeout_at(clean_at):
                    await self._wake.wait()
            except TimeoutError:
                if self._clean_at == clean_at:
                    self._clean_at = None

    async def _open(self) -> bool:
        try:
            self._stream = await self._opener()
        except Exception as error:  # noqa: BLE001 - those who asked must hear of anything
            for entry in self._queue:
                _fail(entry.done, error)
            return False
        self.links += 1
        self._unreported = None
        self._quarantine()
        self._listener = asyncio.create_task(self._listen(self._stream))
        return self._queue[0].request.kind is Kind.STOP

    async def _serve(self, entry: _Entry[Frame]) -> None:
        try:
            entry.request.guard()
            answer = await self._fly(entry.request)
        except asyncio.CancelledError:
            _fail(entry.done, self._lost(entry.request, "closed by us"))
            raise
        except Exception as error:  # noqa: BLE001 - the one who asked must hear of anything
            _fail(entry.done, error)
        else:
            if not entry.done.done():
                entry.done.set_result(answer)

    async def _fly(self, request: Request[Frame]) -> Answer[Frame]:
        """Send and wait. Whatever happens, the line is left either clean or quarantined."""
        assert self._stream is not None
        stream, was_clean = self._stream, self._clean_at is None
        self._deframer.discard_partial()
        landed: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        timer = asyncio.timeout(as_seconds(request.within_ns))
        flight = self._flight = _Flight(request, self._now(), timer, landed)
        seen: str | None = None
        try:
            async with timer:
                await stream.write(request.data)
                seen = await landed
        except TimeoutError:
            stream.drop_pending()
        except OSError as error:
            seen = str(error)
            self._hang_up(stream, seen)
        finally:
            self._flight = None
            if flight.candidate is None or not was_clean:
                self._quarantine()
        if flight.candidate is None:
            raise self._lost(request, seen or _silence(flight))
        return flight.candidate

    def _lost(self, request: Request[Frame], seen: str) -> ExchangeError:
        if request.kind is Kind.WRITE:
            return WriteLost(request.what, seen)
        return (LinkLost if self._stream is None else NoReply)(request.what, seen)

    def _now(self) -> Nanoseconds:
        return Nanoseconds(self._now_ns())

    def _quarantine(self) -> None:
        now = asyncio.get_running_loop().time()
        self._clean_at = now + as_seconds(self._timing.quarantine_ns)

    async def _listen(self, stream: ByteStream) -> None:
        seen = "the other side hung up"
        try:
            while data := await stream.read():
                self._hear(data)
                # A line that babbles faster than we hear takes one piece of each turn, not all.
                await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001 - a deaf line must not look like a quiet one
            seen = str(error) or repr(error)
        self._hang_up(stream, seen)
        await stream.close()

    def _hear(self, data: bytes) -> None:
        if self._flight is not None:
            self._flight.heard += data[: HEARD_MAX - len(self._flight.heard)]
        for frame in self._deframer.feed(data):
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        flight, now = self._flight, self._now()
        verdict = Verdict.FOREIGN
        if flight is not None and not flight.landed.done():
            verdict = flight.request.match(frame)
        if flight is None or verdict is Verdict.FOREIGN:
            self._unasked(frame, now)
            return
        held, flight.candidate = flight.candidate, Answer(frame, flight.asked_ns, now)
        if held is not None:
            self._unasked(held.frame, held.read_ns)
        if verdict is Verdict.ANSWER or held is not None:
            flight.landed.set_result(None)
            return
        grace = as_seconds(self._timing.alarm_grace_ns)
        _shorten(flight.timer, asyncio.get_running_loop().time() + grace)

    def _unasked(self, frame: Frame, at_ns: Nanoseconds) -> None:
        if not self._on_unasked(frame, at_ns) and self._clean_at is None:
            self._quarantine()

    def _hang_up(self, stream: ByteStream, seen: str) -> None:
        if self._stream is not stream:
            return
        self._stream = None
        told = self._flight is not None or bool(self._queue)
        self._unreported = None if told else seen
        if self._flight is not None and not self._flight.landed.done():
            self._flight.landed.set_result(seen)
        self._fail_queue(seen, every=False)

    def _fail_queue(self, seen: str, *, every: bool) -> None:
        """Nothing that was asked of the old line is asked of a new one, but STOP."""
        for entry in self._queue:
            if every or entry.request.kind is not Kind.STOP:
                _fail(entry.done, LinkLost(entry.request.what, seen))


def _fail(done: "asyncio.Future[Answer[Frame]]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)


def _silence(flight: _Flight[Frame]) -> str:
    heard = f"heard {flight.heard.hex(' ')} {bytes(flight.heard)!r}" if flight.heard else "silence"
    return f"no answer in time: {heard}"


def _shorten(timer: asyncio.Timeout, when: float) -> None:
    """Bring a deadline forward, never back. One that has not begun or is over stays as it is."""
    before = timer.when()
    with contextlib.suppress(RuntimeError):
        if before is not None and when < before and not timer.expired():
            timer.reschedule(when)

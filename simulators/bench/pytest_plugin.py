"""The virtual room as a pytest fixture, for whoever writes a driver or controller of their own.

It offers the room, the two simulated devices on wires in memory, hands, truth and faults. Nothing
of the daemon is in it unless a test asks for a whole treatment.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from drivers.stream import ByteStream
    from simulators.bench.evidence import Violation
    from simulators.bench.rehearsal import Rehearsal
    from simulators.bench.stage import Case, Stage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Visit:
    """What a test finds in the room; times are virtual."""

    stage: "Stage"

    async def open(self, device: str) -> "ByteStream":
        """The host's end of the wire to ``pump`` or ``calibrator``. Raises PortError if taken."""
        return await self.stage.wires[device].open()

    def hand(self, verb: str, **what: str | float) -> None:
        """Do what a hand does, as ``isodrip-bench hand`` names it. Raises Refused."""
        self.stage.world.hands.act(verb, what)

    def truth(self) -> dict[str, Any]:
        """What is really so, as `simulators.devices.truth` says it: nL and Bq by place."""
        return self.stage.world.truth()

    def now_ns(self) -> int:
        """Time since the world began."""
        return self.stage.loop.now_ns()


class IsodripWorld:
    """Worlds for one test; each call begins a new one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made = 0

    def play(
        self, visit: Callable[[Visit], Coroutine[Any, Any, T]], case: "Case | None" = None
    ) -> T:
        """Run ``visit`` in a room of its own, in virtual time; returns what it returns.

        ``case`` brings seed and faults. A visit that waits for nothing that can happen raises
        `simulators.bench.virtual_time.Deadlock`.
        """
        from simulators.bench.stage import Case, Stage  # noqa: PLC0415 - only those who use it pay
        from simulators.bench.virtual_time import VirtualLoop, run_virtual  # noqa: PLC0415

        async def visited(loop: VirtualLoop) -> T:
            stage = Stage(case or Case(), loop, self._fresh())
            stage.start()
            try:
                return await visit(Visit(stage))
            finally:
                stage.stop()

        return run_virtual(visited)

    def rehearse(self, case: "Case") -> "tuple[Rehearsal, tuple[Violation, ...]]":
        """A whole treatment by the daemon itself, and every promise that it broke."""
        from simulators.bench.evidence import Witness  # noqa: PLC0415 - only those who use it pay
        from simulators.bench.judges import judged  # noqa: PLC0415
        from simulators.bench.rehearsal import rehearse  # noqa: PLC0415

        witness = Witness()
        rehearsal = rehearse(case, self._fresh(), witness.watching())
        return rehearsal, judged(witness.testify(rehearsal))

    def _fresh(self) -> Path:
        self._made += 1
        directory = self._directory / f"world-{self._made}"
        directory.mkdir(parents=True)
        return directory


@pytest.fixture
def isodrip_world(tmp_path: Path) -> IsodripWorld:
    """A room with a syringe pump, a dose calibrator and a patient's line, in virtual time."""
    return IsodripWorld(tmp_path)

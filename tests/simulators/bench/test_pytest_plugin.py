"""The world as other projects meet it: a fixture, with nothing of the daemon in the way."""

import asyncio

import pytest

from drivers.stream import PortError
from simulators.bench.faults import AtTime, fault
from simulators.bench.pytest_plugin import IsodripWorld
from simulators.bench.stage import Case
from simulators.bench.virtual_time import Deadlock


@pytest.fixture
def world(tmp_path):
    return IsodripWorld(tmp_path)


async def asked(stream, question):
    await stream.write(question)
    heard = b""
    while not heard.endswith(b"\x03"):
        heard += await stream.read()
    return heard


def test_a_driver_of_somebody_else_finds_the_pump(world):
    async def visit(room):
        stream = await room.open("pump")
        return [await asked(stream, b"VER\r"), await asked(stream, b"VER\r"), room.now_ns()]

    first, second, at_ns = world.play(visit)
    assert first == b"\x0200A?R\x03"
    assert second == b"\x0200SNE1000V3.928\x03"
    # At 19200 baud a character takes 521 us: 8 asked, 7 and 17 answered.
    assert at_ns == pytest.approx(32 * 520_833, rel=0.001)


def test_nothing_flows_by_itself_in_ten_minutes(world):
    async def visit(room):
        room.hand("mount_syringe", which="drug")
        await asyncio.sleep(600)
        return room.truth()["syringes"]["drug"]["expelled_nl"]

    assert world.play(visit) == 0.0


def test_faults_come_as_the_case_says(world):
    async def visit(room):
        await asyncio.sleep(2)
        await room.open("pump")

    case = Case(faults=(fault("stream", "unplugged", AtTime(1.0)),))
    with pytest.raises(PortError):
        world.play(visit, case)


def test_waiting_for_nothing_is_a_deadlock_or_ends(world):
    async def visit(room):
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().create_future()

    with pytest.raises((TimeoutError, Deadlock)):
        world.play(visit)


def test_a_whole_treatment_keeps_its_promises(world):
    rehearsal, violations = world.rehearse(Case(3, 1.0))
    assert rehearsal.broken_off == ""
    assert violations == ()


def test_it_is_a_fixture_for_whoever_registers_it(pytester_project):
    found = pytester_project("""
        def test_room(isodrip_world):
            async def visit(room):
                return room.truth()["mounted"]
            assert isodrip_world.play(visit) is None
    """)
    assert found.startswith("1 passed")


@pytest.fixture
def pytester_project(tmp_path):
    import subprocess
    import sys
    import textwrap

    def run(source):
        (tmp_path / "test_other.py").write_text(textwrap.dedent(source))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        plugin = ["-p", "simulators.bench.pytest_plugin"] if not registered() else []
        done = subprocess.run(
            [*command, *plugin, "--rootdir", str(tmp_path), str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
            cwd=tmp_path,
        )
        return done.stdout.splitlines()[-1]

    return run


def registered():
    from importlib.metadata import entry_points

    return any(
        point.value == "simulators.bench.pytest_plugin" for point in entry_points(group="pytest11")
    )

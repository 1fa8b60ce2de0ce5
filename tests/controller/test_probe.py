"""What is on a port: asked on real ptys, with nothing written, and what asking cleared is told."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from controller import cli_probe, control_socket
from controller.cli import main
from controller.cli_probe import serial_ports
from controller.config import read_site
from controller.device_sections import DulcoFlexSection
from controller.devices import NowNs
from controller.journal import Journal
from controller.probe import Finding, Where, probe
from drivers.request import ECHOED
from drivers.serial_port import opener
from drivers.stream import ByteStream, Opener
from protocols import capintec, modbus, new_era
from protocols.modbus_messages import ReadRegisters, Side
from simulators.devices.dulco_flex import DulcoFlexFirmware
from simulators.devices.kinds import CALIBRATORS, PUMPS
from simulators.devices.new_era import Ne1000Firmware
from simulators.devices.room import Room
from simulators.devices.serve import Served, loop_clock, serve_pty
from simulators.devices.shared_line import SharedLine
from simulators.devices.simulate import source_room, syringe_room
from tests.controller.golden_journals import newest

KINDS = (*PUMPS, *CALIBRATORS)
AT = Where()
QUERIES = {"", "VER", "DIS"}


class Tap:
    """A stream, and all that was written to any stream of its opener."""

    def __init__(self, stream: ByteStream, written: list[bytes]) -> None:
        self._stream, self._written = stream, written

    async def read(self) -> bytes:
        return await self._stream.read()

    async def write(self, data: bytes) -> None:
        self._written.append(data)
        await self._stream.write(data)

    def drop_pending(self) -> None:
        self._stream.drop_pending()

    async def close(self) -> None:
        await self._stream.close()


def tapped(written: list[bytes]):
    """Openers that remember what is said."""

    def open_(port: str, baud: int, parity) -> Opener:
        inner = opener(port, baud, parity)

        async def opened() -> ByteStream:
            return Tap(await inner(), written)

        return opened

    return open_


def now() -> NowNs:
    """The loop's clock."""
    return cast(NowNs, loop_clock())


def room_of(kind: str) -> Room:
    return syringe_room(1) if kind in PUMPS else source_room(1)


async def served_kind(kind: str, link: Path) -> Served:
    row = PUMPS[kind] if kind in PUMPS else CALIBRATORS[kind]
    return await serve_pty(row.make(room_of(kind), False), link)


@pytest.mark.realtime
@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_is_found_and_nothing_is_written(kind: str, tmp_path: Path) -> None:
    written: list[bytes] = []
    served = await served_kind(kind, tmp_path / "port")
    try:
        found = await probe(str(tmp_path / "port"), AT, tapped(written), now())
    finally:
        await served.close()

    (one,) = found.found
    assert (one.identity.kind, found.fault) == (kind, "")
    assert one.motion == ("stopped" if kind in PUMPS else "")
    assert found.cleared == (("reset",) if kind == "ne1000" else ())
    assert_only_questions(written)


SHARED = [
    (["ne1000", "ne1000"], Where(addresses=(0, 1, 2)), ["address 0", "address 1"]),
    (["dulcoflex", "activity-meter"], AT, ["unit 1", "unit 20"]),
    (["dulcoflex", "dulcoflex"], Where(units=(20, 21)), ["unit 20", "unit 21"]),
]


@pytest.mark.realtime
@pytest.mark.parametrize(("kinds", "at", "places"), SHARED)
async def test_several_on_one_line_are_found_and_nothing_is_written(kinds, at, places, tmp_path):
    written: list[bytes] = []
    devices = [made_at(kind, index) for index, kind in enumerate(kinds)]
    served = await serve_pty(SharedLine(devices), tmp_path / "port")
    try:
        found = await probe(str(tmp_path / "port"), at, tapped(written), now())
    finally:
        await served.close()

    assert sorted(one.identity.kind for one in found.found) == sorted(kinds)
    assert [one.line.split(", ")[1] for one in found.found] == places
    assert len({one.line.split(", ")[0] for one in found.found}) == 1
    assert_only_questions(written)


def made_at(kind: str, index: int):
    """The device at its maker's address, or the next ones."""
    if kind == "activity-meter":
        return CALIBRATORS[kind].make(room_of(kind), False)
    if kind == "dulcoflex":
        return DulcoFlexFirmware(syringe_room(1, kind), unit=20 + index)
    made = Ne1000Firmware(syringe_room(1))
    made.settings.address = index
    return made


@pytest.mark.realtime
async def test_two_at_one_address_are_told_as_such(tmp_path: Path) -> None:
    twins: list[Any] = [CALIBRATORS["activity-meter"].make(source_room(1), False) for _ in range(2)]
    served = await serve_pty(SharedLine(twins), tmp_path / "port")
    try:
        found = await probe(str(tmp_path / "port"), AT, opener, now())
    finally:
        await served.close()

    assert found.found == ()
    (meter,) = [tried for tried in found.tried if tried.kind == "activity-meter"]
    assert (meter.line, meter.seen) == ("Modbus 19200 8E1, unit 1", ECHOED)


@pytest.mark.realtime
async def test_what_the_site_names_is_asked_for_as_it_stands_there(tmp_path: Path) -> None:
    section = DulcoFlexSection(
        kind="dulcoflex", port=str(tmp_path / "port"), unit=77, baud=9600, hose="a",
        revolution_ml=0.02, vial_ml=60.0,
    )  # fmt: skip
    flex = DulcoFlexFirmware(syringe_room(1, "dulcoflex"), unit=77)
    served = await serve_pty(flex, tmp_path / "port")
    try:
        at = Where(site=(section,))
        found = await probe(str(tmp_path / "port"), at, opener, now())
    finally:
        await served.close()

    assert [one.line for one in found.found] == ["Modbus 9600 8E1, unit 77"]
    assert found.tried == ()


@pytest.mark.realtime
async def test_a_port_where_nobody_known_answers_tells_what_was_tried(tmp_path: Path) -> None:
    written: list[bytes] = []
    silent = PUMPS["ne1000"].make(syringe_room(1), False)
    silent.powered = False
    served = await serve_pty(silent, tmp_path / "port")
    try:
        found = await probe(str(tmp_path / "port"), AT, tapped(written), now())
    finally:
        await served.close()

    assert found.found == ()
    assert {tried.kind for tried in found.tried} == set(KINDS)
    assert all(tried.seen for tried in found.tried)
    assert_only_questions(written)


def assert_only_questions(written: list[bytes]) -> None:
    """Whatever kind of device hears all of it, at whatever speed is its own: no write."""
    assert written
    said = b"".join(written)
    commands = [
        heard.command.text
        for heard in new_era.PumpDeframer().feed(said)
        if isinstance(heard, new_era.CommandFrame)
    ]
    frames = modbus.Deframer(Side.DEVICE, tcp=False, units=range(1, 248)).feed(said)
    messages = [frame.message for frame in frames if isinstance(frame, modbus.Frame)]
    requests = [
        capintec.decode_request(frame.payload)
        for frame in capintec.Deframer().feed(said)
        if isinstance(frame, capintec.Frame)
    ]
    assert set(commands) <= QUERIES
    assert all(isinstance(message, ReadRegisters) for message in messages)
    assert all(isinstance(request, capintec.ReadChamber) for request in requests)


async def test_a_port_that_is_not_there_is_a_fault() -> None:
    found = await probe("/dev/not-there", AT, opener, now())

    assert (found.found, found.tried) == ((), ())
    assert "there is no such port" in found.fault


def test_the_command_tells_a_port_that_cannot_be_used(capsys) -> None:
    assert main(["probe", "/dev/not-there", "--json"]) == 3
    (found,) = json.loads(capsys.readouterr().out)["ports"]
    assert found["port"] == "/dev/not-there"
    assert "no such port" in found["fault"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["socket://127.0.0.1:9"], "--config = (absent): name the site's file"),
        (["tcp://127.0.0.1:502"], "--config = (absent): name the site's file"),
        (["ttyUSB0"], "PORT = ttyUSB0: must be an absolute device path"),
        (["/dev/null", "--address", "100"], "--address = 100: must lie in 0 .. 99"),
        (["/dev/null", "--unit", "0"], "--unit = 0: must lie in 1 .. 247"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_asked(arguments, problem, capsys) -> None:
    assert main(["probe", *arguments]) == 2
    assert problem in capsys.readouterr().err


async def kept_treatment(directory: Path, records: int) -> None:
    """The first records of a kept treatment, as a journal of this directory."""
    facts = newest("complete")[:records]
    (_, header, mono_ns, utc_ns), *rest = facts
    path = directory / "20260302-1" / "journal.sqlite"
    path.parent.mkdir(parents=True)
    journal = await Journal.create(path, header, mono_ns=mono_ns, utc_ns=utc_ns)
    for fact in rest:
        journal.append(*fact)
    await journal.committed(len(facts) - 1)
    await journal.close(5.0)


def site_in(directory: Path) -> Path:
    """A site.toml whose ports are not there and whose journals lie in ``directory``."""
    example = (Path(__file__).parents[2] / "examples" / "site.toml").read_text("utf-8")
    table = re.sub(r"(?m)^port = .*", 'port = "/dev/not-there"', example, count=1)
    table = re.sub(r"(?m)^directory = .*", f'directory = "{directory}"', table)
    path = directory / "site.toml"
    path.write_text(table, "utf-8")
    return path


def test_nothing_is_asked_while_a_treatment_is_open(tmp_path: Path, capsys) -> None:
    asyncio.run(kept_treatment(tmp_path, 40))

    assert main(["probe", "/dev/not-there", "--config", str(site_in(tmp_path))]) == 1
    assert "session = 20260302-1 in " in capsys.readouterr().err


def test_a_closed_treatment_is_not_in_the_way(tmp_path: Path, capsys) -> None:
    asyncio.run(kept_treatment(tmp_path, 1_000_000))

    assert main(["probe", "/dev/not-there", "--config", str(site_in(tmp_path))]) == 3
    assert "cannot be used" in capsys.readouterr().out


def test_nothing_is_asked_while_the_daemon_runs(tmp_path: Path, capsys) -> None:
    with control_socket.listen(tmp_path / "isodrip.sock"):
        assert main(["probe", "/dev/not-there", "--config", str(site_in(tmp_path))]) == 3
    assert "must be free: stop the daemon first" in capsys.readouterr().err


def test_the_ports_of_the_site_are_asked_where_none_is_named(tmp_path: Path, monkeypatch) -> None:
    site = site_in(tmp_path)
    monkeypatch.setattr(cli_probe, "serial_ports", lambda: ("/dev/other",))
    asked = []

    async def nobody(port, *_what):
        asked.append(port)
        return Finding(port, (), (), (), "")

    monkeypatch.setattr(cli_probe, "probe", nobody)
    assert main(["probe", "--config", str(site)]) == 1
    named = read_site(site)
    assert asked == [named.pump.port, named.calibrator.port, "/dev/other"]


def test_serial_ports_are_named_once() -> None:
    found = serial_ports()

    assert len({str(Path(port).resolve()) for port in found}) == len(found)

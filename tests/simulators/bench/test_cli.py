"""``isodrip-bench`` from the outside: exit codes, and what it says where."""

import asyncio
import json
import signal
import sys

import pytest

from simulators.bench import directory, launch
from simulators.bench.cli import main
from tests.simulators.bench.bench_room import SETTING


@pytest.fixture
def own_temp(tmp_path, monkeypatch):
    """A temp dir of our own, so that no real run is disturbed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["run", "--minutes", "0.4"],
        ["run", "--minutes", "sixty"],
        ["run", "--broker", "post"],
        ["simulate", "ne1000"],
        ["simulate", "ne1000", "--pty", "--tcp", "127.0.0.1:0"],
        ["hand", "mount_syringe", "drug"],
    ],
)
def test_wrong_use_is_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: isodrip-bench" in capsys.readouterr().err


def test_an_unknown_kind_of_device_is_2(capsys):
    assert main(["simulate", "toaster", "--pty"]) == 2
    assert "toaster" in capsys.readouterr().err


def test_without_a_run_there_are_no_hands(own_temp, capsys):
    assert main(["hand", "unmount"]) == 3
    assert "no run directory found" in capsys.readouterr().err


def test_without_a_world_nobody_answers(own_temp, capsys):
    directory.make_directory()
    assert main(["truth"]) == 3
    assert main(["hand", "unmount"]) == 3
    assert capsys.readouterr().err.count("no world answers") == 2


def test_a_wrong_order_is_2_and_names_field_value_and_rule(tmp_path, capsys):
    order = tmp_path / "order.json"
    order.write_text("{}")
    assert main(["run", "--order", str(order)]) == 2
    assert "order_id" in capsys.readouterr().err


def test_an_order_that_is_not_there_is_2(tmp_path, capsys):
    assert main(["run", "--order", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err


def test_the_newest_run_is_found_again(own_temp):
    first, second = directory.make_directory(), directory.make_directory()
    assert first != second
    assert directory.latest() == second


@pytest.mark.realtime
async def test_hands_and_truth_of_the_newest_run(own_temp, capsys):
    path = directory.make_directory()
    SETTING.save(path)
    world = await launch.start_world(path)
    try:
        await launch.world_ports(world)
        assert await asyncio.to_thread(main, ["hand", "mount_syringe", "which=drug"]) == 0
        assert await asyncio.to_thread(main, ["hand", "unmount", "--json"]) == 0
        assert await asyncio.to_thread(main, ["hand", "unmount", "--json"]) == 1
        assert await asyncio.to_thread(main, ["hand", "unmount"]) == 1
        assert await asyncio.to_thread(main, ["truth", "--json"]) == 0
        assert await asyncio.to_thread(main, ["truth", "--directory", str(path)]) == 0
    finally:
        await world.end()
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "done"
    assert json.loads(lines[1]) == {"ok": True}
    assert json.loads(lines[2]) == {"ok": False, "reason": "unmount: no syringe is on the pump"}
    assert json.loads(lines[3])["mounted"] is None
    [told] = [line for line in lines[4:] if line.startswith("syringe ")]
    assert 1594.0 < float(told.split()[-2]) <= 1600.0  # it decays meanwhile, by 5.7 MBq an hour
    assert err == "unmount: no syringe is on the pump\n"


@pytest.mark.realtime
async def test_one_device_alone_says_where_it_is_and_ends_on_sigterm(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators.bench.cli", "simulate", "crc55", "--pty",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    first = json.loads(await process.stdout.readline())
    assert first["kind"] == "crc55"
    assert first["address"].startswith("/dev/pts/")
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0

"""The world: how it is furnished, what truth says, and the process itself on real ports."""

import asyncio
import json
import stat
from dataclasses import replace

import pytest
import serial

from simulators.bench import channel, launch
from simulators.bench.channel import Channel, Refused
from simulators.bench.device_set import DeviceSet
from simulators.bench.setting import Setting
from tests.simulators.bench.bench_room import SETTING, UTC_NS, Bench


def test_the_room_is_furnished_as_the_setting_says():
    truth = Bench().truth()
    assert truth["syringes"]["drug"]["volume_nl"] == pytest.approx(20e6)
    assert truth["syringes"]["drug"]["activity_bq"] == pytest.approx(1.6e9)
    assert truth["syringes"]["saline"]["volume_nl"] == pytest.approx(9.5e6)
    assert truth["activities_bq"]["line"] == 0.0
    assert (truth["line_end"], truth["line_joined"], truth["mounted"]) == ("patient", False, None)


def test_a_line_primed_with_drug_holds_drug_and_the_rest_was_discarded():
    truth = Bench(replace(SETTING, primed_with="drug")).truth()
    assert truth["syringes"]["drug"]["volume_nl"] == pytest.approx(20e6)
    assert truth["activities_bq"]["line"] == pytest.approx(1.5 / 20 * 1.6e9, rel=0.05)
    assert truth["volumes_nl"]["prime"] == pytest.approx(2.25e6)


def test_the_ledger_of_the_world_balances_and_time_of_day_goes_with_it():
    bench = Bench()
    bench.wait(3600.0)
    truth = bench.truth()
    assert truth["utc_ns"] == UTC_NS + 3600 * 10**9
    assert sum(truth["activities_bq"].values()) == pytest.approx(truth["supplied_bq"])
    assert sum(truth["volumes_nl"].values()) == pytest.approx(truth["supplied_nl"])


def test_the_channel_refuses_what_is_no_request():
    world = Bench().world
    assert world.answer({"truth": True})["truth"]["decay"] == 1.0
    for request in ({}, {"hand": 3}, {"hand": "unmount", "with": []}):
        with pytest.raises(Refused, match="a request is"):
            world.answer(request)


def test_a_line_that_nests_too_deep_is_no_json():
    answer = channel.answer(b"[" * 100_000, Bench().world.answer)
    assert (answer["ok"], answer["reason"][:9]) == (False, "not JSON:")


@pytest.mark.realtime
@pytest.mark.parametrize("tcp", [False, True])
async def test_the_process_serves_both_devices_hands_and_truth(tmp_path, tcp):
    replace(SETTING, devices=DeviceSet(tcp=tcp)).save(tmp_path)
    world = await launch.start_world(tmp_path)
    try:
        ports = await launch.world_ports(world)
        assert ports["pump"].startswith("socket://" if tcp else str(tmp_path))
        channel = Channel(tmp_path)
        await channel.hand("mount_syringe", which="drug")
        with pytest.raises(Refused, match="drug is on the pump"):
            await channel.hand("mount_syringe", which="flush")
        assert (await channel.truth())["mounted"] == "drug"
        answers = await asyncio.to_thread(_ask_twice, ports["pump"])
        assert answers == [b"\x0200A?R\x03", b"\x0200SNE1000V3.928\x03"]
    finally:
        code = await world.end()
    assert code == 0
    assert not any((tmp_path / name).is_symlink() for name in ("pump", "calibrator"))


def _ask_twice(port: str) -> list[bytes]:
    with serial.serial_for_url(port, baudrate=19200, timeout=3) as line:
        answers = []
        for _ in range(2):
            line.write(b"VER\r")
            answers.append(line.read_until(b"\x03"))
        return answers


@pytest.mark.realtime
async def test_a_directory_without_a_setting_is_wrong_use(tmp_path):
    world = await launch.start_world(tmp_path)
    assert await world.process.wait() == 2
    assert "world.json" in world.tail()
    (tmp_path / "world.json").write_text(json.dumps({"seed": 1, "cats": 2}))
    world = await launch.start_world(tmp_path)
    assert await world.process.wait() == 2
    assert "cats" in world.tail()


def test_the_setting_survives_its_file(tmp_path):
    setting = replace(SETTING, devices=DeviceSet("ne1000", "activity-meter", tcp=True))
    path = setting.save(tmp_path)
    assert stat.S_ISREG(path.stat().st_mode)
    assert Setting.load(tmp_path) == setting

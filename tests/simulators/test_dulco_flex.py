"""The simulated DULCO flex Control: registers, batch, bus time-out, errors, power and keypad."""

from collections.abc import Sequence

import pytest

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex import Setup
from firmware_interfaces.dulco_flex_rules import Layout, identify, litres_down, read_block, settle
from firmware_interfaces.readings import Motion, PumpAlarm
from firmware_interfaces.register import Bank, WordOrder, decode, encode
from protocols.modbus import encode_rtu
from protocols.modbus_messages import Failure, ReadRegisters
from simulators.devices import hands
from simulators.devices.dulco_flex import DulcoFlexFirmware, Meanings
from simulators.devices.faults import FAULTS
from simulators.devices.hose import HosedVial
from simulators.devices.modbus_unit import Declined
from simulators.devices.room import Room

S = 1_000_000_000
ML = 1_000_000
HIGH = Layout(0, WordOrder.HIGH_FIRST)
START = df.ACTIVE | df.TIMEOUT_STOPS


class Bench:
    """A pump whose table is reached without bytes, and the time."""

    def __init__(self, fill_nl=20 * ML, meanings=None, layout=HIGH):
        room = Room(1)
        hands.bring_vial(room, fill_nl, 1.6e9)
        hands.bring_syringe(room, HosedVial("drug", 60 * ML))
        hands.draw_up(room, "drug", fill_nl, 0.0)
        hands.mount(room, "drug")
        hands.join_line(room)
        hands.lead_line(room, "patient")
        hands.set_clamp(room, is_open=True)
        self.room, self.layout = room, layout
        self.pump = DulcoFlexFirmware(room, meanings=meanings)
        self.now_ns = 0

    def words(self, register, count):
        return self.pump.read_registers(Bank.HOLDING, self.layout.address(register), count)

    def get(self, register):
        return decode(register, self.words(register, register.words), self.layout.order)

    def set(self, register, value):
        words = encode(register, value, self.layout.order)
        self.pump.write_registers(self.layout.address(register), words)

    def reading(self):
        return read_block(self.words(df.STATUS, df.READING_WORDS), self.layout, Setup())

    def batch(self, volume_nl, time_s):
        """Programmed and running, as the driver does it."""
        self.set(df.TARGET_MODE, 3)
        self.set(df.BATCH_VOLUME, litres_down(volume_nl))
        self.set(df.BATCH_TIME, time_s)
        self.set(df.RUPTURE_RESPONSE, 1)
        self.set(df.CLEAR, 1)
        self.set(df.START_STOP, START)
        self.set(df.TRIGGER, df.CODE_WORD)

    def wait(self, seconds):
        self.now_ns += round(seconds * S)
        self.pump.process(self.now_ns)


@pytest.mark.parametrize("shift", [0, -1])
@pytest.mark.parametrize("order", list(WordOrder))
def test_its_layout_can_be_settled_and_it_says_who_it_is(shift, order):
    bench = Bench(meanings=Meanings(shift, order), layout=Layout(shift, order))
    found: dict[int, Sequence[int] | None] = {}
    for at in (0, -1):
        try:
            found[at] = bench.pump.read_registers(Bank.HOLDING, 63 + at, 2)
        except Declined:
            found[at] = None
    assert settle(found) == bench.layout
    words = bench.words(df.PRODUCT, df.SOFTWARE.end - df.PRODUCT.address)
    assert identify(words, bench.layout, Setup()).serial == "2026000117"
    assert bench.reading().motion is Motion.STOPPED


def test_a_batch_gives_its_volume_in_its_time_and_ends_by_itself():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    assert bench.reading().motion is Motion.INFUSING
    bench.wait(900.1)
    reading = bench.reading()
    assert (reading.infused_nl, reading.remaining_nl) == (4_999_999, 5_000_000)
    assert bench.get(df.RATE) == pytest.approx(0.02)
    bench.wait(900)
    reading = bench.reading()
    assert (reading.motion, reading.infused_nl, reading.remaining_nl) == (
        Motion.STOPPED, 9_999_999, 0,
    )  # fmt: skip
    assert reading.revolution_nl == 20_000
    assert bench.room.syringes["drug"].displaced_nl == pytest.approx(10 * ML, abs=100)
    bench.wait(60)
    assert bench.room.syringes["drug"].displaced_nl == pytest.approx(10 * ML, abs=100)


def test_whoever_moves_the_room_on_the_motor_counts_its_own_turns():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    for second in range(1, 2000):
        bench.room.process(second * S)
        bench.wait(1)
    reading = bench.reading()
    assert (reading.motion, reading.infused_nl) == (Motion.STOPPED, 9_999_999)
    assert bench.room.syringes["drug"].displaced_nl == pytest.approx(10 * ML, abs=100)


def test_at_another_address_it_hears_only_that():
    bench = Bench()
    bench.pump.move_to(21)
    asked = {unit: encode_rtu(unit, ReadRegisters(3, 63, 2)) for unit in (20, 21)}
    assert bench.pump.feed(asked[20], S) == b""
    assert bench.pump.feed(asked[21], 2 * S)[:1] == bytes([21])


def test_the_counter_shows_whole_half_revolutions():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.wait(8.9)
    # 20 mL/h: one half revolution of 10 uL in 1.8 s.
    assert bench.reading().infused_nl == 39_999
    bench.wait(0.2)
    assert bench.reading().infused_nl in (49_999, 50_000)


def test_clearing_the_start_bit_stops_and_ends_the_batch():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.wait(9)
    bench.set(df.START_STOP, df.TIMEOUT_STOPS)
    given_nl = bench.room.displaced_nl
    reading = bench.reading()
    assert (reading.motion, reading.remaining_nl) == (Motion.STOPPED, 0)
    bench.set(df.START_STOP, START)
    bench.wait(60)
    assert bench.room.displaced_nl == given_nl
    assert bench.reading().infused_nl in (49_999, 50_000)


@pytest.mark.parametrize(
    ("start", "timeout_ms", "stops"),
    [(START, 5000, True), (START, 0, False), (df.ACTIVE, 5000, False)],
)
def test_silence_stops_it_if_both_are_armed(start, timeout_ms, stops):
    bench = Bench()
    bench.set(df.BUS_TIMEOUT, timeout_ms)
    bench.batch(10 * ML, 1800)
    bench.set(df.START_STOP, start)
    question = encode_rtu(df.UNIT, ReadRegisters(3, 1000, 44))
    bench.now_ns = 3 * S
    assert bench.pump.feed(question, bench.now_ns)
    bench.wait(20)
    told_s = 10e6 / 1800
    expected = told_s * (8 if stops else 23)
    assert bench.room.displaced_nl == pytest.approx(expected, abs=8_000)
    assert (bench.reading().motion is Motion.STOPPED) is stops


def test_a_frame_for_another_unit_is_no_sign_of_life():
    bench = Bench()
    bench.set(df.BUS_TIMEOUT, 5000)
    bench.batch(10 * ML, 1800)
    for _ in range(4):
        bench.now_ns += 2 * S
        assert bench.pump.feed(encode_rtu(21, ReadRegisters(3, 1000, 1)), bench.now_ns) == b""
    assert bench.reading().motion is Motion.STOPPED


@pytest.mark.parametrize(
    ("address", "values", "failure"),
    [
        (1217, (0,), Failure.ILLEGAL_VALUE),
        (1217, (10_001,), Failure.ILLEGAL_VALUE),
        (61, (10_001,), Failure.ILLEGAL_VALUE),
        (1235, (1,), Failure.ILLEGAL_VALUE),
        (1215, (0x7FC0, 0), Failure.ILLEGAL_VALUE),
        (1215, (0xBF80, 0), Failure.ILLEGAL_VALUE),
        (1215, (0,), Failure.ILLEGAL_VALUE),
        (1000, (0, 0), Failure.ILLEGAL_ADDRESS),
        (63, (0, 0), Failure.ILLEGAL_ADDRESS),
        (900, (0,), Failure.ILLEGAL_ADDRESS),
    ],
)
def test_what_may_not_be_written_is_declined(address, values, failure):
    bench = Bench()
    with pytest.raises(Declined) as declined:
        bench.pump.write_registers(address, values)
    assert declined.value.failure is failure


def test_what_there_is_not_is_not_read():
    bench = Bench()
    for bank, address in ((Bank.HOLDING, 62), (Bank.HOLDING, 900), (Bank.INPUT, 1000)):
        with pytest.raises(Declined):
            bench.pump.read_registers(bank, address, 1)


def test_a_trigger_needs_start_bit_mode_and_no_error():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.set(df.START_STOP, 0)
    for register, value in ((df.START_STOP, 0), (df.TARGET_MODE, 2)):
        bench.set(df.TARGET_MODE, 3)
        bench.set(df.START_STOP, START)
        bench.set(register, value)
        bench.set(df.TRIGGER, df.CODE_WORD)
        assert not bench.pump.motor.turning
    bench.pump.raise_alarm("7", bench.now_ns)
    bench.set(df.TARGET_MODE, 3)
    bench.set(df.TRIGGER, df.CODE_WORD)
    assert not bench.pump.motor.turning


def test_a_torn_hose_is_an_error_until_it_is_changed_and_acknowledged():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.wait(10)
    FAULTS["tear_hose"](bench.room, 0.3)
    bench.wait(1)
    reading = bench.reading()
    assert (reading.motion, reading.alarms) == (Motion.STOPPED, (PumpAlarm.HOSE_RUPTURE,))
    bench.set(df.ACKNOWLEDGE, df.CODE_WORD)
    assert bench.reading().alarms == (PumpAlarm.HOSE_RUPTURE,)
    FAULTS["tear_hose"](bench.room, 0.0)
    assert bench.reading().alarms == (PumpAlarm.HOSE_RUPTURE,)
    bench.set(df.ACKNOWLEDGE, df.CODE_WORD)
    assert bench.reading().alarms == ()


def test_a_torn_hose_is_only_a_warning_where_nobody_asked_for_more():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.set(df.RUPTURE_RESPONSE, 0)
    FAULTS["tear_hose"](bench.room, 0.3)
    bench.wait(1)
    assert bench.reading().faults == (("warning hose rupture", PumpAlarm.HOSE_RUPTURE),)
    assert bench.reading().motion is Motion.INFUSING


def test_a_vial_that_runs_dry_warns_and_then_stops_the_pump():
    bench = Bench(fill_nl=2 * ML)
    bench.batch(10 * ML, 1800)
    bench.wait(290)
    assert bench.reading().alarms == (PumpAlarm.NEAR_EMPTY,)
    bench.wait(20)
    reading = bench.reading()
    assert (reading.motion, reading.alarms) == (Motion.STOPPED, (PumpAlarm.EMPTY,))
    vial = bench.room.syringes["drug"]
    assert vial.fluid.volume_nl == pytest.approx(0.3 * ML, abs=500)
    bench.set(df.ACKNOWLEDGE, df.CODE_WORD)
    assert bench.reading().alarms == (PumpAlarm.EMPTY,)


def test_a_blocked_line_stops_the_motor():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    hands.set_clamp(bench.room, is_open=False)
    bench.wait(30)
    bench.wait(1)
    assert bench.reading().alarms == (PumpAlarm.STALL,)
    assert bench.reading().motion is Motion.STOPPED


@pytest.mark.parametrize(
    ("behaviour", "motion"),
    [(0, Motion.STOPPED), (1, Motion.INFUSING), (2, Motion.INFUSING)],
)
def test_after_a_power_cut_it_does_what_1400_says(behaviour, motion):
    bench = Bench()
    bench.set(df.POWER_UP, behaviour)
    bench.batch(10 * ML, 1800)
    bench.wait(9.1)
    counted = bench.reading().infused_nl
    bench.pump.power_off(bench.now_ns)
    given_nl = bench.room.displaced_nl
    bench.wait(5)
    assert bench.pump.feed(encode_rtu(df.UNIT, ReadRegisters(3, 1000, 1)), bench.now_ns) == b""
    assert bench.room.displaced_nl == given_nl
    bench.pump.power_on(bench.now_ns)
    reading = bench.reading()
    assert (reading.motion, reading.infused_nl, reading.power_ups) == (motion, counted, 2)
    assert bench.pump.power_cycle(bench.now_ns) == b""
    assert bench.reading().power_ups == 3


def test_keys_stop_go_on_prime_and_turn_it_round():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.pump.keypad_start_stop(bench.now_ns)
    assert bench.reading().motion is Motion.STOPPED
    bench.pump.keypad_start_stop(bench.now_ns)
    assert bench.reading().motion is Motion.INFUSING
    bench.pump.keypad_withdraw(bench.now_ns)
    assert bench.reading().motion is Motion.WITHDRAWING
    bench.set(df.DIRECTION, 0)
    bench.pump.trigger_edge(bench.now_ns)
    assert bench.reading().motion is Motion.STOPPED
    bench.pump.keypad_start_stop(bench.now_ns)
    bench.pump.keypad_purge(bench.now_ns)
    assert bench.reading().motion is Motion.PURGING
    assert not bench.pump.keypad_rate("5", bench.now_ns)
    # Priming runs at 2 l/h, and the time-out does not stop what no bus has started.
    given_nl = bench.room.displaced_nl
    bench.wait(1)
    assert bench.room.displaced_nl - given_nl == pytest.approx(2e9 / 3600, rel=0.02)


def test_mode_manual_feeds_at_the_target_rate_while_the_start_bit_is_set():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.wait(9)
    given_nl = bench.room.displaced_nl
    bench.pump.panel_manual(bench.now_ns)
    assert bench.reading().motion is Motion.PURGING
    bench.wait(36)
    # 0.01 l/h from the factory: 0.1 mL in 36 s.
    assert bench.room.displaced_nl - given_nl == pytest.approx(0.1 * ML, abs=3_000)
    bench.set(df.START_STOP, df.TIMEOUT_STOPS)
    assert bench.reading().motion is Motion.STOPPED
    bench.set(df.START_STOP, START)
    assert bench.reading().motion is Motion.PURGING


def test_a_change_of_the_hose_ends_the_batch_and_lets_nothing_start():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.pump.panel_hose_change(bench.now_ns, begins=True)
    bench.set(df.TRIGGER, df.CODE_WORD)
    assert (bench.reading().motion, bench.reading().remaining_nl) == (Motion.WAITING, 0)
    bench.pump.panel_hose_change(bench.now_ns, begins=False)
    bench.set(df.TRIGGER, df.CODE_WORD)
    assert bench.reading().motion is Motion.INFUSING


@pytest.mark.parametrize(("remembers", "remaining_nl"), [(False, 10 * ML), (True, 19_950_000)])
def test_batch_memory_adds_what_was_left_of_an_older_batch(remembers, remaining_nl):
    bench = Bench()
    bench.pump.batch_memory = remembers
    bench.batch(10 * ML, 1800)
    bench.wait(9.1)
    bench.set(df.START_STOP, df.TIMEOUT_STOPS)
    bench.batch(10 * ML, 1800)
    reading = bench.reading()
    assert reading.remaining_nl == pytest.approx(remaining_nl, abs=1)
    assert reading.batch_memory is remembers


def test_a_time_out_out_of_nowhere_clears_the_start_bit():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.pump.lose_lease(bench.now_ns)
    assert bench.reading().motion is Motion.STOPPED
    assert bench.get(df.START_STOP) == df.TIMEOUT_STOPS


def test_a_stuck_counter_and_a_motor_that_runs_away():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.wait(9.1)
    bench.pump.motor.defects.counter_stuck = True
    bench.wait(9)
    reading = bench.reading()
    assert reading.infused_nl == pytest.approx(50_000, abs=1)
    assert bench.room.displaced_nl == pytest.approx(100_000, abs=3_000)
    bench.pump.motor.count_from(7 * ML)
    assert bench.reading().infused_nl == pytest.approx(7 * ML, abs=1)
    bench.pump.motor.defects.counter_stuck = False
    bench.pump.motor.defects.runaway = 3.0
    bench.pump.motor.turn()
    bench.wait(9)
    assert bench.reading().infused_nl == pytest.approx(7.15 * ML, abs=1)
    assert bench.get(df.RATE) == pytest.approx(0.06)
    bench.wait(700)
    assert bench.reading().motion is Motion.STOPPED
    # The batch ends by what really turned.
    assert bench.room.displaced_nl == pytest.approx(10 * ML, abs=100)


def test_a_warning_stands_until_it_is_taken_away():
    bench = Bench()
    bench.pump.standing_warnings = 1 << 15
    assert bench.reading().alarms == (PumpAlarm.FAULT,)
    bench.pump.standing_warnings = 0
    assert bench.reading().alarms == ()


def test_any_write_to_the_quantity_clears_it():
    bench = Bench()
    bench.batch(10 * ML, 1800)
    bench.wait(20)
    assert bench.reading().infused_nl > 0
    bench.set(df.QUANTITY, 1.0)
    assert bench.reading().infused_nl == 0


def test_it_is_quiet_only_while_nothing_ends_by_itself():
    bench = Bench()
    assert bench.pump.quiet(10 * S)
    bench.set(df.BUS_TIMEOUT, 5000)
    bench.batch(10 * ML, 1800)
    assert not bench.pump.quiet(S)
    bench.pump.motor.halt()
    assert bench.pump.quiet(4 * S)
    assert not bench.pump.quiet(5 * S)
    bench.pump.power_off(bench.now_ns)
    assert bench.pump.quiet(10 * S)


def test_a_firmware_may_take_its_table_otherwise():
    meanings = Meanings(
        moved={"batch time": 1}, worth={"power-ups": 2.0}, swapped={"maximum dosing rate"},
    )  # fmt: skip
    bench = Bench(meanings=meanings)
    with pytest.raises(Declined):
        bench.set(df.BATCH_TIME, 1800)
    bench.pump.write_registers(1218, (900,))
    assert bench.pump.held[df.BATCH_TIME] == 900
    assert bench.get(df.POWER_UPS) == 2
    assert bench.get(df.RATE_MAX) != 2.0
    low = Meanings(
        order=WordOrder.LOW_FIRST, swapped={"maximum dosing rate"}, worth={"batch volume": 0.1}
    )
    bench = Bench(meanings=low, layout=Layout(0, WordOrder.LOW_FIRST))
    bench.set(df.BATCH_VOLUME, 0.01)
    assert bench.pump.held[df.BATCH_VOLUME] == pytest.approx(0.1)
    bench.pump.deaf_to.add(df.BATCH_VOLUME)
    bench.set(df.BATCH_VOLUME, 0.02)
    assert bench.pump.held[df.BATCH_VOLUME] == pytest.approx(0.1)

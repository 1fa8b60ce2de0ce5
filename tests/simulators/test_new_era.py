"""The NE-1000's link: framing, Safe mode, watchdog, alarms, power, keypad."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.devices.new_era import Ne1000Firmware
from simulators.devices.room import Room
from simulators.devices.simulate import lone_pump
from tests.simulators.pump_bench import S, Terminal, programmed, safe

GOLDEN_BASIC = [
    ("300D", "0230305303"),
    ("0D", "0230305303"),
    ("305645520D", "02303053" + b"NE1000V3.928".hex() + "03"),
]
GOLDEN_SAFE = [
    ("020530365303", "020730 3053AAA603"),
    ("0206303033C603", "0207303053AAA603"),
    ("0204000003", "0207303053AAA603"),
    ("0208305645524809 03", safe("00SNE1000V3.928").hex()),
    ("020F305241 5432302E30304D483D5C03", "0207303053AAA603"),
    ("020D30564F4C31302E3030AD0C03", "0207303053AAA603"),
    ("020B30444952494E46918603", "0207303053AAA603"),
    ("020B30434C44494E4646AE03", "0207303053AAA603"),
    ("020830444953304603", safe("00SI0.000W0.000ML").hex()),
    ("020D3044494132362E353957EF03", "0207303053AAA603"),
]


@pytest.mark.parametrize(("command", "reply"), GOLDEN_BASIC)
def test_golden_basic_frames(command: str, reply: str) -> None:
    """NE-500 manual 1200-02 p. 29, examples in pumps.md 1.5."""
    assert Terminal().raw(bytes.fromhex(command)).hex() == reply.lower()


@pytest.mark.parametrize(("command", "reply"), GOLDEN_SAFE)
def test_golden_safe_frames(command: str, reply: str) -> None:
    """NE-1000 manual 1200-01, 10.2.3, examples in pumps.md 1.5."""
    terminal = Terminal()
    terminal.go_safe(10)
    assert terminal.raw(bytes.fromhex(command)).hex() == bytes.fromhex(reply).hex()


def test_the_manual_s_escape_packet_brings_it_back_to_basic() -> None:
    terminal = Terminal()
    terminal.go_safe(10)
    assert terminal.raw(bytes.fromhex("02085341463055 4303")) == b"\x0200S\x03"
    assert terminal.raw(b"SAF\r") == b"\x0200S0\x03"


@pytest.mark.parametrize("text", ["0STP", "stp", " 0 s t p ", "00STP", "\n0STP\x07"])
def test_basic_mode_is_forgiving(text: str) -> None:
    assert Terminal().ask(text) == "00S?NA"


def test_another_pump_s_packet_is_not_ours() -> None:
    terminal = Terminal(Ne1000Firmware(Room(1), address=7))
    assert terminal.raw(b"0\r") == b""
    assert terminal.raw(b"\r") == b""
    assert terminal.ask("7") == "07S"


def test_the_address_and_the_baud_rate_can_be_changed() -> None:
    terminal = Terminal()
    assert terminal.ask("*ADR") == "00S00"
    assert terminal.ask("*ADR 5 B 1200") == "05S"
    assert terminal.pump.baud == 1200
    assert terminal.raw(b"0VER\r") == b""
    assert terminal.ask("*ADR5B1234") == "05S?OOR"
    assert terminal.ask("*RESET") == "00S"


def test_reset_forgets_program_and_safe_mode_but_not_while_pumping() -> None:
    terminal = programmed(Terminal())
    terminal.ask("RUN")
    assert terminal.ask("*RESET") == "00I?NA"
    terminal.ask_all("STP", "STP", "*RESET")
    assert terminal.ask_all("VOL", "SAF") == ["00S0.000ML", "00S0"]


@pytest.mark.parametrize(
    ("packet", "reply"),
    [
        (safe("0RUN")[:-2] + b"\x00\x03", safe("00S?COM")),
        (safe("0RUN")[:-1] + b"\x04", safe("00S?COM")),
        (safe("0!"), safe("00S?COM")),
        (b"0RUN\r", b""),
        (b"\x02\x09garb\x00", safe("00S?COM")),
    ],
    ids=["checksum", "no ETX", "grammar", "Basic line in Safe mode", "control byte"],
)
def test_a_broken_packet_runs_nothing(packet: bytes, reply: bytes) -> None:
    terminal = Terminal()
    terminal.go_safe(10)
    assert terminal.raw(packet) == reply
    assert terminal.ask("0") == "00S"


def test_noise_before_a_packet_is_not_answered() -> None:
    assert Terminal().raw(b"\xfe\x11" + safe("0")) == b"\x0200S\x03"


def test_half_a_packet_goes_stale_after_half_a_second() -> None:
    terminal = Terminal()
    packet = safe("0STP")
    assert terminal.raw(packet[:4]) == b""
    terminal.wait(0.4)
    assert terminal.raw(packet[4:]) == b"\x0200S?NA\x03"
    assert terminal.raw(packet[:4]) == b""
    terminal.wait(0.5)
    assert terminal.ask("0") == "00S"


def test_half_a_line_typed_by_hand_does_not_go_stale() -> None:
    terminal = Terminal()
    terminal.raw(b"0V")
    terminal.wait(3)
    assert terminal.raw(b"ER\r") == b"\x0200SNE1000V3.928\x03"


@given(st.lists(st.integers(1, 12), max_size=12))
def test_it_hears_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    stream = safe("SAF5") + safe("0VER") + b"x\x02\x99" + safe("0DIS") + safe("SAF0") + b"0VOL\r"
    whole, pieces = Terminal(), Terminal()
    out, rest = b"", stream
    for cut in cuts:
        out += pieces.raw(rest[:cut])
        rest = rest[cut:]
    assert out + pieces.raw(rest) == whole.raw(stream)


def test_after_power_up_the_first_reply_is_the_reset_alarm_and_the_command_is_not_done() -> None:
    terminal = Terminal(acknowledged=False)
    assert terminal.raw(b"0VOL5.000\r") == bytes.fromhex("023030413F5203")
    assert terminal.ask("VOL") == "00S0.000ML"


def test_saf_changes_the_mode_even_when_its_reply_is_an_alarm() -> None:
    terminal = Terminal(acknowledged=False)
    assert terminal.raw(safe("SAF5")) == safe("00A?R")
    assert terminal.raw(safe("SAF")) == safe("00S5")
    assert terminal.raw(safe("SAF256")) == safe("00S?OOR")


def test_the_watchdog_stops_pump_and_program_exactly_when_the_lease_ends() -> None:
    terminal = programmed(Terminal())
    terminal.go_safe(5)
    assert terminal.ask("RUN") == "00I"
    terminal.wait(3)
    assert terminal.ask("0") == "00I"
    assert terminal.wait(4.999) == b""
    assert terminal.truth["plunger_um_s"] > 0
    assert terminal.wait(0.001) == safe("00A?T")
    moved = terminal.truth["displaced_nl"]
    assert moved == pytest.approx(8 * 20e6 / 3600, rel=1e-9)
    assert terminal.wait(600) == b""
    assert terminal.truth["displaced_nl"] == moved
    assert terminal.ask("RUN") == "00A?T"
    assert terminal.ask("0") == "00S"
    assert terminal.truth["displaced_nl"] == moved


def test_a_late_look_finds_that_the_watchdog_stopped_in_time() -> None:
    terminal = programmed(Terminal())
    terminal.go_safe(5)
    terminal.ask("RUN")
    assert terminal.wait(600) == safe("00A?T")
    assert terminal.truth["displaced_nl"] == pytest.approx(5 * 20e6 / 3600, rel=1e-9)


@pytest.mark.parametrize("packet", [b"", safe("0")[:-2] + b"\x00\x03", safe("7"), b"0\r"])
def test_only_a_valid_packet_for_this_pump_restarts_the_watchdog(packet: bytes) -> None:
    terminal = Terminal()
    terminal.go_safe(5)
    terminal.wait(4)
    terminal.raw(packet)
    assert terminal.wait(1) == safe("00A?T")


def test_an_expired_watchdog_waits_for_the_next_valid_packet() -> None:
    terminal = Terminal()
    terminal.go_safe(4)
    assert terminal.wait(4) == safe("00A?T")
    assert terminal.wait(100) == b""
    assert terminal.ask("0") == "00A?T"
    assert terminal.wait(4) == safe("00A?T")


def test_safe_mode_survives_a_power_cut_but_the_timer_waits_for_a_packet() -> None:
    terminal = Terminal()
    terminal.go_safe(4)
    terminal.wait(1)
    assert terminal.pump.power_cycle(terminal.now_ns) == safe("00A?R")
    assert terminal.wait(100) == b""
    assert terminal.ask("0") == "00A?R"
    assert terminal.wait(4) == safe("00A?T")


def test_an_unasked_alarm_is_not_acknowledged_by_being_sent() -> None:
    terminal = programmed(Terminal())
    terminal.go_safe(10)
    terminal.ask("RUN")
    terminal.pump.room.surroundings.drive_jammed = True
    assert terminal.wait(1) == safe("00A?S")
    assert terminal.ask("DIS") == "00A?S"
    assert terminal.ask("DIS") == "00SI0.000W0.000ML"


def test_an_alarm_that_comes_with_the_reply_s_bytes_comes_first() -> None:
    terminal = programmed(Terminal())
    terminal.go_safe(5)
    terminal.now_ns += 6 * S
    assert terminal.raw(safe("0")) == safe("00A?T") + safe("00A?T")


def test_in_basic_mode_it_never_speaks_unasked_and_pumps_on_without_a_host() -> None:
    terminal = programmed(Terminal())
    terminal.ask("RUN")
    assert terminal.wait(600) == b""
    assert terminal.ask("0") == "00I"
    terminal.pump.room.surroundings.drive_jammed = True
    assert terminal.wait(1) == b""
    assert terminal.ask("0") == "00A?S"


def test_a_power_cut_clears_the_counters_and_stops_the_plunger() -> None:
    terminal = programmed(Terminal())
    terminal.ask("RUN")
    terminal.wait(60)
    moved = terminal.truth["displaced_nl"]
    terminal.pump.power_off(terminal.now_ns)
    assert terminal.raw(b"0\r") == b""
    assert terminal.wait(60) == b""
    terminal.pump.power_on(terminal.now_ns)
    assert terminal.ask("0") == "00A?R"
    assert terminal.ask_all("DIS", "RAT", "VOL", "DIA", "PHN") == [
        "00SI0.000W0.000ML", "00S20.00MH", "00S10.00ML", "00S26.59", "00S01",
    ]  # fmt: skip
    assert terminal.truth["displaced_nl"] == moved


def test_power_failure_mode_restarts_the_program_by_itself() -> None:
    terminal = programmed(Terminal())
    assert terminal.ask_all("PF1", "PF", "RUN") == ["00S", "00S1", "00I"]
    terminal.pump.power_cycle(terminal.now_ns)
    terminal.wait(10)
    assert terminal.ask("0") == "00I"
    assert terminal.truth["displaced_nl"] == pytest.approx(10 * 20e6 / 3600, rel=1e-9)


def test_power_failure_mode_does_not_start_what_did_not_run() -> None:
    terminal = programmed(Terminal())
    terminal.ask("PF1")
    terminal.pump.power_cycle(terminal.now_ns)
    assert terminal.ask("0") == "00A?R"


def test_the_keypad_takes_over_and_a_lock_keeps_it_from_all_but_stopping() -> None:
    terminal = programmed(Terminal())
    terminal.ask("RUN")
    terminal.pump.keypad_start_stop(terminal.now_ns)
    assert terminal.ask("0") == "00P"
    terminal.pump.keypad_start_stop(terminal.now_ns)
    assert terminal.ask("0") == "00I"
    assert terminal.pump.keypad_rate("30.00", terminal.now_ns)
    assert terminal.ask("RAT") == "00I30.00MH"
    terminal.ask_all("STP", "LOC1", "RUN")
    assert not terminal.pump.keypad_rate("40.00", terminal.now_ns)
    terminal.pump.keypad_start_stop(terminal.now_ns)
    terminal.pump.keypad_start_stop(terminal.now_ns)
    assert terminal.ask("0") == "00P"


def test_the_keypad_acknowledges_an_alarm() -> None:
    terminal = Terminal(acknowledged=False)
    terminal.pump.keypad_start_stop(terminal.now_ns)
    assert terminal.ask("0") == "00S"


@pytest.mark.parametrize(
    ("mode", "after_one", "after_two"),
    [("FT", "00I", "00P"), ("SP", "00S", "00S"), ("OF", "00S", "00S")],
)
def test_the_trigger_input(mode: str, after_one: str, after_two: str) -> None:
    terminal = programmed(Terminal())
    terminal.ask("TRG" + mode)
    terminal.pump.trigger_edge(terminal.now_ns)
    assert terminal.ask("0") == after_one
    terminal.pump.trigger_edge(terminal.now_ns)
    assert terminal.ask("0") == after_two


def test_a_stop_only_trigger_stops_a_running_pump_and_off_does_not() -> None:
    terminal = programmed(Terminal())
    terminal.ask_all("TRGOF", "RUN")
    terminal.pump.trigger_edge(terminal.now_ns)
    assert terminal.ask("0") == "00I"
    terminal.ask_all("STP", "STP", "TRGSP", "RUN")
    terminal.pump.trigger_edge(terminal.now_ns)
    assert terminal.ask("0") == "00P"


def test_without_power_time_still_passes() -> None:
    pump = lone_pump(1)
    pump.power_off(0)
    pump.process(5 * S)
    assert pump.room.now_ns == 5 * S


def test_it_is_quiet_until_its_watchdog_fires() -> None:
    terminal = Terminal()
    terminal.go_safe(5)
    assert terminal.pump.quiet(5 * S - 1)
    assert not terminal.pump.quiet(5 * S)


def test_it_is_quiet_while_it_turns_steadily_and_not_before_a_phase_ends() -> None:
    terminal = Terminal()
    terminal.ask_all("VOL1.000", "RAT60.00MH", "RUN1")
    assert not terminal.pump.quiet(terminal.now_ns + S // 4)
    terminal.wait(30.0)
    assert terminal.pump.quiet(terminal.now_ns + S // 4)
    assert not terminal.pump.quiet(61 * S)
    terminal.wait(31.0)
    assert terminal.pump.quiet(terminal.now_ns + S)


def test_without_power_it_is_quiet() -> None:
    terminal = Terminal()
    terminal.go_safe(5)
    terminal.pump.power_off(terminal.now_ns)
    assert terminal.pump.quiet(10 * S)

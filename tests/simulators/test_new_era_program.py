"""What the NE-1000's commands do, to its own numbers and to the room."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.devices.new_era import Ne1000Firmware
from simulators.devices.new_era_settings import Meanings, Settings, format_float, parse_float
from simulators.devices.simulate import lone_pump
from tests.simulators.pump_bench import Terminal, programmed

NL_S = 20e6 / 3600


def test_a_dose_is_pumped_counted_and_ends_in_stop() -> None:
    terminal = programmed(Terminal())
    assert terminal.ask("RUN") == "00I"
    terminal.wait(900)
    assert terminal.ask("DIS") == "00II5.000W0.000ML"
    terminal.wait(899.999)
    assert terminal.ask("0") == "00I"
    terminal.wait(0.002)
    assert terminal.ask("DIS") == "00SI10.00W0.000ML"
    terminal.wait(100)
    assert terminal.truth["displaced_nl"] == pytest.approx(10e6, rel=1e-9)
    assert terminal.truth["volumes_nl"]["patient"] == pytest.approx(10e6, rel=1e-3)


def test_without_a_stop_phase_it_pumps_on_for_ever() -> None:
    terminal = programmed(Terminal(), volume="1.000")
    terminal.ask_all("PHN2", "FUNRAT", "RAT60.00MH", "VOL0", "PHN1", "RUN")
    terminal.wait(180 + 60)
    assert terminal.ask("DIS") == "00II2.000W0.000ML"


def test_phases_follow_each_other_to_the_nanosecond() -> None:
    terminal = programmed(Terminal(), volume="1.000")
    terminal.ask_all("PHN2", "FUNRAT", "RAT60.00MH", "VOL2.000", "PHN3", "FUNSTP", "PHN1", "RUN")
    terminal.wait(3600)
    assert terminal.ask("DIS") == "00SI3.000W0.000ML"
    assert terminal.truth["displaced_nl"] == pytest.approx(3e6, rel=1e-9)


def test_stop_pauses_then_resets_then_does_not_apply() -> None:
    terminal = programmed(Terminal())
    terminal.ask("RUN")
    terminal.wait(90)
    assert terminal.ask_all("STP", "STP", "STP") == ["00P", "00S", "00S?NA"]


def test_run_resumes_a_pause_but_after_a_reset_gives_the_whole_volume_again() -> None:
    terminal = programmed(Terminal(), volume="1.000")
    terminal.ask("RUN")
    terminal.wait(90)
    assert terminal.ask_all("STP", "RUN", "RUN") == ["00P", "00I", "00I?NA"]
    terminal.wait(90.001)
    assert terminal.ask("DIS") == "00SI1.000W0.000ML"
    terminal.ask("RUN")
    terminal.wait(90)
    terminal.ask_all("STP", "STP", "RUN")
    terminal.wait(3600)
    assert terminal.ask("DIS") == "00SI2.500W0.000ML"


def test_a_stall_ends_the_program_and_the_counter_is_the_motor_s() -> None:
    terminal = programmed(Terminal())
    terminal.ask("RUN")
    terminal.wait(60)
    terminal.pump.room.clamp_open = False
    terminal.wait(300)
    assert terminal.ask("0") == "00A?S"
    assert terminal.ask("0") == "00S"
    counted = float(terminal.ask("DIS")[4:9]) * 1e6
    assert counted == pytest.approx(terminal.truth["displaced_nl"], abs=1000)
    assert terminal.truth["volumes_nl"]["patient"] < counted - 0.6e6


def test_the_wrong_diameter_gives_a_wrong_flow_and_a_right_looking_counter() -> None:
    terminal = programmed(Terminal())
    terminal.ask_all("DIA19.05", "VOL1.000", "RUN")
    terminal.wait(180.001)
    assert terminal.ask("DIS") == "00SI1.000W0.000ML"
    assert terminal.truth["displaced_nl"] == pytest.approx(1e6 * (26.59 / 19.05) ** 2, rel=1e-9)


def test_withdrawing_counts_apart() -> None:
    terminal = programmed(Terminal())
    assert terminal.ask_all("DIRWDR", "DIR", "RUN") == ["00S", "00SWDR", "00W"]
    terminal.wait(90)
    assert terminal.ask("DIS") == "00WI0.000W0.500ML"
    assert terminal.truth["displaced_nl"] == pytest.approx(-0.5e6, rel=1e-9)


def test_directions() -> None:
    terminal = programmed(Terminal())
    asked = terminal.ask_all("DIRREV", "DIR", "DIRREV", "DIR", "DIRSTK", "DIR", "DIRUP")
    assert asked == ["00S", "00SWDR", "00S", "00SINF", "00S", "00SSTK", "00S?"]
    terminal.ask_all("DIRINF", "RUN")
    assert terminal.ask("DIRREV") == "00I?NA"
    terminal.ask_all("STP", "STP", "VOL0", "RUN")
    assert terminal.ask_all("DIRSTK", "DIRREV", "0") == ["00I?NA", "00W", "00W"]


def test_the_diameter_clears_the_counters_and_chooses_the_unit() -> None:
    terminal = programmed(Terminal())
    terminal.ask("RUN")
    assert terminal.ask("DIA20.00") == "00I?NA"
    terminal.wait(90)
    assert terminal.ask_all("STP", "DIA20.00", "STP") == ["00P", "00P?NA", "00S"]
    assert terminal.ask_all("DIS", "DIA14.00", "DIS", "VOL") == [
        "00SI0.500W0.000ML", "00S", "00SI0.000W0.000UL", "00S10.00UL",
    ]  # fmt: skip
    assert terminal.ask_all("DIA14.01", "VOL", "DIA") == ["00S", "00S10.00ML", "00S14.01"]


@pytest.mark.parametrize("diameter", ["0.099", "50.01", "12345", "1.2345", ".", "-1.00", "abc", ""])
def test_diameters_out_of_range(diameter: str) -> None:
    assert Terminal().ask("DIA" + diameter) == ("00S26.59" if diameter == "" else "00S?OOR")


@pytest.mark.parametrize(
    ("diameter", "highest", "above", "lowest", "below"),
    [
        ("26.59", "1699MH", "1700MH", "23.36UH", "23.34UH"),
        ("4.699", "53.07MH", "53.08MH", "0.730UH", "0.729UH"),
        ("14.43", "500.4MH", "500.6MH", "6.878UH", "6.876UH"),
        ("21.59", "1120MH", "1121MH", "15.40UH", "15.38UH"),
    ],
)
def test_rate_limits_of_the_manual_s_table(
    diameter: str, highest: str, above: str, lowest: str, below: str
) -> None:
    """1200-01, 12.5: the plunger's speeds and the maker's table of rates (pumps.md 1.7)."""
    terminal = Terminal()
    terminal.ask("DIA" + diameter)
    assert terminal.ask_all(*("RAT" + rate for rate in (highest, above, lowest, below))) == [
        "00S", "00S?OOR", "00S", "00S?OOR",
    ]  # fmt: skip


@pytest.mark.parametrize("rate", ["20.00XH", "C1.00MH", "20.000MH", "1e2MH", "0"])
def test_rates_that_are_none(rate: str) -> None:
    assert Terminal().ask("RAT" + rate) == "00S?OOR"


def test_while_pumping_the_rate_may_change_but_not_its_unit_and_it_is_not_stored() -> None:
    terminal = programmed(Terminal())
    terminal.ask("RUN")
    terminal.wait(90)
    assert terminal.ask_all("RAT40.00UM", "RAT40.00", "RAT", "RAT2000") == [
        "00I?NA", "00I", "00I40.00MH", "00I?OOR",
    ]  # fmt: skip
    terminal.wait(90)
    assert terminal.ask("DIS") == "00II1.500W0.000ML"
    assert terminal.ask_all("STP", "STP", "RAT") == ["00P", "00S", "00S20.00MH"]


def test_a_pause_keeps_the_changed_rate_and_takes_a_new_one_for_good() -> None:
    terminal = programmed(Terminal())
    asked = ("RUN", "RAT40.00", "STP", "RAT", "RUN", "RAT", "STP", "RAT500.0UM", "RUN", "RAT")
    assert terminal.ask_all(*asked) == [
        "00I", "00I", "00P", "00P40.00MH", "00I", "00I40.00MH", "00P", "00P", "00I", "00I500.0UM",
    ]  # fmt: skip
    assert terminal.ask_all("STP", "STP", "RAT") == ["00P", "00S", "00S500.0UM"]


def test_a_changed_rate_still_ends_at_the_target() -> None:
    terminal = programmed(Terminal(), volume="1.000")
    terminal.ask("RUN")
    terminal.wait(90)
    terminal.ask("RAT40.00")
    terminal.wait(44.999)
    assert terminal.ask("0") == "00I"
    terminal.wait(0.002)
    assert terminal.ask("DIS") == "00SI1.000W0.000ML"


def test_settings_wait_until_the_pump_stands() -> None:
    terminal = programmed(Terminal())
    terminal.ask("RUN")
    refused = ("VOL1.000", "VOLUL", "PHN2", "FUNSTP", "CLDINF", "PF1", "TRGOF", "PUR", "LOC1")
    assert terminal.ask_all(*refused) == ["00I?NA"] * len(refused)


def test_the_unit_of_a_volume_is_a_command_of_its_own() -> None:
    terminal = programmed(Terminal(), volume="5.000")
    assert terminal.ask_all("VOLUL", "VOL", "DIS", "VOLML", "VOL") == [
        "00S", "00S5.000UL", "00SI0.000W0.000UL", "00S", "00S5.000ML",
    ]  # fmt: skip
    assert terminal.ask("VOL12345") == "00S?OOR"


def test_a_counter_is_cleared_only_at_rest() -> None:
    terminal = programmed(Terminal())
    terminal.ask("RUN")
    terminal.wait(90)
    assert terminal.ask_all("STP", "STP", "CLDWDR", "DIS", "CLDINF", "DIS", "CLD", "CLDX") == [
        "00P", "00S", "00S", "00SI0.500W0.000ML", "00S", "00SI0.000W0.000ML", "00S?", "00S?",
    ]  # fmt: skip


def test_a_counter_rolls_over_after_9999_of_its_unit() -> None:
    terminal = programmed(Terminal(), volume="0", rate="1200MH")
    terminal.ask_all("VOLUL", "RUN")
    terminal.wait(30.6)
    assert terminal.ask("DIS") == "00II200.0W0.000UL"


def test_the_counter_s_resolution_is_four_digits_cut_off() -> None:
    terminal = programmed(Terminal(), volume="0", rate="600.0MH")
    terminal.ask("RUN")
    terminal.wait(59.999)
    assert terminal.ask("DIS") == "00II9.999W0.000ML"
    terminal.wait(0.05)
    assert terminal.ask("DIS") == "00II10.00W0.000ML"


def test_a_purge_runs_at_full_speed_till_stop() -> None:
    terminal = Terminal()
    assert terminal.ask("PUR") == "00X"
    terminal.wait(1)
    assert terminal.ask_all("RAT1.000", "RAT1.000MM", "STP") == ["00X?NA", "00X?NA", "00S"]
    assert terminal.truth["displaced_nl"] == pytest.approx(1699.3e6 / 3600, rel=1e-3)
    assert terminal.ask_all("PURX", "STPX", "DISX", "VERX") == ["00S?"] * 4


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("XYZ", "?"), ("FUN", "RAT"), ("FUNINC", "?"), ("PHN0", "?OOR"), ("PHN42", "?OOR"),
        ("PHN", "01"), ("RUN0", "?OOR"), ("RUN42", "?OOR"), ("TRG", "FT"), ("TRGXX", "?"),
        ("AL", "1"), ("AL2", "?OOR"), ("BUZ", "0"), ("BUZ13", ""), ("BUZ2", "?OOR"),
        ("LOC", "0"), ("PF", "0"), ("DIN", "0"), ("BP", "1"), ("SAF", "0"), ("SAFX", "?OOR"),
    ],
)  # fmt: skip
def test_replies_at_rest(command: str, reply: str) -> None:
    assert Terminal().ask(command) == "00S" + reply


def test_a_stop_phase_has_no_rate() -> None:
    terminal = programmed(Terminal())
    assert terminal.ask_all("PHN2", "RAT", "RUN2", "0") == ["00S", "00S?NA", "00S", "00S"]


def test_a_phase_whose_rate_does_not_fit_the_syringe_is_a_program_error() -> None:
    terminal = programmed(Terminal(), rate="1699MH")
    terminal.ask_all("DIA4.699", "RUN")
    assert terminal.ask_all("0", "0") == ["00A?E", "00S"]


def test_running_past_the_last_phase_is_out_of_range() -> None:
    terminal = programmed(Terminal())
    terminal.ask_all("PHN41", "RAT60.00MH", "VOL1.000", "RUN41")
    terminal.wait(61)
    assert terminal.ask_all("0", "0") == ["00A?O", "00S"]


def test_a_perturbed_pump_means_something_else_by_the_same_letters() -> None:
    tenfold = replace(Meanings(), rate_nl_h=(("MH", 10_000_000),))
    plain = lone_pump(1)
    terminal = programmed(Terminal(Ne1000Firmware(plain.room, meanings=tenfold)))
    terminal.ask("RUN")
    terminal.wait(90)
    assert terminal.truth["displaced_nl"] == pytest.approx(900 * NL_S, rel=1e-9)


@given(st.integers(0, 99_999_999))
def test_printed_numbers_have_four_digits_and_a_point_and_read_back(thousandths: int) -> None:
    value = Decimal(thousandths) / 1000
    text = format_float(value)
    assert len(text) == 5
    assert text.count(".") == 1
    shown = parse_float(text)
    assert shown is not None
    assert 0 <= value % 10_000 - shown < Decimal(10) ** -(len(text.split(".")[1]))


def test_the_bore_is_worth_its_area() -> None:
    assert Settings().area_mm2 == pytest.approx(math.pi * 13.295**2)

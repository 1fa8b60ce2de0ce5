"""The chamber against the figures of BIPM Monographie 4 and the notes drawn from it."""

import random
import statistics

import pytest

from simulators.devices.chamber import RESPONSE, TICK_NS, Chamber, WellItem, time_constant_s

S = 1_000_000_000
DOSE = WellItem("I131", 1572.5e6)


def quiet(*, range_error: float = 0.0, seed: int = 1) -> Chamber:
    chamber = Chamber(random.Random(seed))
    chamber.electrometer.noisy = False
    chamber.electrometer.range_error = range_error
    chamber.electrometer.background_bq = 0.0
    return chamber


def settled(chamber: Chamber, *items: WellItem, seconds: int = 100, begin: int = 0) -> float:
    for tick in range(1, seconds * S // TICK_NS + 1):
        chamber.process(begin * S + tick * TICK_NS, list(items))
    shown = chamber.display().activity_bq
    assert shown is not None
    return shown


@pytest.mark.parametrize(
    ("mci", "nanoampere"), [(1, 0.302), (42.5, 12.8), (100, 30.2), (200, 60.4)]
)
def test_the_current_of_iodine(mci: float, nanoampere: float) -> None:
    made = quiet().current_pa([WellItem("I131", mci * 37e6)])
    assert made / 1000 == pytest.approx(nanoampere, rel=3e-3)


@pytest.mark.parametrize(("mci", "loss"), [(42.5, 0.0031), (200, 0.0126), (0.1, 0.0005)])
def test_recombination_takes_little_at_the_clinical_dose_and_more_above(
    mci: float, loss: float
) -> None:
    shown = settled(quiet(), WellItem("I131", mci * 37e6))
    assert 1 - shown / (mci * 37e6) == pytest.approx(loss, abs=2e-4)


def test_a_low_voltage_loses_nearly_three_times_as_much_by_volume_recombination() -> None:
    losses = []
    for voltage in (500.0, 300.0):
        chamber = quiet()
        chamber.electrometer.voltage_v = voltage
        chamber.electrometer.initial_loss = 0.0
        losses.append(1 - settled(chamber, DOSE) / DOSE.activity_bq)
    assert losses[1] / losses[0] == pytest.approx(2.78, abs=0.02)


@pytest.mark.parametrize(("setting", "factor"), [("Tc99m", 1.60), ("Cs137", 0.744), ("I131", 1.0)])
def test_iodine_on_another_nuclides_setting(setting: str, factor: float) -> None:
    chamber = quiet()
    chamber.nuclide = setting
    assert settled(chamber, DOSE) / DOSE.activity_bq == pytest.approx(factor, rel=5e-3)
    assert chamber.display().nuclide == setting


@pytest.mark.parametrize("nuclide", sorted(RESPONSE))
def test_every_nuclide_reads_right_on_its_own_setting(nuclide: str) -> None:
    chamber = quiet()
    chamber.nuclide = nuclide
    assert settled(chamber, WellItem(nuclide, 1e8)) == pytest.approx(1e8, rel=2e-3)


@pytest.mark.parametrize(
    ("picoampere", "tau"), [(12_800, 0.3), (1000, 0.3), (100, 1.0), (10, 3.0), (1, 10.0)]
)
def test_a_weak_current_takes_longer(picoampere: float, tau: float) -> None:
    assert time_constant_s(picoampere) == tau


def test_it_settles_by_a_single_pole() -> None:
    chamber = quiet()
    final = settled(quiet(), DOSE)
    chamber.process(3 * TICK_NS, [DOSE])
    shown = chamber.display().activity_bq
    assert shown == pytest.approx(final * (1 - 2.718281828 ** (-0.75 / 0.3)), rel=1e-3)


@pytest.mark.parametrize(("mbq", "sigma"), [(1572.5, 0.00034), (37.0, 0.0017 * 0.71)])
def test_noise_falls_with_the_charge(mbq: float, sigma: float) -> None:
    """1 % at 1 MBq in 1 s, white, through the filter of that current, and a floor of 0.02 %."""
    chamber = Chamber(random.Random(3))
    item = WellItem("I131", mbq * 1e6)
    settled(chamber, item)
    shown = [settled(chamber, item, seconds=5, begin=100 + 5 * n) for n in range(400)]
    assert statistics.stdev(shown) / statistics.mean(shown) == pytest.approx(sigma, rel=0.4)


def test_the_empty_well_shows_its_background() -> None:
    chamber = quiet()
    chamber.electrometer.background_bq = 6000.0
    assert settled(chamber, seconds=200) == pytest.approx(6000.0, rel=2e-3)


def test_each_range_has_its_own_small_error() -> None:
    chamber = quiet(range_error=0.003, seed=9)
    ratios = []
    for index, mbq in enumerate((2.0, 60.0, 600.0, 3000.0)):
        shown = settled(chamber, WellItem("I131", mbq * 1e6), begin=1000 * index)
        plain = settled(quiet(), WellItem("I131", mbq * 1e6))
        ratios.append(shown / plain - 1)
    assert len({round(ratio, 6) for ratio in ratios}) == 4
    assert all(abs(ratio) <= 0.0030001 for ratio in ratios)


def test_over_range_has_no_number() -> None:
    chamber = quiet()
    chamber.process(20 * S, [WellItem("I131", 20e9)])
    assert chamber.display().activity_bq is None


def test_a_held_display_shows_the_last_good_number() -> None:
    chamber = quiet()
    shown = settled(chamber, DOSE)
    chamber.hold = True
    assert settled(chamber, seconds=10, begin=100) == shown
    chamber.hold = False
    assert settled(chamber, seconds=60, begin=110) < 0.01 * shown


def test_geometry_is_a_factor() -> None:
    plain, syringe = settled(quiet(), DOSE), settled(quiet(), WellItem("I131", 1572.5e6, 0.97))
    assert syringe / plain == pytest.approx(0.97, rel=2e-4)


def test_the_same_seed_shows_the_same_digits() -> None:
    assert settled(Chamber(random.Random(5)), DOSE) == settled(Chamber(random.Random(5)), DOSE)
    assert settled(Chamber(random.Random(5)), DOSE) != settled(Chamber(random.Random(6)), DOSE)


def test_seldom_asked_it_shows_what_it_shows_when_asked_at_every_tick() -> None:
    often, seldom = quiet(), quiet()
    for chamber in (often, seldom):
        settled(chamber, DOSE)
    shown = settled(often, begin=100, seconds=60)
    seldom.process(160 * S, [])
    assert seldom.display().activity_bq == pytest.approx(shown, rel=1e-4)

"""Grams of water to millilitres, against tables that others printed."""

import math

import pytest

from controller.clinic.gravimetry import Weighing, water_density_g_ml, water_ml


@pytest.mark.parametrize(
    ("celsius", "g_ml"), [(4, 0.999975), (15, 0.999103), (20, 0.998207), (25, 0.997047)]
)
def test_density_of_water(celsius, g_ml):
    """CIPM table (Tanaka et al. 2001), to its last digit here."""
    assert water_density_g_ml(celsius) == pytest.approx(g_ml, abs=1e-6)


@pytest.mark.parametrize(
    ("celsius", "z"),
    [(15, 1.0020), (18, 1.0025), (20, 1.0029), (22.5, 1.0034), (25, 1.0040), (30, 1.0054)],
)
def test_volume_of_a_gram_weighed_in_air(celsius, z):
    """Factor Z in uL/mg at 1013 hPa: Gilson Pipetman user's guide, appendix, after ISO 8655-6."""
    assert water_ml(1.0, celsius) == pytest.approx(z, abs=0.6e-4)


def test_what_evaporated_is_added():
    dry = Weighing(100.0, 129.91, 0.0, 0.01, 20.0)
    lost = Weighing(100.0, 129.88, 0.03, 0.01, 20.0)
    assert lost.volume_ml == pytest.approx(dry.volume_ml)
    assert lost.uncertainty() > dry.uncertainty()


def test_uncertainty_is_the_root_of_its_shares():
    weighing = Weighing(100.0, 110.0, 0.02, 0.01, 20.0)
    volume = weighing.volume_ml
    shares = [
        0.01 / math.sqrt(6) / volume,
        2.6e-4 / math.sqrt(3),
        0.01 / math.sqrt(3) / volume,
        0.02 / math.sqrt(6) / volume,
        0.003,
    ]
    expected = 2 * math.sqrt(sum(share**2 for share in shares))
    assert weighing.uncertainty(0.003) == pytest.approx(expected)

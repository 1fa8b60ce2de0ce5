"""Arming asks for the pump's commissioning: each reason to refuse alone, and just inside it."""

from dataclasses import replace
from typing import Any

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.codec import plain
from controller.core.commissioning import UNKNOWN, Commissioned, Commissioning, objection
from controller.core.limits import limits_from
from controller.sessions import state_of
from firmware_interfaces.units import NS_PER_MIN
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.world import COMMISSIONED, OTHER_PUMP, S, round_trip

DAY = 86_400 * S


def seated(known: Commissioned) -> Hand:
    hand = at("seated")
    hand.state = replace(hand.state, commissioned=known)
    return hand


def proof() -> Commissioning:
    assert COMMISSIONED.proof is not None
    return COMMISSIONED.proof


def proven(**changes: Any) -> Commissioned:
    return replace(COMMISSIONED, proof=replace(proof(), **changes))


def syringe(**changes: Any) -> Commissioned:
    return proven(syringes=(replace(proof().syringes[0], **changes),))


def arms(hand: Hand) -> None:
    assert any(isinstance(x, c.Prepare) for x in hand.do(e.ArmRequested))


def test_a_commissioned_pump_is_armed() -> None:
    arms(seated(COMMISSIONED))


def age(hand: Hand) -> int:
    return hand.now_ns + hand.skew_ns


REFUSED = {
    "nothing known": (UNKNOWN, "the pump must have been commissioned", "none is known"),
    "file not read": (
        Commissioned(seen="commissioning.json cannot be read"),
        "the pump must have been commissioned",
        "commissioning.json cannot be read",
    ),
    "simulated file": (
        proven(simulated=True),
        "simulated rooms and real ones are commissioned apart",
        "simulated commissioning, real site",
    ),
    "simulated site": (
        replace(COMMISSIONED, site_simulated=True),
        "simulated rooms and real ones are commissioned apart",
        "real commissioning, simulated site",
    ),
    "another pump": (
        proven(pump=OTHER_PUMP),
        "the pump must be the one that was commissioned",
        "ne1000 NE1000 3.928 at 0 is connected, ne1000 NE1000 3.900 at 0 was commissioned",
    ),
    "another serial": (
        proven(pump=replace(OTHER_PUMP, serial="7")),
        "the pump must be the one that was commissioned",
        "ne1000 NE1000 3.928 at 0 is connected, ne1000 NE1000 3.900 at 0 serial 7 was commissioned",
    ),
    "shorter watchdog": (
        proven(watchdog_ns=4 * S),
        "the watchdog must be armed as it was proven",
        "proven 4 s, now 5",
    ),
    "longer watchdog": (
        proven(watchdog_ns=15 * S),
        "the watchdog must be armed as it was proven",
        "proven 15 s, now 5",
    ),
    "watchdog failed": (
        proven(watchdog_passed=False, rest_ns=15 * S),
        "the watchdog must have stopped the pump in time",
        "at rest after 15.00 s of silence",
    ),
    "no syringe": (
        proven(syringes=()),
        "the syringe type must have been commissioned",
        "BD 60 mL (26590 um) is ordered, none was",
    ),
    "another syringe": (
        syringe(name="BD 20 mL"),
        "the syringe type must have been commissioned",
        "BD 60 mL (26590 um) is ordered, BD 20 mL (26590 um) was",
    ),
    "another diameter": (
        syringe(diameter_um=26_600),
        "the syringe type must have been commissioned",
        "BD 60 mL (26590 um) is ordered, BD 60 mL (26600 um) was",
    ),
    "syringe failed": (
        syringe(passed=False),
        "the syringe type must have passed its commissioning",
        "BD 60 mL failed",
    ),
    "too short": (
        syringe(flow_ns=30 * NS_PER_MIN - 1),
        "flow must have been weighed over 30 min",
        "30 min",
    ),
    "flow off": (
        syringe(flow_error_ppm=-48_501),
        "the flow must be within 5 %, uncertainty included",
        "-4.85 % with uncertainty 0.15 %",
    ),
}


@pytest.mark.requirement("C12", "GIP-1.2.1")
@pytest.mark.parametrize("name", REFUSED)
def test_each_reason_refuses_alone_and_names_both_sides(name: str) -> None:
    known, rule, seen = REFUSED[name]
    hand = seated(known)
    refusal = hand.refused(e.ArmRequested)
    assert refusal.rule == rule
    assert seen in refusal.detail
    hand.state = replace(hand.state, commissioned=COMMISSIONED)
    arms(hand)


def test_a_pump_that_nobody_knows_is_not_armed() -> None:
    hand = seated(COMMISSIONED)
    hand.state = replace(hand.state, pump=None)
    assert hand.refused(e.ArmRequested).detail.startswith("no known pump is connected")


@pytest.mark.requirement("C12")
def test_age_is_counted_to_the_moment_of_arming() -> None:
    hand = seated(UNKNOWN)
    hand.state = replace(hand.state, commissioned=proven(at_utc_ns=age(hand) - 365 * DAY - 1))
    refusal = hand.refused(e.ArmRequested)
    assert refusal.rule == "the commissioning must be at most 365 days old"
    assert refusal.detail == "it is 365.00 days old"
    hand.state = replace(hand.state, commissioned=proven(at_utc_ns=age(hand) - 365 * DAY))
    arms(hand)


def test_a_commissioning_from_the_future_proves_nothing() -> None:
    hand = seated(UNKNOWN)
    hand.state = replace(hand.state, commissioned=proven(at_utc_ns=age(hand) + DAY))
    assert hand.refused(e.ArmRequested).detail == "it is dated 1.00 days from now"


def test_a_site_may_be_stricter() -> None:
    hand = seated(COMMISSIONED)
    hand.limits = limits_from({"commissioning_days_max": 29})
    assert hand.refused(e.ArmRequested).rule == "the commissioning must be at most 29 days old"
    hand.limits = limits_from({"flow_error_percent": 1})
    arms(seated(syringe(flow_error_ppm=8_500)))
    hand.state = replace(hand.state, commissioned=syringe(flow_error_ppm=8_501))
    assert hand.refused(e.ArmRequested).rule.startswith("the flow must be within 1 %")


@pytest.mark.requirement("GIP-1.2.1")
def test_flow_at_the_limit_is_inside() -> None:
    arms(seated(syringe(flow_error_ppm=-48_500)))


def test_a_simulated_room_may_weigh_for_less() -> None:
    short = syringe(flow_ns=NS_PER_MIN)
    assert short.proof is not None
    simulated = replace(short.proof, simulated=True)
    arms(seated(Commissioned(site_simulated=True, proof=simulated)))


def test_what_was_begun_before_arming_asked_for_it_goes_on() -> None:
    arms(seated(Commissioned(asked=False)))


def test_a_state_with_a_proof_survives_json() -> None:
    state = seated(COMMISSIONED).state
    assert round_trip(state) == state


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ({"schema": 1}, Commissioned(asked=False)),
        ({}, Commissioned(asked=False)),
        ({"schema": 2}, UNKNOWN),
        ({"schema": 2, "commissioned": plain(COMMISSIONED)}, COMMISSIONED),
    ],
)
def test_record_0_says_what_is_known(header: dict[str, Any], known: Commissioned) -> None:
    state = state_of("s1", {**header, "epoch": 7})
    assert (state.commissioned, state.epoch) == (known, 7)


@pytest.mark.requirement("C12")
@pytest.mark.parametrize(
    ("known", "rule", "seen"),
    [
        (COMMISSIONED, "the hose must have been commissioned", "hose A is ordered, BD 60 mL ("),
        (
            syringe(name="hose A", diameter_um=0, passed=False),
            "the hose must have passed its commissioning",
            "hose A failed",
        ),
    ],
)
def test_a_hose_is_commissioned_as_a_hose(known: Commissioned, rule: str, seen: str) -> None:
    hosed = replace(seated(known).state.order, syringe="hose A", diameter_um=0)
    found = objection(known, proof().pump, hosed, proof().at_utc_ns, limits_from({}))
    assert found is not None
    assert found[0] == rule
    assert found[1].startswith(seen)

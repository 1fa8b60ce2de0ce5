"""A furnished room with its hands, in a time that the test moves."""

from collections.abc import Callable
from typing import Any

from simulators.bench.setting import Setting
from simulators.bench.world import World

SETTING = Setting(
    seed=7,
    drug_syringe="BD 60 mL",
    fill_ml=20.0,
    activity_bq=1.6e9,
    line_dead_ml=1.5,
    primed_with="saline",
    prime_ml=2.25,
    saline_syringe="BD 20 mL",
    saline_ml=9.5,
    drug_gap_um=200.0,
    saline_gap_um=100.0,
)
UTC_NS = 1_795_000_000_000_000_000


class Bench:
    """A world whose time stands until ``wait`` moves it."""

    def __init__(self, setting: Setting = SETTING) -> None:
        self.at_ns = 0
        self.world = World(setting, lambda: self.at_ns, lambda: UTC_NS)

    def hand(self, verb: str, **what: Any) -> None:
        self.world.hands.act(verb, what)

    def truth(self) -> dict[str, Any]:
        return self.world.truth()

    def wait(self, seconds: float) -> None:
        self.at_ns += round(seconds * 1e9)
        self.world.advance()

    def say(self, *lines: str) -> list[bytes]:
        """Basic-mode commands to the pump and its answers."""
        ask: Callable[[bytes, int], bytes] = self.world.pump.feed
        return [ask(line.encode() + b"\r", self.at_ns) for line in lines]

"""One treatment as ordered, in base units: what the judgement needs of order, regimen and site."""

from dataclasses import dataclass, field

from firmware_interfaces.readings import ADDED, Channel


def container(diameter_um: int) -> str:
    """What something with that bore is called: a hose has none, and a vial hangs on it."""
    return "syringe" if diameter_um else "vial on hose"


@dataclass(frozen=True, slots=True)
class SecondPump:
    """The saline pump beside the drug's. ``kvo_ul_h`` is 0 where the site keeps no vein open.

    ``kvo_nl`` is the most that one treatment may be given so, nL.
    """

    watchdog_ns: int
    trigger: str
    kvo_ul_h: int = 0
    kvo_nl: int = 0


@dataclass(frozen=True, slots=True)
class Treatment:
    """What the order, the regimen and the site say about one treatment, in base units.

    ``profile`` is a tuple of (share of volume, share of time) in parts per million, each summing
    to a million. A range of (0, 0) Bq means that the directive names no range. ``cold``: a
    rehearsal with saline, in which there is no activity.
    """

    order_id: str
    patient_id: str
    drug: str
    nuclide: str
    half_life_ms: int
    prescribed_bq: int
    range_low_bq: int
    range_high_bq: int
    administer: str
    syringe: str
    diameter_um: int
    fill_nl: int
    unusable_nl: int
    line_dead_nl: int
    primed_with: str
    duration_ns: int
    profile: tuple[tuple[int, int], ...]
    flush_method: str
    flush_volume_nl: int
    trigger: str
    watchdog_ns: int
    authorized_user: str
    ordered_utc_ns: int
    second: SecondPump | None = field(default=None, metadata=ADDED)
    cold: bool = field(default=False, metadata=ADDED)

    @property
    def saline_channel(self) -> Channel:
        """The pump that saline is on: its own where there are two."""
        return Channel.DRUG if self.second is None else Channel.FLUSH

    @property
    def primed_nl(self) -> int:
        """Drug in the line before the pump runs, nL."""
        return self.line_dead_nl if self.primed_with == "drug" else 0

    @property
    def prescribed_range_bq(self) -> tuple[int, int] | None:
        """The prescribed range, or None where the directive names none."""
        return (self.range_low_bq, self.range_high_bq) if self.range_high_bq else None

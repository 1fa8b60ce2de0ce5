"""What hands at the bench do, as verbs with named arguments; each happens or is refused.

It moves things in the room and pulls plugs. It knows no protocol, and no daemon knows of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from controller.clinic.documents import shown
from simulators.bench.channel import Refused
from simulators.devices import hands as acts
from simulators.devices.room import Bay, LineEnd, Room

NL_PER_ML: Final = 1e6

WELL_ITEMS: Final[dict[str, tuple[str, ...]]] = {
    "syringe": ("drug",),
    "drug": ("drug",),
    "saline": ("saline",),
    "flush": ("flush",),
    "vial": ("vial",),
    "line": ("line",),
    "syringe_and_line": ("drug", "line"),
    "pads": ("waste",),
    "prime": ("prime",),
    "check_source": ("Cs137",),
}
"""What can be lowered into the chamber, and what it consists of."""

HAND_ML_MAX: Final = 60.0
"""The largest syringe at hand."""
LINE_ENDS: Final[tuple[LineEnd, ...]] = ("patient", "prime", "waste")


class Apparatus(Protocol):
    """A device as hands know it: a plug and a keypad."""

    def pull_plug(self) -> None:
        """Take its power away."""

    def plug_in(self) -> None:
        """Give it back."""

    def press(self, key: str) -> None:
        """Press one key; ValueError names a key it does not have."""


@dataclass(frozen=True, slots=True)
class Grip:
    """How a syringe is laid into the pump: air between block and plunger, play of the retainer."""

    gap_um: float
    play_um: float = 0.0


class Hands:
    """The verbs, over a room and its devices. ``advance`` brings both up to now before each act."""

    def __init__(
        self,
        room: Room,
        advance: Callable[[], None],
        grips: Mapping[str, Grip],
        apparatus: Mapping[str, Apparatus],
    ) -> None:
        self._room = room
        self._advance = advance
        self._grips = dict(grips)
        self._apparatus = apparatus
        self._waste_collected = False

    def act(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Do it, or raise Refused with the reason; nothing is half done."""
        if verb not in VERBS:
            raise Refused(f"no such verb: {verb!r}; there are {', '.join(VERBS)}")
        do, names = VERBS[verb]
        if set(arguments) != set(names):
            given = ", ".join(arguments) or "nothing"
            raise Refused(f"{verb} takes {', '.join(names) or 'nothing'}; given: {given}")
        if not all(isinstance(arguments[name], str) for name in names if name != "volume_ml"):
            raise Refused(f"{verb} takes words, not {shown(dict(arguments))}")
        self._advance()
        try:
            do(self, *(arguments[name] for name in names))
        except KeyError as error:
            raise Refused(f"{verb}: there is no {error.args[0]!r} here") from error
        except (ValueError, TypeError) as error:
            raise Refused(f"{verb}: {error}") from error

    def lay(self, which: str, gap_um: float) -> None:
        """From now on this syringe is laid into the pump with so much air before its plunger."""
        self._grips[which] = Grip(gap_um, self._grips.get(which, Grip(0.0)).play_um)

    def _put_in_chamber(self, item: str) -> None:
        parts = WELL_ITEMS[item]
        if self._room.well:
            raise Refused(f"the chamber holds {', '.join(self._room.well)}")
        if "line" in parts and (self._joined() or self._room.line_end == "patient"):
            raise Refused("the line is still on the syringe or in the patient")
        if "waste" in parts and not self._waste_collected:
            raise Refused("the waste is not collected")
        for part in parts:
            if acts.is_mounted(self._room, part):
                raise Refused(f"{part} is on the pump")
        for part in parts:
            acts.put_in_well(self._room, part)

    def _take_from_chamber(self) -> None:
        if not self._room.well:
            raise Refused("the chamber is empty")
        for part in tuple(self._room.well):
            acts.take_from_well(self._room, part)

    def _mount_syringe(self, which: str) -> None:
        self._room.syringes[which]
        grip = self._grips.get(which, Grip(0.0))
        acts.mount(self._room, which, grip.gap_um, grip.play_um)

    def _unmount(self) -> None:
        acts.unmount(self._room)

    def _joined(self) -> bool:
        return any(bay.line_joined for bay in self._room.bays)

    def _second(self) -> Bay:
        if self._room.second is None:
            raise Refused("there is one pump here")
        return self._room.second

    def _mount_flush(self, which: str) -> None:
        self._room.syringes[which]
        grip = self._grips.get(which, Grip(0.0))
        acts.mount_on(self._second(), which, grip.gap_um, grip.play_um)

    def _unmount_flush(self) -> None:
        acts.unmount_from(self._second())

    def _connect_flush(self) -> None:
        if self._second().line_joined:
            raise Refused("the branch is joined already")
        acts.join_to(self._second())

    def _connect_line(self) -> None:
        if self._room.line_joined:
            raise Refused("the line is joined already")
        if "line" in self._room.well:
            raise Refused("the line is in the chamber")
        acts.join_line(self._room)

    def _disconnect_line(self) -> None:
        if not self._room.line_joined:
            raise Refused("no line is joined")
        acts.part_line(self._room)

    def _open_clamp(self) -> None:
        acts.set_clamp(self._room, is_open=True)

    def _close_clamp(self) -> None:
        acts.set_clamp(self._room, is_open=False)

    def _lead_line(self, to: str) -> None:
        for end in LINE_ENDS:
            if end == to:
                acts.lead_line(self._room, end)
                return
        raise Refused(f"a line leads to {', '.join(LINE_ENDS)}, not to {to!r}")

    def _change_line(self) -> None:
        if self._joined():
            raise Refused("the line is still on the syringe")
        acts.new_line(self._room)

    def _collect_waste(self) -> None:
        self._waste_collected = True

    def _push_by_hand(self, which: str, volume_ml: float | str) -> None:
        given_ml = float(volume_ml)
        if not 0.0 <= given_ml <= HAND_ML_MAX:
            raise Refused(f"a hand pushes 0 to {HAND_ML_MAX:g} mL, not {volume_ml}")
        acts.push_by_hand(self._room, which, given_ml * NL_PER_ML)

    def _flush_by_hand(self, volume_ml: float | str) -> None:
        if self._joined():
            raise Refused("the line is still on the syringe in the pump")
        given_ml = float(volume_ml)
        if not 0.0 <= given_ml <= HAND_ML_MAX:
            raise Refused(f"a hand pushes 0 to {HAND_ML_MAX:g} mL, not {volume_ml}")
        acts.flush_by_hand(self._room, given_ml * NL_PER_ML)

    def _pull_plug(self, device: str) -> None:
        self._apparatus[device].pull_plug()

    def _plug_in(self, device: str) -> None:
        self._apparatus[device].plug_in()

    def _press_keypad(self, device: str, key: str) -> None:
        self._apparatus[device].press(key)


VERBS: Final[dict[str, tuple[Callable[..., None], tuple[str, ...]]]] = {
    "put_in_chamber": (Hands._put_in_chamber, ("item",)),
    "take_from_chamber": (Hands._take_from_chamber, ()),
    "mount_syringe": (Hands._mount_syringe, ("which",)),
    "unmount": (Hands._unmount, ()),
    "mount_flush": (Hands._mount_flush, ("which",)),
    "unmount_flush": (Hands._unmount_flush, ()),
    "connect_flush": (Hands._connect_flush, ()),
    "connect_line": (Hands._connect_line, ()),
    "disconnect_line": (Hands._disconnect_line, ()),
    "open_clamp": (Hands._open_clamp, ()),
    "close_clamp": (Hands._close_clamp, ()),
    "lead_line": (Hands._lead_line, ("to",)),
    "change_line": (Hands._change_line, ()),
    "collect_waste": (Hands._collect_waste, ()),
    "push_by_hand": (Hands._push_by_hand, ("which", "volume_ml")),
    "flush_by_hand": (Hands._flush_by_hand, ("volume_ml",)),
    "pull_plug": (Hands._pull_plug, ("device",)),
    "plug_in": (Hands._plug_in, ("device",)),
    "press_keypad": (Hands._press_keypad, ("device", "key")),
}
"""Every verb with the names of its arguments, all of them required."""

"""What hands can do in the room: draw up, carry, mount, join, open, flush. Each act is instant.

An act that is physically impossible raises ValueError with the reason; an unknown name KeyError.
"""

from simulators.devices.bay import Bay
from simulators.devices.plumbing import Fluid, Syringe
from simulators.devices.room import Container, LineEnd, Room

NEEDLE_NL = 50_000.0
"""What stays in needle and transfer set after drawing up."""


def bring_vial(room: Room, volume_nl: float, activity_bq: float) -> None:
    """Put drug into the vial; ``activity_bq`` is as of now."""
    _supply(room, "vial", volume_nl, activity_bq / room.decay)


def bring_syringe(room: Room, syringe: Container) -> None:
    """An empty syringe, or an empty vial with its hose.

    Raises ValueError if the name is taken or it is not empty.
    """
    if syringe.name in room.syringes or syringe.name in room.places or syringe.name == "line":
        raise ValueError(f"the name {syringe.name!r} is taken")
    if syringe.fluid.volume_nl:
        raise ValueError(f"{syringe.name} is not empty: fill it in the room")
    room.syringes[syringe.name] = syringe


def bring_source(room: Room, name: str, nuclide: str, activity_bq: float) -> None:
    """A sealed check source; ``activity_bq`` is as of the room's time 0."""
    room.sources[name] = (nuclide, activity_bq)


def draw_up(room: Room, name: str, volume_nl: float, needle_nl: float = NEEDLE_NL) -> None:
    """Draw from the vial into a syringe; ``needle_nl`` more stays in the transfer set."""
    vial = room.places["vial"]
    if volume_nl + needle_nl > vial.volume_nl:
        raise ValueError(f"the vial holds only {vial.volume_nl:.0f} nL")
    room.syringes[name].fill(vial.take(volume_nl))
    room.places["transfer"].add(vial.take(needle_nl))


def fill_saline(room: Room, name: str, volume_nl: float) -> None:
    """Draw saline into a syringe."""
    room.syringes[name].fill(Fluid(volume_nl))
    room.supplied.add(Fluid(volume_nl))


def put_in_well(room: Room, name: str, factor: float = 1.0) -> None:
    """Lower a source, syringe or place into the chamber; ``factor`` is its geometry's response."""
    if is_mounted(room, name):
        raise ValueError(f"{name} is on the pump")
    if name not in room.sources:
        room.fluid_of(name)
    if name not in room.well:
        room.well.append(name)
    room.well_factor[name] = factor


def take_from_well(room: Room, name: str) -> None:
    """Lift it out again; ValueError if it is not in the chamber."""
    if name not in room.well:
        raise ValueError(f"{name} is not in the chamber")
    room.well.remove(name)


def is_mounted(room: Room, name: str) -> bool:
    """True if that syringe lies in a pump."""
    return any(bay.mounted is not None and bay.mounted.name == name for bay in room.bays)


def mount(room: Room, name: str, gap_um: float = 0.0, play_um: float = 0.0) -> None:
    """Lay a syringe into the drug's pump with ``gap_um`` between block and plunger."""
    mount_on(room.bay, name, gap_um, play_um)


def mount_on(bay: Bay, name: str, gap_um: float = 0.0, play_um: float = 0.0) -> None:
    """Lay a syringe into a pump with ``gap_um`` between block and plunger; its tip is open."""
    room = bay.room
    if bay.mounted is not None:
        raise ValueError(f"{bay.mounted.name} is on the pump")
    if any(other.mounted is room.syringes[name] for other in room.bays):
        raise ValueError(f"{name} is on the other pump")
    if name in room.well:
        raise ValueError(f"{name} is in the chamber")
    bay.mounted = room.syringes[name]
    bay.mounted.gap_um, bay.mounted.play_um = gap_um, max(gap_um, play_um)
    bay.line_joined = False
    bay.tip_nl = 0.0


def unmount(room: Room) -> None:
    """Take the syringe off the drug's pump and off the line."""
    unmount_from(room.bay)


def unmount_from(bay: Bay) -> None:
    """Take the syringe off pump and line; what was stored under pressure leaves by the open tip."""
    if bay.mounted is None:
        raise ValueError("no syringe is on the pump")
    part_from(bay)
    bay.mounted.relax()
    bay.mounted = None


def join_line(room: Room) -> None:
    """Join the line to the tip of the syringe in the drug's pump."""
    join_to(room.bay)


def join_to(bay: Bay) -> None:
    """Join the line, or its branch, to the tip of the syringe in a pump."""
    if bay.mounted is None:
        raise ValueError("no syringe is on the pump")
    bay.line_joined = True


def part_line(room: Room) -> None:
    """Part line and syringe of the drug's pump."""
    part_from(room.bay)


def part_from(bay: Bay) -> None:
    """Part line and syringe: the stored volume of the syringe runs out on the pad."""
    bay.line_joined = False
    if bay.mounted is not None:
        stored = bay.mounted.fluid.volume_nl - bay.mounted.swept_nl
        bay.deliver(bay.room.squeeze(bay.mounted, stored))


def set_clamp(room: Room, is_open: bool) -> None:
    """Open or close the patient's clamp."""
    room.clamp_open = is_open


def lead_line(room: Room, end: LineEnd) -> None:
    """Lead the line's far end to the patient, a discard cup (``prime``) or the pad (``waste``)."""
    room.line_end = end


def new_line(room: Room) -> None:
    """Throw the line away with what is in it (it becomes waste) and bring one full of saline."""
    room.places["waste"].add(room.line.drain_all())
    room.supplied.add(Fluid(room.line.dead_nl))
    for bay in room.bays:
        bay.line_joined = False


def prime_line(room: Room, name: str, volume_nl: float) -> None:
    """Push ``volume_nl`` from an unmounted syringe through the line into the discard cup."""
    if is_mounted(room, name):
        raise ValueError(f"{name} is on the pump")
    syringe = room.syringes[name]
    room.places["prime"].add(room.line.pour(room.squeeze(syringe, volume_nl)))
    syringe.relax()


def push_by_hand(room: Room, name: str, volume_nl: float) -> None:
    """Push a plunger by hand, the line held to its tip. ValueError while the clamp is closed."""
    if is_mounted(room, name):
        raise ValueError(f"{name} is on the pump")
    if any(bay.line_joined for bay in room.bays):
        raise ValueError("the line is still on the syringe in the pump")
    if not room.clamp_open:
        raise ValueError("the clamp is closed")
    syringe = room.syringes[name]
    if not isinstance(syringe, Syringe):
        raise ValueError(f"{name} has no plunger")
    out = room.squeeze(syringe, volume_nl)
    room.pushed_nl += out.volume_nl
    syringe.displaced_nl += out.volume_nl
    room.places[room.line_end].add(room.line.pour(out))
    syringe.relax()


def flush_by_hand(room: Room, volume_nl: float) -> None:
    """Push saline through the line to wherever it leads. ValueError while the clamp is closed."""
    if not room.clamp_open:
        raise ValueError("the clamp is closed")
    room.supplied.add(Fluid(volume_nl))
    room.places[room.line_end].add(room.line.pour(Fluid(volume_nl)))


def _supply(room: Room, place: str, volume_nl: float, activity_bq: float) -> None:
    room.places[place].add(Fluid(volume_nl, activity_bq))
    room.supplied.add(Fluid(volume_nl, activity_bq))

"""What hands can do in the room: draw up, carry, mount, join, open, flush. Each act is instant.

An act that is physically impossible raises ValueError with the reason; an unknown name KeyError.
"""

from simulators.devices.plumbing import Fluid
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
    if room.mounted is not None and room.mounted.name == name:
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


def mount(room: Room, name: str, gap_um: float = 0.0, play_um: float = 0.0) -> None:
    """Lay a syringe into the pump with ``gap_um`` between block and plunger; its tip is open."""
    if room.mounted is not None:
        raise ValueError(f"{room.mounted.name} is on the pump")
    if name in room.well:
        raise ValueError(f"{name} is in the chamber")
    room.mounted = room.syringes[name]
    room.mounted.gap_um, room.mounted.play_um = gap_um, max(gap_um, play_um)
    room.line_joined = False
    room.tip_nl = 0.0


def unmount(room: Room) -> None:
    """Take the syringe off pump and line; what was stored under pressure leaves by the open tip."""
    if room.mounted is None:
        raise ValueError("no syringe is on the pump")
    part_line(room)
    room.mounted.relax()
    room.mounted = None


def join_line(room: Room) -> None:
    """Join the line to the mounted syringe's tip."""
    if room.mounted is None:
        raise ValueError("no syringe is on the pump")
    room.line_joined = True


def part_line(room: Room) -> None:
    """Part line and syringe: the stored volume of the syringe runs out on the pad."""
    room.line_joined = False
    if room.mounted is not None:
        stored = room.mounted.fluid.volume_nl - room.mounted.swept_nl
        room.deliver(room.squeeze(room.mounted, stored))


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
    room.line_joined = False


def prime_line(room: Room, name: str, volume_nl: float) -> None:
    """Push ``volume_nl`` from an unmounted syringe through the line into the discard cup."""
    if room.mounted is not None and room.mounted.name == name:
        raise ValueError(f"{name} is on the pump")
    syringe = room.syringes[name]
    room.places["prime"].add(room.line.pour(room.squeeze(syringe, volume_nl)))
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

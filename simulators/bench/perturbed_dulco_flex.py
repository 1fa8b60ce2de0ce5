"""Perturbed tables of the DULCO flex Control: each register's scale, word order, sign and address.

What is altered is the pump's own copy of the table (`simulators.devices.dulco_flex.Meanings`); the
driver and the judges read the manual's.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.register import Access, Register, Type
from protocols.modbus import Deframer, Frame
from protocols.modbus_messages import ReadRegisters, Side, WriteRegister, WriteRegisters
from simulators.bench.faults import Fault
from simulators.bench.perturbation import Adapter, Dialect, Grammar, Piece, Row, Way
from simulators.bench.perturbed_new_era_line import during_infusion
from simulators.devices.dulco_flex import DulcoFlexFirmware, Meanings

if TYPE_CHECKING:
    from simulators.bench.stage import Stage

KIND: Final = "dulcoflex"
UNSPOKEN: Final = frozenset(
    (df.PRESSURE, df.TARGET_RATE, df.RATE, df.OPERATING_TIME, df.REVOLUTIONS,
     df.DELETABLE_REVOLUTIONS, df.TOTAL, df.PRODUCT, df.SERIAL)
)  # fmt: skip
"""What the driver neither sets nor believes."""
REGISTERS: Final = tuple(register for register in df.TABLE if register not in UNSPOKEN)
FAULTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    df.ERRORS.name: during_infusion("error_bit", error="motor blockage"),
    df.WARNINGS.name: during_infusion("warning_bit", warning="metering monitor"),
    df.MODE.name: during_infusion("panel_use", choice="manual"),
    df.POWER_UPS.name: during_infusion("reboot"),
    df.RUPTURE_RESPONSE.name: during_infusion("hose_torn"),
}
"""What makes a register matter that says nothing while all is well."""
FACTORS: Final = {"x10": 10.0, "/10": 0.1, "x1000": 1000.0, "/1000": 0.001}
WIDE: Final = (Type.U32, Type.F32)


def _inside(meanings: Callable[[], Meanings], stage: "Stage") -> None:
    pump = stage.world.pump.firmware
    assert isinstance(pump, DulcoFlexFirmware)
    pump.meanings = meanings()


def _row(register: Register, way: Way, alteration: str, meanings: Callable[[], Meanings]) -> Row:
    dialect = partial(
        Dialect, inside=partial(_inside, meanings), speaks=partial(_speaks, register)
    )  # fmt: skip
    faults = FAULTS.get(register.name, ())
    return Row(KIND, "register", register.name, way, alteration, dialect, faults=faults)


def _speaks(register: Register, text: str) -> bool:
    begin, end = (int(number) for number in text.split(".."))
    return begin <= register.end and register.address - 1 <= end


def _rows(register: Register) -> Iterator[Row]:
    name = register.name
    way = Way.TOLD if register.access is Access.READ else Way.MEANT
    for step in (1, -1):
        yield _row(register, way, f"address {step:+d}", partial(Meanings, moved={name: step}))
    if register.type in WIDE:
        yield _row(register, way, "words swapped", partial(Meanings, swapped={name}))
    if register.unit:
        for alteration, factor in FACTORS.items():
            yield _row(register, way, alteration, partial(Meanings, worth={name: factor}))
    if register.type is Type.F32 and register.access is Access.READ:
        yield _row(register, way, "sign", partial(Meanings, worth={name: -1.0}))


def grammar() -> Grammar:
    """A fresh one: it holds what has not ended yet."""
    return Grammar(_pieces(Side.DEVICE), _pieces(Side.HOST))


def _pieces(side: Side) -> Callable[[bytes], Iterator[Piece]]:
    deframer = Deframer(side, units=[df.UNIT])

    def pieces(data: bytes) -> Iterator[Piece]:
        for found in deframer.feed(data):
            text = _addressed(found) if isinstance(found, Frame) else None
            yield Piece(found.raw, text, lambda _text: b"")

    return pieces


def _addressed(frame: Frame) -> str | None:
    """The registers that a question is about; an answer names none."""
    match frame.message:
        case ReadRegisters(address=address, count=count):
            return f"{address}..{address + count}"
        case WriteRegister(address=address):
            return f"{address}..{address + 1}"
        case WriteRegisters(address=address, values=values):
            return f"{address}..{address + len(values)}"
        case _:
            return None


ADAPTER: Final = Adapter(
    wire="pump",
    tables={"register": tuple(register.name for register in REGISTERS)},
    rows=tuple(row for register in REGISTERS for row in _rows(register)),
    grammar=grammar,
)
"""The DULCO flex Control."""

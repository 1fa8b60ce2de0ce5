"""How one DULCO flex Control lays its table into frames, and what each number means to it.

A pump of the manual has the defaults; a perturbed one differs in one entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from firmware_interfaces.register import Register, Type, Value, WordOrder, decode, encode


@dataclass(slots=True)
class Meanings:
    """How this pump's firmware takes its own table, by names of registers; the default: the manual.

    ``shift`` is added to each number in a frame, ``order`` the order of words; ``moved`` adds to
    one register's address, ``worth`` multiplies what is told and divides what is heard of it, and
    ``swapped`` registers have their words the other way round.
    """

    shift: int = 0
    order: WordOrder = WordOrder.HIGH_FIRST
    moved: dict[str, int] = field(default_factory=dict)
    worth: dict[str, float] = field(default_factory=dict)
    swapped: set[str] = field(default_factory=set)

    def place(self, register: Register) -> int:
        """Address in a frame."""
        return register.address + self.shift + self.moved.get(register.name, 0)

    def words(self, register: Register, value: Value) -> tuple[int, ...]:
        """Words on the wire."""
        factor = self.worth.get(register.name, 1.0)
        if factor != 1.0 and not isinstance(value, str):
            told = value * factor
            value = told if register.type is Type.F32 else round(told) % (1 << 16 * register.words)
        return encode(register, value, self._order(register))

    def value(self, register: Register, words: Sequence[int]) -> Value:
        """What words on the wire say. ValueError for a float that is none."""
        value = decode(register, words, self._order(register))
        factor = self.worth.get(register.name, 1.0)
        if factor == 1.0 or isinstance(value, str):
            return value
        return value / factor if register.type is Type.F32 else round(value / factor)

    def _order(self, register: Register) -> WordOrder:
        if register.name not in self.swapped:
            return self.order
        high = self.order is WordOrder.HIGH_FIRST
        return WordOrder.LOW_FIRST if high else WordOrder.HIGH_FIRST

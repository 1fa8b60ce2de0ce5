"""PINs as they are kept: argon2id, at the cost that the site states.

A PIN is short: what keeps it is the file's mode and the lock-out; the cost is for a stolen file.
"""

from dataclasses import dataclass
from typing import Final

from argon2 import Parameters, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret, verify_secret

SALT_BYTES: Final = 16
HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class PinCost:
    """What one look at a PIN costs: memory in KiB, passes over it; one lane."""

    memory_kib: int
    passes: int

    def covers(self, other: "PinCost") -> bool:
        """True where ``other`` costs no more in either."""
        return self.memory_kib >= other.memory_kib and self.passes >= other.passes


OWASP: Final = PinCost(19_456, 2)
"""The least for argon2id (OWASP Password Storage Cheat Sheet): 19 MiB, two passes, one lane."""


def hashed(pin: str, cost: PinCost, salt: bytes) -> str:
    """What is kept of a PIN. ``salt`` is 16 bytes that no other PIN has."""
    return hash_secret(
        pin.encode(), salt, cost.passes, cost.memory_kib, 1, HASH_BYTES, Type.ID
    ).decode()


def holds(kept: str, pin: str) -> bool:
    """Whether it is the PIN. Takes as long as its cost says; may be called in any thread."""
    try:
        return verify_secret(kept.encode(), pin.encode(), Type.ID)
    except (VerificationError, InvalidHashError):
        return False


def cost_of(kept: str) -> PinCost:
    """What a kept PIN costs to try; nothing for what is none."""
    try:
        found: Parameters = extract_parameters(kept)
    except InvalidHashError:
        return PinCost(0, 0)
    return PinCost(found.memory_cost, found.time_cost)

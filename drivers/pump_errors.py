"""What stands between a pump and a command, each with its evidence; the same for every pump.

Lost and stale questions are ``drivers.request``, ports that cannot be opened ``drivers.stream``.
"""

from drivers.request import WrongDevice
from firmware_interfaces.readings import PumpStatus

__all__ = [
    "NotPermitted",
    "PermitExpired",
    "PlanRefused",
    "PumpAlarmed",
    "PumpRefused",
    "ReadbackMismatch",
    "WrongDevice",
]


class PlanRefused(Exception):
    """A plan that this pump cannot keep or must not be given. Nothing was sent."""

    def __init__(self, field: str, value: str, rule: str) -> None:
        super().__init__(f"{field} = {value}: {rule}")
        self.field = field
        self.value = value
        self.rule = rule


class PumpRefused(Exception):
    """The pump answered that it did not carry out ``command``. Certain, not lost."""

    def __init__(self, command: str, error: str) -> None:
        super().__init__(f"{command}: the pump answered {error}")
        self.command = command
        self.error = error


class PumpAlarmed(Exception):
    """The pump answered with an alarm instead, and did not carry out ``command``."""

    def __init__(self, command: str, status: PumpStatus) -> None:
        name = status.alarm.value if status.alarm else "alarm"
        super().__init__(f"{command}: not executed, the pump answered with alarm '{name}'")
        self.command = command
        self.status = status


class ReadbackMismatch(Exception):
    """The pump holds another value than it was given."""

    def __init__(self, field: str, wanted: str, seen: str, unit: str) -> None:
        super().__init__(f"{field}: wanted {wanted}, the pump says {seen} (unit {unit or 'none'})")
        self.field = field
        self.wanted = wanted
        self.seen = seen
        self.unit = unit


class NotPermitted(Exception):
    """A command that must not leave now. It was not sent."""


class PermitExpired(Exception):
    """No live permit, and the pump is energised: nothing may be said to it but STOP."""

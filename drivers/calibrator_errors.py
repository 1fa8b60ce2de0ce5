"""Why a calibrator's proven reply is no reading, each with its evidence.

Lost questions are ``drivers.request``, ports that cannot be opened ``drivers.stream``.
"""


class UnitRefused(Exception):
    """A reading in a unit that carries no activity or is not in the device's table."""

    def __init__(self, code: str, rule: str) -> None:
        super().__init__(f"unit code {code!r}: {rule}")
        self.code = code
        self.rule = rule


class ReadingRefused(Exception):
    """A proven reply with a field that cannot be read."""

    def __init__(self, field: str, seen: str, rule: str) -> None:
        super().__init__(f"{field} {seen!r}: {rule}")
        self.field = field
        self.seen = seen
        self.rule = rule

"""A changed copy of a frozen dataclass, as `dataclasses.replace` gives it, for what steps copy.

`State` has more than sixty fields. To name each of them again for every copy costs more than the
step itself.
"""

from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import replace as changed
else:

    def changed(value: T, /, **fields: Any) -> T:
        """``value`` with ``fields`` instead of its own; only for a dataclass without slots.

        AttributeError for a slotted one. Names and types of the fields are the type checker's.
        """
        copy = object.__new__(type(value))
        copy.__dict__.update(value.__dict__, **fields)
        return copy


__all__ = ("changed",)

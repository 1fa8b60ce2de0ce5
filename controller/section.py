"""What every section of site.toml is made of: a strict frozen table, words, and ruled values."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from controller.clinic.documents import Problem

T = TypeVar("T")
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Section(BaseModel):
    """One table: what it does not know is refused, and nothing is turned into another type."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def ruled(check: Callable[[Any], object]) -> AfterValidator:
    """A validator that keeps the value and turns the ``ValueError`` of ``check`` into a rule."""

    def validate(value: T) -> T:
        try:
            check(value)
        except ValueError as error:
            raise PydanticCustomError("rule", "{rule}", {"rule": str(error)}) from error
        return value

    return AfterValidator(validate)


def refuse(problems: list[Problem]) -> None:
    """Refuse a table for these reasons, if there are any."""
    if problems:
        raise PydanticCustomError("problems", "{problems}", {"problems": problems})

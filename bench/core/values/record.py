"""The base of all values that are written to files, and of errors in them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# No measurement reaches this number, and sums of such numbers stay finite; files may contain any number.
_LARGEST = 10**15
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
NotNegative = Annotated[float, Field(ge=0, le=_LARGEST)]
Number = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)]


class Record(BaseModel):
    """A frozen, serialisable value that refuses unknown fields and non-finite numbers.

    A field with an alias has the alias in files. Python code uses the field's own name, which ends in the
    unit. The string below a field is its description in the JSON Schema.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class FieldError(ValueError):
    """A value that contradicts another one. A validator raises it to name the field that is wrong.

    Args:
        path: The field from the validated object on, as files name it, such as `("stages", 0)`.
        message: The problem, without the field's name.
    """

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.path = path

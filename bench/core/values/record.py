"""The one kind of value that travels between the pipeline's steps."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# What no measurement reaches, and what arithmetic still bears: a file may say anything.
_MOST = 10**15
Count = Annotated[int, Field(ge=0, le=_MOST)]
NotNegative = Annotated[float, Field(ge=0, le=_MOST)]
Number = Annotated[float, Field(ge=-_MOST, le=_MOST)]


class Record(BaseModel):
    """A frozen, serialisable value that refuses unknown fields and non-finite numbers.

    A field with an alias has the alias in files. Python code uses its own name, which ends in the unit.
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

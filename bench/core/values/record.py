"""The base of all values that are written to files, and of errors in them."""

from functools import cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bench.core.values.field_docs import field_docs

# No measurement reaches this number, and sums of such numbers stay finite; files may contain any number.
LARGEST = 10**15
Count = Annotated[int, Field(ge=0, le=LARGEST)]
NotNegative = Annotated[float, Field(ge=0, le=LARGEST)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]

_field_docs = cache(field_docs)


class Record(BaseModel):
    """A frozen, serialisable value that refuses unknown fields and non-finite numbers.

    A field with an alias has the alias in files. Python code uses the field's own name, which ends in the
    unit. The string below a field is its description in the JSON Schema.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        # A command uses few of the models, so each is built when it is first used.
        defer_build=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema with the description of each field.

        pydantic's `use_attribute_docstrings` would read the source of each class when it is imported.
        """
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for declaring in reversed(cls.__mro__):
            for name, text in _field_docs(declaring).items():
                field = cls.model_fields.get(name)
                key = name if field is None else field.alias or name
                if key in properties:
                    properties[key]["description"] = text
        return schema


class FieldError(ValueError):
    """A value that contradicts another one. A validator raises it to name the field that is wrong.

    Args:
        path: The field from the validated object on, as files name it, such as `("stages", 0)`.
        message: The problem, without the field's name.
    """

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.path = path

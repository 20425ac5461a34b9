"""Reads the declaration of a request: columns, CSV heads and schemas are derived from its fields."""

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

_FLOAT_CODE = "d"


@dataclass(frozen=True, slots=True)
class Stored:
    """Marks a field that is stored as a whole number, or as the number of a text."""

    code: str
    """Type of the column, in the codes of `array.array`."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Marks a field that is a time: seconds since the start of the run."""

    token: int | None = None
    """Index of the piece of streamed text that arrived then, -1 for the last; `None` for other times."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a declaration."""

    name: str
    """Name in Python, in columns, in the CSV head and in files."""
    type: type
    """Type of its values, without `None`."""
    optional: bool
    """Whether `None` is possible."""
    code: str | None
    """Type of its column, in the codes of `array.array`; `None` if it is not one column."""
    moment: Moment | None
    """Set if the field is a time of the run."""


def declared_fields(declaration: type) -> tuple[Field, ...]:
    """Return the fields of an annotated class, in their order."""
    hints = get_type_hints(declaration, include_extras=True)
    return tuple(_field(name, hint) for name, hint in hints.items())


def _field(name: str, hint: Any) -> Field:
    marks: tuple[object, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        marks = tuple(rest)
    choices = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    plain = next(choice for choice in choices if choice is not NoneType)
    stored = next((mark for mark in marks if isinstance(mark, Stored)), None)
    moment = next((mark for mark in marks if isinstance(mark, Moment)), None)
    code = stored.code if stored is not None else None
    if plain is float:
        code = _FLOAT_CODE
    return Field(name, get_origin(plain) or plain, NoneType in choices, code, moment)

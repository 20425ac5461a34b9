"""Places in an answer: dotted paths, and rules that select documents of a stream by their values."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, StringConstraints, Tag

from bench.core.values.record import Record

Path = Annotated[str, StringConstraints(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
Scalar = str | int | float | bool | None
Conditions = Annotated[
    dict[Path, Scalar | Annotated[tuple[Scalar, ...], Field(min_length=1)]], Field(min_length=1)
]
"""Values by path that a document must have, all of them. A list of values stands for any of them."""
EVENT = "event"
"""In server-sent events, the condition on this name also applies to the name of the event."""


class StreamRule(Record):
    """A place that is read only in documents with certain values."""

    path: Path
    """Dotted path of the value."""
    where: Conditions
    """Values that the document must have, by path, for example `type: message_delta`. A list stands for any
    of its values. In server-sent events, `event` is the name of the event."""


def shape_of(value: Any) -> str:
    """Return how places are declared: by a path, a rule, a list, or a map."""
    if isinstance(value, StreamRule) or (isinstance(value, Mapping) and "path" in value):
        return "rule"
    if isinstance(value, Mapping):
        return "map"
    return "list" if isinstance(value, list | tuple) else "path"


def _shape_of_place(value: Any) -> str:
    return "rule" if isinstance(value, StreamRule | Mapping) else "path"


def _shape_of_places(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else _shape_of_place(value)


def _shape_of_mark(value: Any) -> str:
    return "map" if isinstance(value, Mapping) else "path"


def _shape_of_marks(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else _shape_of_mark(value)


def _shape_of_sign(value: Any) -> str:
    shape = shape_of(value)
    return "path" if shape == "list" else shape


OnePath = Annotated[Path, Tag("path")]
OneRule = Annotated[StreamRule, Tag("rule")]
_OneMap = Annotated[Conditions, Tag("map")]

Place = Annotated[OnePath | OneRule, Discriminator(_shape_of_place)]
PlaceList = Annotated[tuple[Place, ...], Field(min_length=1), Tag("list")]
Places = Annotated[OnePath | OneRule | PlaceList, Discriminator(_shape_of_places)]
"""One place, or a list of places of which the first with a value is read."""

Mark = Annotated[OnePath | _OneMap, Discriminator(_shape_of_mark)]
_MarkList = Annotated[tuple[Mark, ...], Field(min_length=1), Tag("list")]
Marks = Annotated[OnePath | _OneMap | _MarkList, Discriminator(_shape_of_marks)]
"""One mark, or a list of marks of which any is enough: a path, or values by path."""

_Sign = Annotated[OnePath | OneRule | _OneMap, Discriminator(_shape_of_sign)]
_SignList = Annotated[tuple[_Sign, ...], Field(min_length=1), Tag("list")]
ErrorPlaces = Annotated[OnePath | OneRule | _OneMap | _SignList, Discriminator(shape_of)]
"""Places of an error, and values by path of documents that are errors."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from bench.core.samples.fields import Field, Moment, Stored, declared_fields
from bench.core.samples.request import REQUEST_METRICS, RequestSample, token_moments
from bench.core.values.field_docs import field_docs


class Example(NamedTuple):
    """A declaration with each kind of field."""

    number: Annotated[int, Stored("H")]
    """A number
    on two lines."""
    at_s: Annotated[float | None, Moment(token=1)] = None
    """A moment."""
    undescribed: float = 0.0
    many: Mapping[str, float] = {}


def test_fields_are_read_from_the_declaration() -> None:
    """Types, None, the code of the column, and moments come from the annotation."""
    assert declared_fields(Example) == (
        Field("number", int, optional=False, code="H", moment=None),
        Field("at_s", float, optional=True, code="d", moment=Moment(token=1)),
        Field("undescribed", float, optional=False, code="d", moment=None),
        Field("many", Mapping, optional=False, code=None, moment=None),
    )


def test_the_description_of_a_field_stands_below_it() -> None:
    """A description on several lines becomes one line."""
    assert field_docs(Example) == {"number": "A number on two lines.", "at_s": "A moment."}


def test_every_field_of_a_request_has_a_description() -> None:
    """The schema of an exported request has these descriptions."""
    assert field_docs(RequestSample).keys() == set(RequestSample._fields)


def test_the_moments_of_tokens_are_relative_to_the_start_of_the_run() -> None:
    """The first and the last piece of text have a moment; without text there is none."""
    assert token_moments([10.5, 11.0, 12.0], origin_s=10.0) == {"first_token_s": 0.5, "last_token_s": 2.0}
    assert token_moments([], origin_s=10.0) == {}


def test_a_formula_has_the_names_of_fields() -> None:
    """A metric's formula names only fields of a request, so that a reader can recompute it."""
    for row in REQUEST_METRICS:
        words = row.formula.replace("(", " ").replace(")", " ").split()
        names = {word for word in words if word.isidentifier()} - {"ok"}
        assert names <= set(RequestSample._fields), row.key
        assert row.description.endswith(".")

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bench.core.values.duration import (
    Duration,
    DurationRange,
    format_duration,
    format_range,
    parse_duration,
    parse_range,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("2m", 120),
        ("1h30m", 5400),
        ("1.5m", 90),
        ("1d", 86400),
        ("30", 30),
        (" 5s ", 5),
    ],
)
def test_a_duration_is_written_as_in_k6(text: str, seconds: float) -> None:
    """Units are ms, s, m, h and d, one after the other; a bare number is seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "5 s", "5x", "m5", "-5s", "1h-3m"])
def test_other_text_is_refused_with_an_example(text: str) -> None:
    """The message shows how to write a duration."""
    with pytest.raises(ValueError, match="write for example 500ms, 30s, 2m or 1h30m"):
        parse_duration(text)


@given(st.integers(0, 10**6))
def test_whole_seconds_survive_writing_and_reading(seconds: int) -> None:
    """`parse_duration` reads what `format_duration` writes."""
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("range_s", "text"),
    [((5, 7), "5s..7s"), ((2, 2), "2s"), ((0.1, 0.25), "100ms..250ms"), ((1.5, 90), "1.5s..1m30s")],
)
def test_a_range_has_two_dots(range_s: tuple[float, float], text: str) -> None:
    """Equal ends are one duration; both forms can be read again."""
    assert format_range(range_s) == text
    assert parse_range(text) == pytest.approx(range_s)


def test_fields_take_text_and_numbers() -> None:
    """Fields of files take text or seconds; a range takes one duration, two, or a pair from Python."""
    duration = TypeAdapter[float](Duration)
    assert (duration.validate_python("2m"), duration.validate_python(7)) == (120, 7)
    ranges = TypeAdapter[tuple[float, float]](DurationRange)
    assert [ranges.validate_python(value) for value in ("5s..7s", 3, (1, 2))] == [(5, 7), (3, 3), (1, 2)]
    assert ranges.dump_json((5, 7)) == b'"5s..7s"'
    for wrong in ([5, 7], True, "7s..5s", -1, None):
        with pytest.raises(ValidationError):
            ranges.validate_python(wrong)


@pytest.mark.parametrize("text", ["5s-7s", "5-7", "1m - 2m"])
def test_a_range_with_a_dash_is_refused_with_two_dots(text: str) -> None:
    """The message shows the two dots, which a dash suggests."""
    with pytest.raises(ValueError, match=r"write two dots: 5s\.\.7s"):
        parse_range(text)

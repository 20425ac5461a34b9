"""Quantities in the unit of a metric."""

import pytest

from bench.core.values.quantity import parse_quantity, parse_ratio


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("0.5ms", "ms", 0.5),
        ("500us", "ms", 0.5),
        ("500 µs", "ms", 0.5),
        ("2s", "ms", 2000.0),
        ("1m", "ms", 60_000.0),
        ("7", "ms", 7.0),
        ("2MB", "bytes", 2e6),
        ("1 GiB", "bytes", 2.0**30),
        ("12B", "bytes", 12.0),
        ("5%", "ratio", 0.05),
        ("0.05", "ratio", 0.05),
        ("3", "1", 3.0),
        ("0.5 requests/s", "requests/s", 0.5),
        ("-1.5ms", "ms", -1.5),
    ],
)
def test_a_quantity_is_read_in_its_unit(text: str, unit: str, expected: float) -> None:
    """People write the unit that suits the size."""
    assert parse_quantity(text, unit) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("2MB", "ms", "'2MB' is not a quantity in ms; write for example 0.5ms or 2s"),
        ("5%", "ms", "is not a quantity in ms"),
        ("2ms", "bytes", "write for example 2MB or 512KiB"),
        ("many", "1", "'many' is not a count; write for example 2"),
        ("", "ms", "'' is not a quantity"),
        ("2ms", "ratio", "is not a share; write for example 5% or 0.05"),
    ],
)
def test_another_unit_is_refused(text: str, unit: str, message: str) -> None:
    """The error names the unit and shows an example."""
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        parse_quantity(text, unit)


@pytest.mark.parametrize(("text", "expected"), [("10%", 0.1), ("0.1", 0.1), (" 2.5 % ", 0.025)])
def test_a_share_is_read_with_and_without_percent(text: str, expected: float) -> None:
    """Both forms are common."""
    assert parse_ratio(text) == pytest.approx(expected)

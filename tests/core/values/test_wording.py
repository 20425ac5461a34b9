import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.values import wording


def test_a_count_of_one_is_singular() -> None:
    """All other counts have the plural, including 0."""
    assert [wording.counted(number, "run") for number in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]


def test_more_than_one_part_is_counted() -> None:
    """The count has no plural: two more, not two mores."""
    assert [wording.and_more("abc"[:count]) for count in range(4)] == ["", "", ", and 1 more", ", and 2 more"]


@pytest.mark.parametrize(
    "write",
    [
        wording.duration,
        wording.percent,
        wording.change,
        wording.change_ms,
        *(lambda number, unit=unit: wording.value(number, unit) for unit in ("ms", "ratio", "1")),
    ],
)
def test_missing_data_is_a_dash(write: Callable[[float | None], str]) -> None:
    """Missing data is a dash, and 0 is not."""
    assert write(None) == wording.DASH
    assert write(0.0) != wording.DASH


@pytest.mark.parametrize(
    ("value_ms", "text"),
    [
        (0.0, "0.00 ms"),
        (0.42, "0.42 ms"),
        (0.994, "0.99 ms"),
        (1.0, "1.0 ms"),
        (3.14, "3.1 ms"),
        (9.94, "9.9 ms"),
        (10.0, "10 ms"),
        (640.4, "640 ms"),
        (999.6, "1,000 ms"),
        (9_999.0, "9,999 ms"),
        (9_999.4, "9,999 ms"),
        (9_999.5, "10.0 s"),
        (12_400.0, "12.4 s"),
        (120_000.0, "120.0 s"),
    ],
)
def test_durations_have_two_or_three_significant_digits(value_ms: float, text: str) -> None:
    """Decimals and unit depend on the length; no duration has five digits."""
    assert wording.duration(value_ms) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.0, "0 %"),
        (0.5, "50 %"),
        (0.993, "99.3 %"),
        (0.9949, "99.5 %"),
        (0.9994, "99.9 %"),
        (0.9995, "99.9 %"),
        (0.9997, "99.9 %"),
        (0.99999, "99.9 %"),
        (1.0, "100 %"),
        (0.1004, "10 %"),
        (0.2, "20 %"),
    ],
)
def test_only_a_complete_share_is_100_percent(ratio: float, text: str) -> None:
    """Shares have one decimal, and 99.97 % is not 100 %."""
    assert wording.percent(ratio) == text


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_one_failure_is_never_rounded_away(ok: int, failed: int) -> None:
    """With one failure, the success is never shown as 100 %."""
    assert wording.percent(ok / (ok + failed)) != "100 %"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.31, "+31 %"),
        (0.0, "0 %"),
        (-0.0004, "0 %"),
        (0.012, "+1.2 %"),
        (-0.012, "\u22121.2 %"),
        (0.0994, "+9.9 %"),
        (0.0995, "+10 %"),
        (0.1, "+10 %"),
        (-0.0994, "\u22129.9 %"),
        (-0.0995, "\u221210 %"),
        (-0.5, "\u221250 %"),
        (12.5, "+1,250 %"),
    ],
)
def test_a_change_has_a_sign_and_two_digits(ratio: float, text: str) -> None:
    """An increase has a plus, a decrease a minus sign; changes below 10 % have a decimal."""
    assert wording.change(ratio) == text


@pytest.mark.parametrize(
    ("value_ms", "text"),
    [
        (50.0, "+50 ms"),
        (-50.0, "\u221250 ms"),
        (0.0, "0 ms"),
        (-0.004, "0 ms"),
        (1.25, "+1.2 ms"),
        (-0.25, "\u22120.25 ms"),
        (-12_400.0, "\u221212.4 s"),
        (2_500.0, "+2,500 ms"),
    ],
)
def test_a_changed_duration_has_a_sign(value_ms: float, text: str) -> None:
    """The sign precedes the duration."""
    assert wording.change_ms(value_ms) == text


@given(st.floats(-1e7, 1e7))
def test_a_minus_is_never_a_hyphen(number: float) -> None:
    """A signed number has exactly one sign and no hyphen; 0 has no sign."""
    for text in (wording.change(number), wording.change_ms(number)):
        assert "-" not in text
        assert re.match(rf"^([+{wording.MINUS}]\d|0 )", text)


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (640.0, "ms", "640 ms"),
        (0.9997, "ratio", "99.9 %"),
        (250.0, "1", "250"),
        (2.5, "1", "2.5"),
        (9_999.0, "1", "9,999"),
        (12_340.0, "1", "12,340"),
    ],
)
def test_a_value_is_written_in_its_unit(number: float, unit: str, text: str) -> None:
    """The metric's unit decides how its value is written."""
    assert wording.value(number, unit) == text


@given(st.integers(0, 10**9))
def test_a_count_is_written_out(count: int) -> None:
    """Counts are not rounded; thousands are separated."""
    assert wording.value(float(count), "1") == f"{count:,}"


@pytest.mark.parametrize(
    ("size", "text"), [(48_000_000, "48 MB"), (1_500_000_000, "1,500 MB"), (0, "0 MB"), (None, wording.DASH)]
)
def test_memory_is_in_megabytes(size: int | None, text: str) -> None:
    """Memory is written in millions of bytes; unknown memory is a dash."""
    assert wording.memory(size) == text


@pytest.mark.parametrize(
    ("parts", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_a_list_reads_like_a_sentence(parts: list[str], text: str) -> None:
    """Parts are separated by commas, the last by `and`; alternatives by `or`."""
    assert wording.listing(parts) == text
    assert wording.choice(parts) == text.replace("and", "or")


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (12_345, "12 kB"),
        (3_400_000, "3.4 MB"),
        (1.2e9, "1.2 GB"),
        (5e18, "5000000.0 TB"),
    ],
)
def test_sizes_have_the_unit_that_suits_them(size_bytes: float, text: str) -> None:
    """A size of 1,000 or more has the next larger unit, up to terabytes."""
    assert wording.size(size_bytes) == text


@pytest.mark.parametrize(
    ("per_second", "text"), [(0.0, "0"), (5.734, "5.73"), (999.4, "999"), (999.6, "1,000"), (1783.2, "1,783")]
)
def test_a_large_rate_has_no_exponent(per_second: float, text: str) -> None:
    """A rate has three significant digits, and from 1,000 on no decimals."""
    assert wording.rate(per_second) == text

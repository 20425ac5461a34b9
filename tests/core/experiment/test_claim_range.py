"""The text of a claim becomes a range, or an error that shows a correct one."""

import math

import pytest

from bench.core.experiment.claim_range import ClaimRange, ClaimScale, ClaimVerdict, parse_effect, parse_value


def test_a_promise_has_no_upper_end() -> None:
    """A larger gain keeps the promise, in the direction in which the metric improves."""
    faster = parse_effect("3x..5x", higher_is_better=True)
    assert (faster.lowest, faster.highest, faster.most_claimed) == (math.log(3), None, math.log(5))
    shorter = parse_effect("-40%..-60%", higher_is_better=False)
    assert (shorter.lowest, shorter.highest) == (None, math.log(0.6))
    assert shorter.most_claimed == pytest.approx(math.log(0.4))


@pytest.mark.parametrize("text", ["+10%..+20%", "-5%..+5%"])
def test_a_cost_and_no_change_have_two_ends(text: str) -> None:
    """A cost that is larger than claimed does not keep the claim."""
    claimed = parse_effect(text, higher_is_better=False)
    assert claimed.lowest is not None
    assert claimed.highest is not None
    assert claimed.most_claimed is None


@pytest.mark.parametrize(
    ("text", "unit", "lowest", "highest"),
    [
        (">= 99.9%", "ratio", 0.999, None),
        ("≥ 99.9 %", "ratio", 0.999, None),
        ("<= 2s", "ms", None, 2000.0),
        ("<=800ms", "ms", None, 800.0),
        ("<=800", "ms", None, 800.0),
        ("10..20", "requests/s", 10.0, 20.0),
    ],
)
def test_a_value_has_the_unit_of_its_metric(
    text: str, unit: str, lowest: float | None, highest: float | None
) -> None:
    """Per cents become shares, and seconds become milliseconds."""
    assert parse_value(text, unit) == ClaimRange(ClaimScale.VALUE, lowest, highest)


@pytest.mark.parametrize(
    ("text", "unit", "part"),
    [
        (">= 99", "ratio", "'99' is not a percentage from 0% to 100%"),
        (">= 200%", "ratio", "'200%' is not a percentage from 0% to 100%"),
        (">= 99s", "ratio", "'99s' is not a percentage"),
        ("<= 5%", "ms", "'5%' is not a time in ms or s"),
        (">= 99%", "requests/s", "'99%' is not a number without a unit"),
        ("<= 5s", "bytes", "'5s' is not a number without a unit"),
    ],
)
def test_a_value_with_another_unit_is_refused(text: str, unit: str, part: str) -> None:
    """A claim of 99 instead of 99 % would be refuted, however many requests succeed."""
    with pytest.raises(ValueError, match=part):
        parse_value(text, unit)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("fast", "is not a range; write for example 3x..5x"),
        ("3..5", "'3' is not an effect"),
        ("-1x..2x", "'-1x' is not an effect"),
        (">= much", "'much' is not a number with a unit"),
        ("-120%..-10%", "'-120%' is not an effect"),
        ("1pp..5%", "mixes points with per cents"),
    ],
)
def test_a_wrong_text_names_the_correct_form(text: str, part: str) -> None:
    """The author learns what to write."""
    with pytest.raises(ValueError, match=part):
        parse_effect(text, higher_is_better=True)


def test_the_interval_decides() -> None:
    """Inside is supported, outside is refuted, and across an end is open."""
    claimed = ClaimRange(ClaimScale.RATIO, -0.1, 0.1)
    assert claimed.judge(-0.1, 0.1) is ClaimVerdict.SUPPORTED
    assert claimed.judge(0.11, 0.2) is ClaimVerdict.REFUTED
    assert claimed.judge(-0.3, -0.2) is ClaimVerdict.REFUTED
    assert claimed.judge(0.05, 0.2) is ClaimVerdict.INCONCLUSIVE

from bench.core.report.report import make_report
from bench.core.samples.metrics import tier_key
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from bench.render.document.tier_bars import TierBar, make_tier_bars
from tests.core.report.compared_rows import compared, comparison, tier
from tests.factories import run_at

WORSE = Verdict.WORSE


def bars(*rows: object, decision: Decision = Decision.FAIL) -> tuple[TierBar, ...]:
    """Return the bars of a run with these tiers."""
    return make_tier_bars(make_report(run_at(), comparison(decision, *rows)))  # type: ignore[arg-type]


def test_only_changed_tiers_have_bars_and_the_largest_change_is_first() -> None:
    """A tier without a change and unattributed time have none; at most five have bars."""
    unattributed = compared(tier_key("unattributed"), WORSE, 8.0, 2.0)
    same = tier("queue", Verdict.UNCHANGED, 0.0)
    faster = tier("decode", Verdict.BETTER, -60.0)
    assert [bar.tier for bar in bars(same, unattributed, tier("prefill", WORSE, 40.0), faster)] == [
        "decode",
        "prefill",
    ]
    assert len(bars(*(tier(f"t{number}", WORSE, 10.0 + number) for number in range(9)))) == 5


def test_a_tolerated_tier_has_a_bar_only_if_the_first_sentence_names_it() -> None:
    """A run without a change has no bars; a run that is slower within its tolerance has one of its tier."""
    small = compared(tier_key("decode"), Verdict.WITHIN_TOLERANCE, 0.7, 3.9)
    same = compared("e2e_ms", Verdict.UNCHANGED, 600.0, 0.0)
    assert bars(same, small, decision=Decision.PASS) == ()
    slower = compared("e2e_ms", Verdict.WITHIN_TOLERANCE, 600.0, 0.05)
    assert [bar.tier for bar in bars(slower, small, decision=Decision.PASS)] == ["decode"]


def test_all_bars_have_one_scale_and_the_longest_has_twenty_characters() -> None:
    """A tier of half the time has half the bar, to an eighth of a character, and no bar is empty."""
    long, short = bars(tier("decode", WORSE, 300.0), compared(tier_key("queue"), WORSE, 10.0, 10.0))
    assert (long.base, long.head) == ("█" * 5, "█" * 20)
    assert (short.base, short.head) == ("▌", "█████▌")
    assert (long.values, long.change) == ("100 → 400 ms", "+300 ms")
    tiny, _ = bars(tier("decode", WORSE, 1e6), compared(tier_key("queue"), WORSE, 0.001, 1.0))
    assert tiny.base == "▏"


def test_an_unknown_time_is_a_dash() -> None:
    """A tier that only one version has cannot be drawn, and no change needs a negative bar."""
    (bar,) = bars(tier("decode", WORSE, 10.0).model_copy(update={"base": None, "change_ratio": None}))
    assert (bar.base, bar.head) == ("–", "█" * 20)  # noqa: RUF001 - the dash
    (negative,) = bars(compared(tier_key("decode"), WORSE, -1.0, 0.5))
    assert "█" not in negative.base

import json
from collections.abc import Callable

import pytest
from pydantic import TypeAdapter

from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.history.trend import Trend, trend
from bench.core.report.trend_wording import headline
from bench.core.verdict.baseline import PinnedBaseline
from bench.render.json_ import trends_json
from bench.render.markdown import trend_markdown
from bench.render.text import trend_text
from tests.factories import NOON, make_baseline, make_fingerprint, make_history, make_point

Golden = Callable[[str, str], None]


def _trends() -> dict[str, Trend]:
    """Return each kind of trend, by name."""
    pinned = PinnedBaseline(
        runs=make_baseline().runs, pinned_at=NOON, pinned_by="Tess Ter", reason="release 2.0"
    )
    other = make_fingerprint(stack_digest="d" * 64)
    short = {"e2e_ms": 500.0, "tier.prefill_ms": 30.0}
    return {
        "steady": trend(make_history([1.0] * 30)),
        "worse": trend(make_history([1.0] * 20 + [1.2] * 15), pinned),
        "mended": trend(make_history([1.0] * 12 + [1.3] * 10 + [0.95] * 10)),
        "long-ago": trend(make_history([1.0] * 12 + [1.2] * 26)),
        "drifted": trend([make_point(number, 1.1 + 0.01 * number) for number in range(11)], pinned),
        "few": trend([*make_history([1.0] * 3, fingerprint=other), make_point(5)]),
        "gone": trend(
            [
                *make_history([1.0] * MIN_TREND_RUNS),
                *(make_point(20 + each, figures=short) for each in range(2)),
            ]
        ),
    }


TRENDS = _trends()


@pytest.mark.parametrize("name", TRENDS)
def test_the_terminal_shows_each_kind_of_trend(name: str, golden: Golden) -> None:
    """The text of each kind of trend, for 100 columns, equals the approved file."""
    golden(f"trend-{name}.txt", trend_text(TRENDS[name], width=100, colour=False))


@pytest.mark.parametrize("name", TRENDS)
def test_markdown_shows_each_kind_of_trend(name: str, golden: Golden) -> None:
    """The Markdown of each kind of trend equals the approved file."""
    golden(f"trend-{name}.md", trend_markdown(TRENDS[name]))


def test_json_contains_all_trends() -> None:
    """Trends survive a round trip through JSON, as a list."""
    text = trends_json(list(TRENDS.values()))
    assert TypeAdapter(tuple[Trend, ...]).validate_json(text) == tuple(TRENDS.values())
    assert [each["scenario"] for each in json.loads(text)] == ["quick"] * len(TRENDS)


def test_the_judgement_comes_first() -> None:
    """The first line is the decision with its sentence, in colour if colours are enabled."""
    found = TRENDS["worse"]
    assert trend_text(found, width=200, colour=False).startswith(f"FAIL {headline(found)}\n")
    assert "\x1b[" in trend_text(found, width=80, colour=True)


def test_no_terminal_line_is_wider_than_the_terminal() -> None:
    """No line of a trend is wider than the terminal."""
    for each in TRENDS.values():
        assert max(map(len, trend_text(each, width=80, colour=False).splitlines())) <= 80

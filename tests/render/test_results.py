from collections.abc import Callable

import pytest

from bench.core.samples.sample import Outcome
from bench.render.document.format import Terminal
from bench.render.results import results_text
from tests.factories import make_recording, make_run, make_sample, make_scenario, make_spec
from tests.render.reports import HOSTILE, reports

REPORTS = reports()
SHOWN = ("errors", "interrupted", "loads", "reliable", "stalled")


def _print(samples: list[object]) -> str:
    spec = make_spec(make_scenario(thresholds={}))
    return results_text(make_run(make_recording(samples), spec=spec), Terminal(80))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SHOWN)
def test_results_look_as_they_were_approved(name: str, golden: Callable[[str, str], None]) -> None:
    """The text for 80 columns equals the approved file."""
    golden(f"results-{name}.txt", results_text(REPORTS[name].result, Terminal(80)))


@pytest.mark.parametrize("name", REPORTS)
def test_results_fit_the_terminal(name: str) -> None:
    """No line is wider than 80 columns."""
    assert max(map(len, results_text(REPORTS[name].result, Terminal(80)).splitlines())) <= 80


def test_the_maximum_of_requests_that_were_cut_off_is_a_lower_bound() -> None:
    """Their real times are longer than the longest wait, and the marks are explained."""
    samples = [make_sample(seq) for seq in range(10)]
    samples.append(make_sample(10, outcome=Outcome.TIMEOUT, status=None, latency_ms=9_000.0))
    text = _print([*samples])
    (row,) = [line for line in text.splitlines() if line.startswith("response time")]
    assert row.endswith("> 9,000 ms")
    assert ">: the real value is longer" in text


def test_outcomes_are_sorted_by_their_number() -> None:
    """Successes come first, and each failure has the words of its first request."""
    samples = [make_sample(0)]
    for seq in range(1, 6):
        samples.append(make_sample(seq, outcome=Outcome.RATE_LIMITED, status=429, detail=f"slow down {seq}"))
    samples.append(make_sample(6, outcome=Outcome.CONNECT_FAILED, status=None, detail="connect_failed: no"))
    lines = _print([*samples]).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("outcome"))
    assert [line.split()[0] for line in lines[start + 1 : start + 4]] == [
        "ok",
        "rate_limited",
        "connect_failed",
    ]
    assert lines[start + 2].split() == [
        "rate_limited",
        "5",
        "71.4",
        "%",
        "target",
        "429:",
        "slow",
        "down",
        "1",
    ]


def test_long_and_hostile_words_are_cut() -> None:
    """A server cannot fill or control the terminal."""
    text = _print(
        [make_sample(0), make_sample(1, outcome=Outcome.HTTP_ERROR, status=500, detail=HOSTILE * 9)]
    )
    assert "\x1b" not in text
    assert text.count("onerror") == 1
    assert "…" in text


def test_crossed_limits_have_a_colour_on_a_terminal() -> None:
    """Text in a pipe has no control characters."""
    assert "\x1b[31mcrossed" in results_text(REPORTS["errors"].result, Terminal(80, colour=True))
    assert "\x1b" not in results_text(REPORTS["errors"].result, Terminal(80))

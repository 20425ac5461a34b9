"""The behaviour beyond the safe load in words."""

from typing import Any

from bench.core.capacity.curve_point import FittedValue
from bench.core.capacity.overload import Fairness, LoadShedding, OverloadReport
from bench.core.report.capacity_overload import describe_overload


def _words(**changes: Any) -> tuple[str, ...]:
    content: dict[str, Any] = {
        "unit": "users",
        "load": 34.0,
        "rest_load": 12.0,
        "spike_s": 60.0,
        "best_goodput_rps": 1.9,
        "goodput_rps": 0.3,
        "goodput_ratio": FittedValue(value=0.16, low=0.1, high=0.2),
        "goodput": "collapse",
        "recovery_s": 41.0,
        "watched_s": 120.0,
        "fairness": None,
        "shedding": None,
    }
    return describe_overload(OverloadReport.model_validate(content | changes))


def test_an_overload_has_goodput_and_recovery() -> None:
    """The first sentences answer: does the stack still work, and does it come back."""
    assert _words() == (
        "Goodput at 34 users collapses: 0.3 good answers/s, 1.9 at the best load.",
        "Recovery after a spike of 60.0 s: answers are as before after 41.0 s at 12 users.",
    )
    assert _words(recovery_s=0.0)[1] == "Recovery after a spike of 60.0 s: at once."
    assert _words(recovery_s=None)[1] == "Recovery after a spike of 60.0 s: not within 120.0 s at 12 users."
    assert "no trial had a good answer" in _words(goodput=None, goodput_ratio=None)[0]


def test_fairness_and_shedding_are_sentences_if_they_were_measured() -> None:
    """An unfair stack is compared with chance."""
    fair = Fairness(index=0.98, expected_index=0.9, users=34)
    shedding = LoadShedding(refused_ratio=0.4, refusal_ms=2.0, accepted_p95_ms=8000.0)
    assert _words(fairness=fair, shedding=shedding)[2:] == (
        "Fairness: 34 users get the same share of the answers (Jain's index 0.98).",
        "Load shedding: 40 % of the requests are refused after 2.0 ms; p95 of the others is 8,000 ms.",
    )
    unfair = Fairness(index=0.4, expected_index=0.9, users=34)
    words = _words(fairness=unfair)[2]
    assert words.startswith("Fairness: 34 users get different shares of the answers (Jain's index 0.40; ")
    assert words.endswith("equal users have at least 0.90).")

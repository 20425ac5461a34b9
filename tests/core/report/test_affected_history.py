"""Whom a lasting change of a history affects."""

import random
from collections.abc import Mapping

from bench.core.history.history import HistoryPoint
from bench.core.report.affected import NONE_ALONE, UNKNOWN
from bench.core.report.affected_history import describe_affected_by
from bench.core.report.trend_page import trend_page
from bench.core.verdict.compare import Decision
from tests.render.histories import history, vitals

USUAL_MS = {"greeting": 310.0, "question": 420.0, "refund": 380.0}
BEFORE = 16
AFTER = 10


def _history(slower: Mapping[str, float], noise: float = 0.02) -> list[HistoryPoint]:
    """Return a history that became slower, in which only these messages did, by these factors."""
    dice = random.Random(3)
    points = []
    for number, point in enumerate(history([1.0] * BEFORE + [1.3] * AFTER)):
        messages = {}
        for name, usual_ms in USUAL_MS.items():
            factor = slower.get(name, 1.0) if number >= BEFORE else 1.0
            messages[name] = usual_ms * factor * dice.gauss(1.0, noise)
        assert point.vitals is not None
        kept = point.vitals.model_copy(update={"messages": messages})
        points.append(point.model_copy(update={"vitals": kept}))
    return points


def _affected(points: list[HistoryPoint]) -> str:
    page = trend_page(points)
    assert page.trend.decision is Decision.FAIL
    assert page.summary.affected == page.affected
    return page.affected


def test_only_the_messages_that_became_slower_are_named() -> None:
    """The one with the largest change comes first."""
    assert _affected(_history({"refund": 1.3})) == "1 of 3 messages: refund"
    both = _history({"refund": 1.3, "greeting": 1.8})
    assert _affected(both) == "2 of 3 messages: greeting and refund"


def test_all_messages_are_counted() -> None:
    """Their names would add nothing."""
    assert _affected(_history(dict.fromkeys(USUAL_MS, 1.3))) == "all 3 messages"


def test_a_message_in_the_noise_is_not_named() -> None:
    """If no single message changed for certain, the answer is that of a run."""
    assert _affected(_history({}, noise=0.3)) == NONE_ALONE


def test_classes_are_named_as_classes() -> None:
    """A line of a run of many messages has their classes instead."""
    points = []
    for point in _history({"refund": 1.3}):
        assert point.vitals is not None
        kept = point.vitals.model_copy(update={"messages": {}, "classes": point.vitals.messages})
        points.append(point.model_copy(update={"vitals": kept}))
    assert _affected(points) == "1 of 3 classes: refund"


def test_an_only_message_needs_no_number() -> None:
    """A scenario with one message has no other one."""
    points = []
    for point in _history({"refund": 1.3}):
        assert point.vitals is not None
        kept = point.vitals.model_copy(update={"messages": {"refund": point.vitals.messages["refund"]}})
        points.append(point.model_copy(update={"vitals": kept}))
    assert _affected(points) == "the only message"


def test_an_older_level_does_not_count() -> None:
    """The messages are compared with the level just before the change, not with a slower one before that."""
    points = []
    for number, point in enumerate(history([1.6] * BEFORE + [1.0] * BEFORE + [1.3] * AFTER)):
        factor = 1.6 if number < BEFORE else 1.0 if number < 2 * BEFORE else 1.3
        messages = {name: usual_ms * (factor + number % 3 / 100) for name, usual_ms in USUAL_MS.items()}
        assert point.vitals is not None
        kept = point.vitals.model_copy(update={"messages": messages})
        points.append(point.model_copy(update={"vitals": kept}))
    assert _affected(points) == "all 3 messages"


def test_a_slower_machine_affects_no_message() -> None:
    """The effect of a machine on the response time is removed from the messages too."""
    points = _history({"refund": 1.3})
    corrected = [point.figures["e2e_ms"] for point in points]
    slowed = []
    for number, point in enumerate(points):
        slowdown = 1.2 if number >= BEFORE else 1.0
        assert point.vitals is not None
        messages = {name: time_ms * slowdown for name, time_ms in point.vitals.messages.items()}
        kept = point.vitals.model_copy(update={"messages": messages})
        figures = point.figures | {"e2e_ms": point.figures["e2e_ms"] * slowdown}
        slowed.append(point.model_copy(update={"vitals": kept, "figures": figures}))
    trend = trend_page(points).trend
    assert describe_affected_by(trend, slowed, corrected) == "1 of 3 messages: refund"


def test_a_history_without_messages_knows_no_answer() -> None:
    """Lines of older versions have no times of messages."""
    points = []
    for point in history([1.0] * BEFORE + [1.3] * AFTER):
        points.append(point.model_copy(update={"vitals": None}))
    assert _affected(points) == UNKNOWN


def test_failures_are_counted_in_the_newest_run() -> None:
    """A history in which more requests fail names their number instead of messages."""
    good = history([1.0] * BEFORE, vitals=vitals())
    bad = history([1.0] * (BEFORE + AFTER), failed=12, vitals=vitals(failed=12))[BEFORE:]
    assert _affected([*good, *bad]) == "12 of 100 requests failed in the newest run"


def test_a_history_that_is_not_worse_affects_no_message() -> None:
    """The question has no answer."""
    assert trend_page(history([1.0] * 20)).affected == ""

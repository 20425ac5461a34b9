"""The change of each message against a baseline, also if a run has no value of it."""

import numpy as np
import pytest

from bench.core.verdict.change import ChangeEstimate
from bench.core.verdict.level_messages import MessageChanges, measure_messages
from bench.core.verdict.level_shift import LevelRuns, estimate_from_baseline
from bench.core.verdict.message_comparison import MessageKind
from bench.core.verdict.messages import group_messages

USUAL = {"a": 100.0, "b": 400.0, "c": 900.0}
NOISE = (1.0, 1.01, 0.99, 1.02, 0.98, 1.0)


def estimated(runs: LevelRuns) -> ChangeEstimate:
    """The change of all messages together."""
    estimate = estimate_from_baseline("e2e_ms", runs)
    assert estimate is not None
    return estimate


def changes_of(head: dict[str, float], level: list[dict[str, float]]) -> MessageChanges:
    """The changes of a run against one level."""
    runs = LevelRuns([head], [level])
    changes = measure_messages(estimated(runs), runs, None)
    assert changes is not None
    return changes


def level() -> list[dict[str, float]]:
    """Six runs of a level."""
    return [{name: factor * time_ms for name, time_ms in USUAL.items()} for factor in NOISE]


def ratio(changes: MessageChanges, name: str) -> float:
    """How many times as long a message takes."""
    estimate = changes.estimate_group(np.array([name == other for other in changes.messages]), 0.0)
    assert estimate is not None
    return float(np.exp(estimate.log_change))


def test_each_message_has_its_own_change() -> None:
    """One slower message does not change the others."""
    changes = changes_of(USUAL | {"b": 800.0}, level())
    assert [round(ratio(changes, name), 2) for name in "abc"] == [1.0, 2.0, 1.0]


def test_runs_without_a_message_are_left_out_of_its_change() -> None:
    """A message that half of the runs did not send is compared with the other half."""
    runs = [*level()[:3], *[{"a": row["a"], "b": row["b"]} for row in level()[3:]]]
    assert ratio(changes_of(USUAL | {"c": 1800.0}, runs), "c") == pytest.approx(2.0, rel=0.02)


def test_a_message_that_only_one_side_has_is_no_change() -> None:
    """A new message has no past, and a group without a value of the head has no change."""
    runs = LevelRuns([USUAL | {"new": 5.0}], [level()])
    changes = measure_messages(estimated(runs), runs, None)
    assert changes is not None
    assert changes.messages == ("a", "b", "c")
    other = LevelRuns([{"new": 5.0}], [level()])
    assert measure_messages(estimated(runs), other, None) is None
    lost = LevelRuns([{"a": 100.0, "b": float("nan")}], [level()])
    nothing = measure_messages(estimated(runs), lost, None)
    assert nothing is not None
    assert nothing.estimate_group(np.array([False, True]), 0.0) is None


def test_classes_gather_their_messages() -> None:
    """A message without a class is in none."""
    members = group_messages(("a", "b", "c"), MessageKind.CLASS, {"a": "short", "b": "long", "c": "long"})
    assert {name: selected.tolist() for name, selected in members.items()} == {
        "long": [False, True, True],
        "short": [True, False, False],
    }

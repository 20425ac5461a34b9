from collections import Counter

import pytest

from bench.core.values import wording
from bench.core.verdict.compare import compare
from benchmarks.embedded.judge import JudgedRow
from benchmarks.embedded.rows import BASELINE, ROWS, SAME, neighbour, schedule
from benchmarks.embedded.table import table
from tests.factories import TIER_TIMES, make_baseline, run_at


def test_a_row_counts_decisions() -> None:
    """A row has the checks by decision, the median change, the first tier of failed checks, and the pairs."""
    slow = run_at(1.4, tier_times=TIER_TIMES | {"decode": 600.0})
    checks = [compare(run, make_baseline()) for run in (run_at(1.0), slow, slow)] + [compare(slow, None)]
    row = JudgedRow("slower", checks=checks, pairs=checks[1:3], used=[3, 4], invalid=2)
    expected = "| slower | 4 | 2 | 1 | 1 | 2 | +40 % | `decode` 2 | 2 | 2 | 0 | 0 | 3.5 |"
    assert table([row]).splitlines()[-1] == expected


def test_a_row_without_runs_has_dashes() -> None:
    """Without a comparison there is no change, no tier and no number of pairs."""
    assert table([JudgedRow("none")]).splitlines()[-1].count(wording.DASH) == 3


def test_the_schedule_has_every_run_once() -> None:
    """Forty unchanged runs, ten of the baseline, and ten of each change."""
    counts = Counter(title for title, _ in schedule())
    assert counts.pop(SAME) == 40
    assert set(counts.values()) == {10}
    assert counts.keys() | {SAME} == ROWS.keys()
    assert len(set(schedule())) == len(schedule())


@pytest.mark.parametrize("title", [title for title in ROWS if title not in {BASELINE, SAME}])
def test_every_changed_run_is_next_to_an_unchanged_one(title: str) -> None:
    """The base of a pair was measured directly before or after its head, and belongs to one head of a row."""
    near = [neighbour(title, number) for number in range(10)]
    assert len(set(near)) == 10

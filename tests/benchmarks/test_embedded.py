from bench.core.values import wording
from bench.core.verdict.compare import Comparison, compare
from benchmarks.embedded.__main__ import ROWS, row
from tests.factories import TIER_TIMES, make_baseline, run_at


def _checks() -> list[Comparison]:
    slow = run_at(1.4, tier_times=TIER_TIMES | {"decode": 600.0})
    return [compare(run, make_baseline()) for run in (run_at(1.0), slow, slow)] + [compare(slow, None)]


def test_a_row_counts_decisions() -> None:
    """A row has the checks by decision, the median change, and the first tier of failed checks."""
    assert row("slower", _checks()) == "| slower | 4 | 2 | 1 | 1 | 0 | +40 % | `decode` 2 |"


def test_a_row_without_comparison_has_dashes() -> None:
    """Without a comparison there is no change, and without a failure no tier."""
    inconclusive = row("unknown", [compare(run_at(1.0), None)])
    assert inconclusive == f"| unknown | 1 | 0 | 0 | 1 | 0 | {wording.DASH} | {wording.DASH} |"


def test_there_are_enough_checks() -> None:
    """At least forty checks of the unchanged version, and ten of each slower one."""
    counts = {title: count for title, (_, count) in ROWS.items()}
    assert counts.pop("no change") >= 40
    assert min(counts.values()) >= 10

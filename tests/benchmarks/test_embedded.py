from bench.core.values import wording
from bench.core.verdict.compare import Comparison, compare
from benchmarks.embedded.__main__ import ROWS, row
from tests.factories import TIER_TIMES, make_baseline, run_at


def _checks() -> list[Comparison]:
    slow = run_at(1.4, tier_times=TIER_TIMES | {"decode": 600.0})
    return [compare(run, make_baseline()) for run in (run_at(1.0), slow, slow)] + [compare(slow, None)]


def test_a_row_counts_what_was_said() -> None:
    """Checks by their decision, the change in the middle, and the tier that failed ones name first."""
    assert row("slower", _checks()) == "| slower | 4 | 2 | 1 | 1 | 0 | +40 % | `decode` 2 |"


def test_a_row_without_any_answer_has_dashes() -> None:
    """Where nothing was compared there is no change, and where nothing failed no place."""
    inconclusive = row("unknown", [compare(run_at(1.0), None)])
    assert inconclusive == f"| unknown | 1 | 0 | 0 | 1 | 0 | {wording.DASH} | {wording.DASH} |"


def test_there_are_enough_checks() -> None:
    """At least forty of the same, and ten of each that is worse."""
    counts = {title: count for title, (_, count) in ROWS.items()}
    assert counts.pop("no change") >= 40
    assert min(counts.values()) >= 10

"""Show when the metrics of a scenario changed, over its history."""

from collections.abc import Sequence
from pathlib import Path

from bench.core.history.history import history_key
from bench.core.history.trend import RECENT_RUNS, Trend
from bench.core.history.trend import trend as find_changes
from bench.store import baselines
from bench.store import history as histories


def trend(
    scenario: str,
    *,
    stacks: Sequence[str] = (),
    history: Path | str = histories.FOLDER,
    recent: int = RECENT_RUNS,
) -> tuple[Trend, ...]:
    """Return the trend of each history of a scenario.

    Args:
        scenario: Name of a scenario.
        stacks: Names of stacks; empty for all.
        history: The folder of histories.
        recent: Number of newest runs in which a change for the worse fails the trend.

    Raises:
        StoreError: There is no history, or it cannot be read.
    """
    paths = histories.of(Path(history), scenario, stacks)
    return tuple(judge_history(path, recent) for path in paths)


def judge_history(path: Path, recent: int = RECENT_RUNS) -> Trend:
    """Return the trend of one history file, compared with the pinned baseline if there is one.

    Raises:
        StoreError: The history or the baseline cannot be read.
    """
    points = histories.read(path)
    baseline = baselines.of(f"{history_key(points[-1])}.json")
    pinned = baseline.pinned if baseline else None
    return find_changes(points, pinned, recent)

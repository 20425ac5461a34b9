"""Show when the metrics of a scenario changed, over its history."""

from collections.abc import Sequence
from pathlib import Path

from bench.core.history.history import history_key
from bench.core.history.trend import (
    RECENT_RUNS,
    ComparableHistory,
    Trend,
    correct_machines,
    select_newest,
)
from bench.core.history.trend import judge_history as judge_runs
from bench.store import baselines
from bench.store import history as histories
from bench.store.history_file import HistoryFile, open_history


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
    with open_history(path) as history:
        comparable = select_runs(history)
    baseline = baselines.of(f"{history_key(comparable.runs[-1])}.json")
    pinned = baseline.pinned if baseline else None
    return judge_runs(comparable, pinned, recent)


def select_runs(history: HistoryFile) -> ComparableHistory:
    """Return the newest comparable runs of a history file; only their lines are parsed again.

    Raises:
        StoreError: The history cannot be read.
    """
    columns = history.columns
    order = history.order
    selection = select_newest(columns.conditions[order].tolist(), columns.examples)
    return correct_machines(selection, history.read(order[place] for place in selection.places))

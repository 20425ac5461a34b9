"""Draw a badge of a stored run or of a history."""

from dataclasses import replace
from pathlib import Path

from bench.core.history.history import history_key
from bench.core.report.trend_page import HistorySummary, make_page
from bench.core.values import wording
from bench.errors import ConfigError
from bench.render.badge import BadgeValue, history_badge, render_badge, run_badge
from bench.store import baselines
from bench.store.history_file import SUFFIX, open_history
from bench.usecases.compare import compare
from bench.usecases.trend import select_runs

_MISSING = {
    BadgeValue.VERDICT: ("no verdict", "name another run"),
    BadgeValue.SAFE_LOAD: ("no safe load", "measure one: bench capacity SCENARIO"),
    BadgeValue.P95: ("no 95th percentile", "measure longer, or use --show verdict"),
}
"""For each value, the text and the hint for a run that does not have it."""


def badge(path: Path | str, show: str = "verdict", *, label: str | None = None) -> str:
    """Return a badge as SVG.

    Args:
        path: The run's folder, its result.json, or a history such as
            `history/embedded/simulated/quick.jsonl`.
        show: The value: `verdict`, `safe-load` or `p95`.
        label: The text at the left; default: the scenario, and the value if it is not the verdict.

    Raises:
        ConfigError: The value is unknown, or the run does not have it.
        StoreError: The run, the history or the baseline cannot be read.
    """
    try:
        value = BadgeValue(show)
    except ValueError as error:
        raise ConfigError(
            f"a badge cannot show '{show}'", f"use {wording.choice(list(BadgeValue))}"
        ) from error
    file = Path(path)
    if file.suffix == SUFFIX:
        drawn = history_badge(_read_history(file), value)
    else:
        drawn = run_badge(compare(file).report, value)
    if drawn is None:
        missing, hint = _MISSING[value]
        raise ConfigError(f"{path} has {missing}", hint)
    return render_badge(drawn if label is None else replace(drawn, label=label))


def _read_history(path: Path) -> HistorySummary:
    with open_history(path) as history:
        comparable = select_runs(history)
    baseline = baselines.of(f"{history_key(comparable.runs[-1])}.json")
    return make_page(comparable, baseline).summary

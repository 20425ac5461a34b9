"""Draw the levels of a baseline in plain text: a line for each level, and a picture of all runs."""

from collections.abc import Iterator, Sequence

from bench.core.report.load_change import list_load_parts
from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME, metric, sentence_name
from bench.core.values import wording
from bench.core.values.escape import escape_terminal
from bench.core.verdict.baseline import Baseline, BaselineRun, Level
from bench.core.verdict.effect import level_value, run_value

ROWS = 7
"""Height of the picture in lines."""
SMALLEST_REACH = 0.1
"""The picture covers at least this share of the values above and below their middle, so noise looks small."""
RUN = "*"
OUTLIER = "o"
STEP = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"


def describe_levels(baseline: Baseline) -> Iterator[str]:
    """Yield a line for each level, oldest first, then one for each outlier."""
    key = shown_metric(baseline)
    for number, level in enumerate(baseline.levels, 1):
        yield f"  level {number}  {describe_level(level, key)}"
    for level in baseline.levels:
        for run in level.runs:
            if run.outlier is not None:
                yield f"  outlier  {escape_terminal(f'{run.run_id}: {run.outlier}')}"


def describe_level(level: Level, key: str) -> str:
    """Write a level in one line: its dates, number of runs, value, person and reason."""
    first = f"{level.runs[0].started_at:%Y-%m-%d}"
    last = f"{level.runs[-1].started_at:%Y-%m-%d}"
    dates = first if first == last else f"{first} to {last}"
    runs = wording.counted(len(level.runs), "run")
    value = wording.with_unit(level_value(level, key), metric(key).unit)
    origin = escape_terminal(f"{level.accepted_by}: {level.reason}")
    return f"{dates:<24}  {runs:>7}  {value:>9}  {origin}"


def draw_levels(baseline: Baseline) -> list[str]:
    """Return a picture of the levels as steps: one column for each run, larger values at the top.

    It is empty if no run has a value.
    """
    key = shown_metric(baseline)
    columns: list[_Column] = []
    for number, level in enumerate(baseline.levels):
        if number and columns:
            columns.append((None, None, False))
        step = level_value(level, key)
        columns += [(step, run_value(run, key), run.outlier is not None) for run in level.runs]
    steps = [step for step, _, _ in columns if step is not None]
    if not steps:
        return []
    unit = metric(key).unit
    scale = _Scale(columns)
    labels = {scale.row(step): wording.value(step, unit) for step in steps}
    width = max(map(len, labels.values()))
    lines = [f"  {sentence_name(key)} by run ({RUN} a run, {OUTLIER} an outlier, {STEP} a level)"]
    for row in range(ROWS):
        drawn = "".join(_draw(column, row, scale) for column in columns)
        lines.append(f"  {labels.get(row, ''):>{width}}  {drawn}".rstrip())
    while not lines[-1]:
        lines.pop()
    while not lines[1]:
        del lines[1]
    return lines


def shown_metric(baseline: Baseline) -> str:
    """Return the metric that represents the baseline: the response time, or the first deciding metric."""
    keys = sorted(set[str]().union(*(run.figures for run in baseline.runs)))
    deciding = [key for key in keys if metric(key).part is Part.DECIDES]
    return RESPONSE_TIME if RESPONSE_TIME in keys or not deciding else deciding[0]


_Column = tuple[float | None, float | None, bool]
"""Value of the level and of the run, and whether the run is an outlier; empty between two levels."""


class _Scale:
    """Rows of values, from the smallest level or run that counts to the largest; outliers may lie beyond."""

    def __init__(self, columns: Sequence[_Column]) -> None:
        values: list[float] = []
        for step, value, is_outlier in columns:
            counted = step if is_outlier else value
            values += [number for number in (step, counted) if number is not None]
        middle = (min(values) + max(values)) / 2.0
        reach = max(max(values) - middle, SMALLEST_REACH * abs(middle))
        self._lowest = middle - reach
        self._extent = 2.0 * reach

    def row(self, value: float) -> int:
        """Return the row of a value, from the top."""
        if self._extent <= 0:
            return ROWS // 2
        share = min(1.0, max(0.0, (value - self._lowest) / self._extent))
        return round((1.0 - share) * (ROWS - 1))


def _draw(column: _Column, row: int, scale: _Scale) -> str:
    step, value, is_outlier = column
    if value is not None and scale.row(value) == row:
        return OUTLIER if is_outlier else RUN
    return STEP if step is not None and scale.row(step) == row else " "


def describe_run(run: BaselineRun) -> str:
    """Write a run in one line: its start, commit, value, requests, and who accepted it."""
    safe = run.safe_load
    value = wording.duration(run_value(run, RESPONSE_TIME))
    success = f"{run.ok}/{run.ok + run.failed} ok"
    if safe is not None:
        value, *interval = list_load_parts(safe)
        success = ", ".join(interval)
    commit = (run.commit or "no commit")[:9]
    origin = escape_terminal(f"{run.accepted_by}: {run.reason}")
    return f"{run.started_at:%Y-%m-%d %H:%M}  {commit}  {value:>9}  {success}  {origin}"

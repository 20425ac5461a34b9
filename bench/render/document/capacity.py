"""The answer of a capacity search as rows of text: the trials by load, and what the search found out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.load_trial import LoadTrial, ObjectiveCounts, SearchEnd
from bench.core.config.capacity_search import CapacitySearch
from bench.core.report.capacity_headline import (
    describe_answer,
    describe_load_and_break,
    describe_next_step,
)
from bench.core.report.capacity_overload import describe_overload
from bench.core.report.capacity_prediction import describe_growth, describe_prediction
from bench.core.report.capacity_words import (
    describe_zones,
    find_decisive,
    name_objective,
    percentile_name,
    verdict_word,
)
from bench.core.run.result import RunResult
from bench.core.samples.metrics import UNATTRIBUTED
from bench.core.values import wording
from bench.core.values.duration import format_duration
from bench.render.document.table import Drawing, Table

_MOST_TRIALS = 12
"""Trials that a terminal shows."""
_BAR_LIMIT = 5
"""Columns of a bar that reaches the objective."""
_BAR_WIDTH = 10
"""Columns of the longest bar: twice the objective or more."""


@dataclass(frozen=True, slots=True)
class CapacityDocument:
    """What people read of a capacity search."""

    answer: str
    """The answer in one sentence, without a full stop."""
    short_answer: str
    """The answer without throughput and gain, for a page that shows them as numbers."""
    has_safe_load: bool
    """Whether a load met the objectives."""
    next_step: str
    """What the reader can do now."""
    growth: str
    """What the stack needs to carry more; empty if it is unknown."""
    trials: Table
    """The trials by load, with a bar of the time that decides: a curve for a terminal."""
    terminal_trials: Table
    """Those near the safe load, so that the answer stays on the same screen."""
    tiers: Table
    """The mean time of each tier by load; without rows if no tier reported its time."""
    predictions: tuple[str, ...]
    """What other loads need."""
    overload: tuple[str, ...]
    """What happens beyond the safe load; empty if it was not measured."""
    facts: tuple[tuple[str, str], ...]
    """Labels with a line each: the zones, and the time of the search."""
    is_complete: bool
    """Whether the interval is as narrow as the scenario asks for."""

    def select_tables(self, judged: Iterable[Table]) -> Iterator[Table]:
        """Yield the tables that a terminal shows, so that the answer stays on the same screen."""
        for table in judged:
            selected = self.terminal_trials if table is self.trials else table
            if selected.rows:
                yield selected


def make_capacity_document(result: RunResult) -> CapacityDocument | None:
    """Return the document of a capacity search; None if the run has a load of its own."""
    capacity = result.capacity
    if capacity is None:
        return None
    search = result.scenario.capacity or CapacitySearch()
    predictions = tuple(
        describe_prediction(prediction, capacity.safe_load) for prediction in capacity.predictions
    )
    predicted = [("prediction", prediction) for prediction in predictions]
    overload = () if capacity.overload is None else describe_overload(capacity.overload)
    overloaded = [("overload", sentence) for sentence in overload]
    return CapacityDocument(
        answer=describe_answer(capacity),
        short_answer=describe_load_and_break(capacity),
        has_safe_load=capacity.safe_load is not None,
        next_step=describe_next_step(capacity, search),
        growth=describe_growth(capacity),
        trials=trial_table(capacity),
        terminal_trials=trial_table(capacity, _MOST_TRIALS),
        tiers=tier_table(capacity),
        predictions=predictions,
        overload=overload,
        facts=(
            *_list_zones(capacity),
            *predicted,
            *overloaded,
            ("search", describe_search(capacity, search)),
        ),
        is_complete=capacity.ended is SearchEnd.NARROW,
    )


def trial_table(capacity: CapacityResult, most: int | None = None) -> Table:
    """Return the trials by load, with a bar each.

    With several objectives, the missed share is that of the deciding one, which the table names.

    Args:
        capacity: The answer.
        most: Largest number of trials: those that are nearest to the safe load; None for all.
    """
    several = len(capacity.objectives) > 1
    counted = "objective" if several else "requests"
    columns = ("load", _time_heading(capacity), "missed", counted, "answers/s", "time", "verdict")
    rows = []
    bars = []
    for trial in sort_by_load(_select_nearest(capacity, most)):
        decisive = find_decisive(trial)
        rows.append(_make_row(trial, decisive, several=several))
        bars.append(_draw_bar(decisive))
    left_out = len(capacity.trials) - len(rows)
    more = f", without {left_out} far from the safe load" if left_out else ""
    title = f"Trials by load ({capacity.unit}){more}"
    return Table(title, columns, tuple(rows), drawing=Drawing("│ objective", tuple(bars)))


def tier_table(capacity: CapacityResult) -> Table:
    """Return the mean time of each tier by load."""
    tiers: dict[str, None] = {}
    for trial in capacity.trials:
        tiers.update(dict.fromkeys(trial.tier_ms))
    names = sorted(tiers, key=lambda tier: (tier == UNATTRIBUTED, tier))
    rows = []
    for trial in sort_by_load(capacity.trials):
        if trial.tier_ms:
            times = [wording.duration(trial.tier_ms.get(name)) for name in names]
            rows.append((wording.value(trial.load, "1"), *times))
    title = f"Mean time by tier and load ({capacity.unit})"
    return Table(title, ("load", *names), tuple(rows), ends_in_number=True)


def _list_zones(capacity: CapacityResult) -> Iterator[tuple[str, str]]:
    if capacity.zones is not None:
        for zone in describe_zones(capacity.zones, capacity.unit):
            yield zone.name, zone.text


def sort_by_load(trials: Iterable[LoadTrial]) -> list[LoadTrial]:
    """Return trials by load; those of the same load in the order of the search."""
    return sorted(trials, key=lambda trial: trial.load)


def _select_nearest(capacity: CapacityResult, most: int | None) -> Sequence[LoadTrial]:
    """Return the trials that are nearest to the safe load, or else to the smallest load."""
    if most is None:
        return capacity.trials
    center = 0.0 if capacity.safe_load is None else capacity.safe_load.load
    return sorted(capacity.trials, key=lambda trial: abs(trial.load - center))[:most]


def describe_search(capacity: CapacityResult, search: CapacitySearch) -> str:
    """Return the number of trials and the time of the search: `9 trials in 7m12s, of at most 10m`."""
    ends = [trial.start_s + trial.warm_up_s + trial.duration_s + trial.drain_s for trial in capacity.trials]
    took = format_duration(round(max(ends, default=0.0)))
    trials = wording.counted(len(capacity.trials), "trial")
    return f"{trials} in {took}, of at most {format_duration(round(search.budget_s))}"


def _time_heading(capacity: CapacityResult) -> str:
    """Return the percentile of the only objective, or that of the response time."""
    if len(capacity.objectives) > 1 or not capacity.trials or not capacity.trials[0].counts:
        return "p95"
    (counts,) = capacity.trials[0].counts
    return percentile_name(counts) if counts.limit_ms else "p95"


def _make_row(trial: LoadTrial, decisive: ObjectiveCounts | None, *, several: bool) -> tuple[str, ...]:
    time_ms = trial.p95_ms
    missed = wording.DASH
    counted = wording.DASH
    if decisive is not None:
        missed = wording.percent(decisive.missed_ratio)
        counted = name_objective(decisive) if several else f"{decisive.requests:,}"
        if decisive.time_ms is not None and not several:
            time_ms = decisive.time_ms
    return (
        wording.value(trial.load, "1"),
        wording.duration(time_ms),
        missed,
        counted,
        wording.rate(trial.throughput_rps),
        f"{trial.warm_up_s + trial.duration_s:.0f} s",
        verdict_word(trial),
    )


def _draw_bar(decisive: ObjectiveCounts | None) -> str:
    """Return a bar that reaches the mark where the objective breaks; an arrow ends a longer one."""
    length = round(_BAR_LIMIT * _fill(decisive))
    bar = "█" * min(length, _BAR_WIDTH)
    if length > _BAR_WIDTH:
        bar = f"{bar[:-1]}▶"
    bar = f"{bar:·<{_BAR_WIDTH}}"
    return f"{bar[:_BAR_LIMIT]}│{bar[_BAR_LIMIT:]}"


def _fill(decisive: ObjectiveCounts | None) -> float:
    """Return the time as a share of its limit, or the missed share as a share of the allowed one."""
    if decisive is None:
        return 0.0
    if decisive.limit_ms and decisive.time_ms is not None:
        return decisive.time_ms / decisive.limit_ms
    return decisive.missed_ratio / decisive.allowed_ratio if decisive.allowed_ratio else 0.0

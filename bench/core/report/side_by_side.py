"""Several runs side by side: a description of their differences, without a verdict."""

import shlex
from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import attrgetter

from bench.core.config.executors import ConstantVus
from bench.core.config.open_loops import ConstantArrivalRate
from bench.core.experiment.pareto import find_front
from bench.core.experiment.quantities import TYPICAL, Quantity, value_of
from bench.core.report.compared_metrics import (
    ComparedMetric,
    compare_metrics,
    compare_searches,
    compare_with_trials,
    find_trial,
)
from bench.core.report.listed_run import LETTERS, ListedRun, list_run
from bench.core.report.run_conditions import ConditionRow, SharedCondition, compare_conditions
from bench.core.report.side_curves import SearchCurve, find_search_curves
from bench.core.report.side_headline import (
    describe_runs,
    describe_searches,
    find_cost,
    find_metric,
    find_rivals,
)
from bench.core.run.result import RunResult
from bench.core.samples.cost_metrics import THROUGHPUT
from bench.core.samples.metrics import RESPONSE_TIME, SUCCESS_RATIO
from bench.core.values import wording
from bench.core.values.record import Number, Record
from bench.errors import ConfigError

SCHEMA_VERSION = 1
MOST_RUNS = len(LETTERS)
"""More runs have no room for their curves and columns."""
_SINGLE = "Single runs prove no change."
_SEARCHES = "Single searches prove no change. Compare one with its baseline: bench compare RUN."


class FrontPoint(Record):
    """A run in a drawing of two metrics."""

    letter: str
    """Letter of the run."""
    across: Number
    """Its response time in milliseconds."""
    up: Number
    """Its value of the other metric."""
    on_front: bool
    """Whether no other run is better in one of both metrics and not worse in the other."""


class ParetoFront(Record):
    """Response time against another metric: the runs that no other run beats in both."""

    key: str
    """Key of the other metric."""
    label: str
    """Its name."""
    unit: str
    """Its unit."""
    higher_is_better: bool
    """Whether larger values of it are a gain."""
    points: tuple[FrontPoint, ...]
    """The runs that have both metrics."""


class SideBySide(Record):
    """Several runs side by side. It describes their differences, and proves no change."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file format."""
    headline: str
    """Which run is fastest, has most throughput, and costs least, and by how much."""
    next_step: str
    """What single runs do not prove, and the command that does."""
    warnings: tuple[str, ...]
    """What is not comparable, and which runs have problems."""
    runs: tuple[ListedRun, ...]
    """The runs, the base of all differences first."""
    metrics: tuple[ComparedMetric, ...]
    """Metrics, the largest difference first; values from too few requests last."""
    differing: tuple[ConditionRow, ...]
    """Conditions that differ, by name."""
    shared: tuple[SharedCondition, ...]
    """Conditions that all runs have in common."""
    fronts: tuple[ParetoFront, ...] = ()
    """Response time against throughput and against cost; empty for capacity searches."""
    searches: tuple[SearchCurve, ...] = ()
    """The trials of each capacity search by load."""
    cost_missing: str | None = None
    """Why there is no front of costs; null if there is one, and for capacity searches."""


def make_side_by_side(results: Sequence[RunResult]) -> SideBySide:
    """Return two to ten runs side by side, the base of all differences first.

    Raises:
        ConfigError: The number of runs is another one, or a run occurs twice.
    """
    check_runs(results)
    runs = [*map(list_run, LETTERS, results)]
    searches = sum(map(attrgetter("is_search"), runs))
    if searches == len(results):
        metrics = compare_searches(results)
        headline = describe_searches(runs, results)
    elif searches:
        metrics, headline = _compare_mixed(runs, results)
    else:
        metrics = compare_metrics(results)
        headline = describe_runs(runs, metrics)
    fronts = () if searches else tuple(_find_fronts(runs, results, metrics))
    differing, shared = compare_conditions(results)
    return SideBySide(
        headline=headline,
        next_step=_SEARCHES if searches == len(results) else _describe_next_step(runs, results, metrics),
        warnings=(*_warn_of_problems(runs), *_warn_of_conditions(runs, results, differing)),
        runs=tuple(runs),
        metrics=metrics,
        differing=differing,
        shared=shared,
        fronts=fronts,
        searches=find_search_curves(LETTERS[: len(runs)], results),
        cost_missing=None if searches or len(fronts) > 1 else _NO_COST,
    )


_NO_COST = "Fewer than two runs have processor time, memory or tokens, so no cost is drawn."


def _describe_next_step(
    runs: Sequence[ListedRun], results: Sequence[RunResult], metrics: Sequence[ComparedMetric]
) -> str:
    """Return the command that proves a difference: for the two versions that the first sentence compares."""
    rivals = find_rivals(runs, metrics)
    if rivals is not None:
        base, head = rivals
        command = _find_pairs(results[base], results[head])
        if command is not None:
            names = f"run {runs[head].letter} against run {runs[base].letter}"
            return f"{_SINGLE} To test {names} in pairs, run: {command}"
    return f"{_SINGLE} Prove one with bench ab, or compare a run with its baseline: bench compare RUN."


def _find_pairs(base: RunResult, head: RunResult) -> str | None:
    """Return the command that runs two versions in pairs; None if no command can repeat these runs."""
    versions: list[str] = []
    for result in (base, head):
        provenance = result.provenance
        if provenance.commit is None or provenance.dirty or provenance.injections:
            return None
        versions.append(f"{result.fingerprint.stack}@{provenance.commit[:9]}")
    same_scenario = base.scenario == head.scenario and base.overrides == head.overrides
    if versions[0] == versions[1] or not same_scenario or base.scenario.compare_with is not None:
        return None
    words = ["bench", "ab", *versions, "--scenario", base.scenario.name]
    for option in base.overrides:
        words += option.split(" ", maxsplit=1)
    return shlex.join(words)  # the files of a run may come from a stranger


def check_runs(results: Sequence[RunResult]) -> None:
    """Refuse a number of runs that has no room, and a run that occurs twice.

    Raises:
        ConfigError: There are fewer than two or more than ten runs, or a run occurs twice.
    """
    if len(results) > MOST_RUNS:
        raise ConfigError(
            f"{len(results)} runs are too many side by side; at most {MOST_RUNS} are shown",
            "name fewer runs; `bench trend` shows many runs of one scenario",
        )
    ids: set[str] = set()
    for result in results:
        run_id = result.provenance.run_id
        if run_id in ids:
            raise ConfigError(f"run {run_id} is named twice", "name each run once")
        ids.add(run_id)
    if len(ids) < 2:  # noqa: PLR2004 - a pair
        raise ConfigError("one run has no other one at its side", "name two runs or more")


def _compare_mixed(
    runs: Sequence[ListedRun], results: Sequence[RunResult]
) -> tuple[tuple[ComparedMetric, ...], str]:
    """Compare runs of one load with the trials of searches at the same load."""
    loads = {_load_of(result) for result in results if result.capacity is None}
    load = loads.pop()
    if load is not None and not loads and any(map(find_trial, results, repeat(load))):
        metrics = compare_with_trials(results, load)
        return metrics, describe_runs(runs, metrics, f"At a load of {load:g}, ")
    return (), (
        "A capacity search has many loads, and none of its trials has the load of the other runs: "
        "there is no metric to compare."
    )


def _load_of(result: RunResult) -> float | None:
    """Return the only load of a run; None if it has several or is a search."""
    phases = [phase for phase in result.scenario.phases if not phase.warm_up]
    if result.capacity is not None or len(phases) != 1:
        return None
    match phases[0]:
        case ConstantVus(vus=vus):
            return float(vus)
        case ConstantArrivalRate(rate_rps=rate_rps):
            return rate_rps
        case _:
            return None


def _find_fronts(
    runs: Sequence[ListedRun], results: Sequence[RunResult], metrics: Sequence[ComparedMetric]
) -> Iterator[ParetoFront]:
    """Yield the front of response time against throughput, and against the first cost that two runs have."""
    response = find_metric(metrics, RESPONSE_TIME)
    if response is None:
        return
    for row in (find_metric(metrics, THROUGHPUT), find_cost(metrics, range(len(runs)))):
        if row is not None:
            points = _place_points(runs, results, response, row)
            if len(points) > 1:
                yield ParetoFront(
                    key=row.key,
                    label=row.label,
                    unit=row.unit,
                    higher_is_better=row.higher_is_better,
                    points=points,
                )


def _place_points(
    runs: Sequence[ListedRun], results: Sequence[RunResult], response: ComparedMetric, row: ComparedMetric
) -> tuple[FrontPoint, ...]:
    time = Quantity(RESPONSE_TIME, TYPICAL)
    other = Quantity(row.key)
    success = Quantity(SUCCESS_RATIO)
    placed: list[tuple[str, float, float]] = []
    able: list[dict[Quantity, float]] = []
    for run, result, across, up in zip(runs, results, response.values, row.values, strict=True):
        if across is not None and up is not None:
            share = value_of(result.summary, success) if run.excluded is None else None
            able.append({time: across.value, other: up.value, success: share or 0.0})
            placed.append((run.letter, across.value, up.value))
    points: list[FrontPoint] = []
    for (letter, response_ms, value), on_front in zip(placed, find_front(able, success), strict=True):
        points.append(FrontPoint(letter=letter, across=response_ms, up=value, on_front=on_front))
    return tuple(points)


def _warn_of_problems(runs: Sequence[ListedRun]) -> Iterator[str]:
    for run in runs:
        for problem in run.problems:
            yield f"run {run.letter} {problem}"


def _warn_of_conditions(
    runs: Sequence[ListedRun], results: Sequence[RunResult], differing: Sequence[ConditionRow]
) -> Iterator[str]:
    """Yield what is not comparable."""
    names = {*map(attrgetter("name"), differing)}
    searches = [run.letter for run in runs if run.is_search]
    if searches and len(searches) < len(runs):
        yield f"{_name_runs(searches)} searched the capacity: only trials of the same load are compared"
    if "messages" in names:
        yield _describe_messages(results)
    if "target" in names or "scenario" in names:
        yield "the scenarios differ, so the version may not be the cause"
    if "load" in names and not searches:
        yield "the loads differ: response times and throughput depend on the load"
    simulated = all(result.fingerprint.simulated for result in results)
    if not simulated and names & {"system", "processor", "environment"}:
        yield "the machines differ: times and processor times are not comparable"


def _name_runs(letters: Sequence[str]) -> str:
    return f"run{'s' if len(letters) > 1 else ''} {wording.listing(letters)}"


def _describe_messages(results: Sequence[RunResult]) -> str:
    common = {*results[0].summary.messages}
    for result in results:
        common.intersection_update(result.summary.messages)
    if not common:
        return "the runs have no message in common: response times are not comparable"
    return (
        f"the messages differ: typical times are those of the {wording.counted(len(common), 'message')} "
        "in common, percentiles and means those of all messages"
    )

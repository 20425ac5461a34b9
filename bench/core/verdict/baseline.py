"""The baseline: the last accepted runs of a scenario in one environment."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, field_validator, model_validator

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.watching import GaugeName
from bench.core.run.figures import ALL, bounds_of, check_compared
from bench.core.run.messages import MessageUse
from bench.core.run.origin import Fingerprint
from bench.core.run.result import RunResult, environment
from bench.core.run.safe_load import (
    ComparedLoad,
    LoadInterval,
    compared_costs,
    compared_figures,
    compared_load,
)
from bench.core.run.summary import BLOCKS, RunSummary
from bench.core.run.tails import Tail, tails_of
from bench.core.samples.cost_metrics import SAFE_LOADS, cost_metric
from bench.core.values import wording
from bench.core.values.record import NotNegative, Record
from bench.core.verdict.accepted_change import AcceptedChange
from bench.core.watch.work import Work

SCHEMA_VERSION = 2
MIN_RUNS = 5  # fewer runs cannot separate noise from a change
# Digits in files, which people read in diffs: a hundredth of a millisecond, and more for costs and the
# reference workload, which can be shorter.
_DIGITS = 2
_COST_DIGITS = 4
_SIGNIFICANT_DIGITS = 3
_WORKLOAD_DIGITS = 4
# A file leaves these fields of a run out if they are empty.
_OPTIONAL = ("outlier", "interval", "lower_bounds", "messages", "tails", "costs", "work")


class BaselineRun(Record):
    """One accepted run: the values for comparisons, its origin, and who accepted it."""

    run_id: str
    """Id of the run; a baseline has each run once."""
    started_at: AwareDatetime
    """Start of the run."""
    commit: str | None
    """The measured commit; null outside a repository."""
    tool_version: str
    """Version of bench that measured the run."""
    accepted_at: AwareDatetime
    """When the run was accepted."""
    accepted_by: str
    """Who accepted the run."""
    reason: str
    """Why the run was accepted."""
    fingerprint: Fingerprint
    """The conditions of the run; comparable runs have the same ones."""
    outlier: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Why the run is an outlier of its level and is not compared with; null if it counts."""
    ok: Annotated[int, Field(ge=0)]
    """Number of successful requests."""
    failed: Annotated[int, Field(ge=0)]
    """Number of failed requests."""
    failed_blocks: Annotated[int, Field(ge=0, le=BLOCKS)]
    """Number of blocks (sixths of the run) with a failed request."""
    figures: dict[str, dict[str, NotNegative]]
    """Compared values by metric and prompt, in the metric's unit."""
    interval: LoadInterval | None = None
    """Interval of the safe load; null if the run is no capacity search."""
    lower_bounds: dict[str, tuple[str, ...]] = {}
    """Prompts by metric whose value is a lower bound, because requests were ended while they waited."""
    messages: dict[str, MessageUse] = {}
    """Class and requests of each message."""
    tails: dict[str, Tail] = {}
    """The slowest requests by metric, from which percentiles over several runs follow."""
    costs: dict[str, dict[str, NotNegative]] = {}
    """Throughput and resources by metric, as `figures` has latencies."""
    counters: dict[str, dict[str, NotNegative]] = {}
    """Exact counters by metric and prompt."""
    work: dict[GaugeName, NotNegative] = {}
    """Work per message in the stack's services, by the counter's name."""
    reference_workload: ReferenceWorkload | None = None
    """Times of the reference workload; null if it did not run."""

    @field_validator("figures")
    @classmethod
    def _check_figures(cls, figures: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for key, by_prompt in figures.items():
            check_compared(key)
            if not by_prompt:
                raise ValueError(f"{key} has no value")
        return figures

    @field_validator("costs")
    @classmethod
    def _check_costs(cls, costs: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for key in costs:
            if cost_metric(key) is None:
                raise ValueError(f"there is no cost '{key}'")
        return costs

    @model_validator(mode="after")
    def _check_measured(self) -> "BaselineRun":
        if self.ok and not self.figures:
            raise ValueError(f"run {self.run_id} has successful requests, but no figures")
        loads = [by_prompt for key, by_prompt in self.figures.items() if key in SAFE_LOADS]
        if (self.interval is not None or loads) and (self.interval is None or [*map(set, loads)] != [{ALL}]):
            raise ValueError(f"run {self.run_id} needs one safe load of '{ALL}' requests, and its interval")
        return self

    @property
    def done(self) -> Work:
        """The work of the stack's services during the run."""
        return Work(self.ok, self.work)

    @property
    def safe_load(self) -> ComparedLoad | None:
        """The safe load; None if the run is no capacity search."""
        for key, loads in self.figures.items():
            if self.interval is not None and key in SAFE_LOADS:
                return ComparedLoad(key, loads[ALL], self.interval)
        return None


class Level(Record):
    """A state of the stack that a person accepted, with its runs.

    A change that a person accepts starts a new level: later runs are compared with the new state only.
    """

    reason: str
    """Why the level was started."""
    accepted_by: str
    """Who started it."""
    accepted_at: AwareDatetime
    """When it was started."""
    runs: Annotated[tuple[BaselineRun, ...], Field(min_length=1)]
    """The accepted runs, oldest first, with the outliers."""
    accepted_change: AcceptedChange | None = None
    """The change that pairs of runs showed when the level was accepted; it counts until the merge."""

    @property
    def counted(self) -> tuple[BaselineRun, ...]:
        """The runs that are no outliers, oldest first."""
        return tuple(run for run in self.runs if run.outlier is None)


class PinnedBaseline(Record):
    """Runs of a release that later runs do not replace, so that many small regressions add up visibly."""

    runs: tuple[BaselineRun, ...]
    """The pinned runs, oldest first."""
    pinned_at: AwareDatetime
    """When they were pinned."""
    pinned_by: str
    """Who pinned them."""
    reason: str
    """Why they were pinned."""


class Baseline(Record):
    """The accepted runs of one scenario in one environment."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file format."""
    scenario: str
    """Name of the scenario."""
    stack: str
    """Name of the stack."""
    environment: str
    """Name of the environment: `simulated`, or the operating system and the number of processors."""
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]
    """The accepted levels, oldest first; runs are compared with the newest."""
    pinned: PinnedBaseline | None = None
    """The pinned baseline, if there is one."""

    @property
    def newest(self) -> Level:
        """The level that runs are compared with."""
        return self.levels[-1]

    @property
    def runs(self) -> tuple[BaselineRun, ...]:
        """The runs of all levels, those of the oldest level first."""
        return tuple(run for level in self.levels for run in level.runs)

    def has(self, run_id: str) -> bool:
        """Whether this run was accepted."""
        return any(run.run_id == run_id for run in self.runs)

    def without(self, run_id: str) -> "Baseline | None":
        """Return the baseline as if this run were not in it; None if it has no other run."""
        levels: list[Level] = []
        for level in self.levels:
            runs = tuple(filter(lambda run: run.run_id != run_id, level.runs))
            if runs:
                levels.append(level.model_copy(update={"runs": runs}))
        return self.model_copy(update={"levels": tuple(levels)}) if levels else None

    @model_validator(mode="after")
    def _check_unique(self) -> "Baseline":
        run_ids = set[str]()
        for run in self.runs:
            if run.run_id in run_ids:
                raise ValueError(f"run {run.run_id} appears twice")
            run_ids.add(run.run_id)
        return self


def fewest_runs(*, is_search: bool) -> int:
    """Return the number of runs that a decision needs. A capacity search states its own error."""
    return 1 if is_search else MIN_RUNS


def baseline_path(result: RunResult) -> str:
    """Return the path of a run's baseline: `<stack>/<environment>/<scenario>.json`."""
    fingerprint = result.fingerprint
    return f"{fingerprint.stack}/{environment(fingerprint)}/{result.scenario.name}.json"


def baseline_json(baseline: Baseline) -> str:
    """Return the content of a baseline's file. Absent and empty optional parts are left out."""
    pinned = baseline.pinned
    levels: dict[int, dict[str, Any]] = {}
    for number, level in enumerate(baseline.levels):
        levels[number] = {"runs": _empty_fields(level.runs)}
        if level.accepted_change is None:
            levels[number]["accepted_change"] = True
    excluded = {
        "levels": levels,
        "pinned": {"runs": _empty_fields(pinned.runs)} if pinned else True,
    }
    return baseline.model_dump_json(indent=1, exclude=excluded) + "\n"


def _empty_fields(runs: Sequence[BaselineRun]) -> dict[int, set[str]]:
    empty: dict[int, set[str]] = {}
    for number, run in enumerate(runs):
        empty[number] = {name for name in _OPTIONAL if not getattr(run, name)}
    return empty


def to_baseline_run(result: RunResult, reason: str, by: str, at: datetime) -> BaselineRun:
    """Convert a run to an accepted run. Of a capacity search, only the safe load is compared."""
    summary = result.summary
    workload = result.reference_workload
    safe = compared_load(result)
    details: dict[str, Any] = {"interval": safe.interval} if safe else _details(summary)
    return BaselineRun(
        run_id=result.provenance.run_id,
        started_at=result.provenance.started_at,
        commit=result.provenance.commit,
        tool_version=result.provenance.tool_version,
        accepted_at=at,
        accepted_by=by,
        reason=reason,
        fingerprint=result.fingerprint,
        ok=summary.ok,
        failed=summary.failed,
        failed_blocks=summary.failed_blocks,
        figures=_round(compared_figures(result), _DIGITS),
        costs=_round(compared_costs(result), _COST_DIGITS),
        reference_workload=None if workload is None else workload.rounded(_WORKLOAD_DIGITS),
        **details,
    )


def _details(summary: RunSummary) -> dict[str, Any]:
    """Return the values of a run that only runs with the same load have in common."""
    return {
        "lower_bounds": bounds_of(summary),
        "messages": summary.messages,
        "tails": tails_of(summary),
        "counters": summary.counters,
        "work": summary.work,
    }


def _round(figures: Mapping[str, Mapping[str, float]], digits: int) -> dict[str, dict[str, float]]:
    rounded: dict[str, dict[str, float]] = {}
    for key, by_prompt in sorted(figures.items()):
        rounded[key] = {prompt: _round_value(value, digits) for prompt, value in by_prompt.items()}
    return rounded


def _round_value(value: float, digits: int) -> float:
    """Round a value, but keep `_SIGNIFICANT_DIGITS`: the rounding must be smaller than any change."""
    if value <= 0.0:
        return value
    return round(value, max(digits, _SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(value))))


def find_faults(baseline: Baseline, today: Fingerprint) -> tuple[str, ...]:
    """Return the faults of a baseline, one sentence each.

    Args:
        baseline: The baseline.
        today: The fingerprint of a new run of its scenario on its stack.
    """
    runs = baseline.newest.runs
    faults: list[str] = []
    needed = fewest_runs(is_search=runs[-1].interval is not None)
    if len(baseline.runs) < needed:
        faults.append(f"it has {wording.counted(len(baseline.runs), 'run')}, a decision needs {needed}")
    for level in baseline.levels:
        if list(level.runs) != sorted(level.runs, key=lambda run: run.started_at):
            faults.append(f"the runs of its level '{level.reason}' are not in the order of their start")
    if _declarations(runs[-1].fingerprint) != _declarations(today):
        faults.append("its scenario, prompts, target or stack changed: measure and accept again")
    return tuple(faults)


def _declarations(fingerprint: Fingerprint) -> tuple[str, str]:
    return fingerprint.work_digest, fingerprint.stack_digest

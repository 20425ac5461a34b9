"""The baseline: the last accepted runs of a scenario in one environment."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, field_validator, model_validator

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.watching import GaugeName
from bench.core.run.figures import bounds_of, check_compared, figures_of
from bench.core.run.origin import Fingerprint
from bench.core.run.result import RunResult, check_usable, environment
from bench.core.run.summary import BLOCKS
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.values.record import NotNegative, Record
from bench.core.watch.work import Work
from bench.errors import ConfigError, MeasurementError

SCHEMA_VERSION = 1
MIN_RUNS = 5  # fewer runs cannot separate noise from a change
MAX_RUNS = 20  # older runs say little about the present version
# Digits in files, which people read in diffs: a hundredth of a millisecond, and more for the reference
# workload.
_DIGITS = 2
_WORKLOAD_DIGITS = 4


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
    ok: Annotated[int, Field(ge=0)]
    """Number of successful requests."""
    failed: Annotated[int, Field(ge=0)]
    """Number of failed requests."""
    failed_blocks: Annotated[int, Field(ge=0, le=BLOCKS)]
    """Number of blocks (sixths of the run) with a failed request."""
    figures: dict[str, dict[str, NotNegative]]
    """Compared values by metric and prompt, in the metric's unit."""
    lower_bounds: dict[str, tuple[str, ...]] = {}
    """Prompts by metric whose value is a lower bound, because requests were ended while they waited."""
    counters: dict[str, dict[str, NotNegative]] = {}
    """Exact counters by metric and prompt."""
    work: dict[GaugeName, NotNegative] = {}
    """Work per message in the stack's services, by the counter's name."""
    reference_workload: ReferenceWorkload | None = None
    """Times of the reference workload; null if it did not run."""

    @field_validator("figures")
    @classmethod
    def _check_figures(cls, figures: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for key in figures:
            check_compared(key)
        return figures

    @property
    def done(self) -> Work:
        """The work of the stack's services during the run."""
        return Work(self.ok, self.work)


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
    runs: tuple[BaselineRun, ...]
    """The accepted runs, oldest first."""
    pinned: PinnedBaseline | None = None
    """The pinned baseline, if there is one."""

    def has(self, run_id: str) -> bool:
        """Whether this run was accepted."""
        return any(run.run_id == run_id for run in self.runs)

    @model_validator(mode="after")
    def _check_unique(self) -> "Baseline":
        run_ids = set[str]()
        for run in self.runs:
            if run.run_id in run_ids:
                raise ValueError(f"run {run.run_id} appears twice")
            run_ids.add(run.run_id)
        return self


def baseline_path(result: RunResult) -> str:
    """Return the path of a run's baseline: `<stack>/<environment>/<scenario>.json`."""
    fingerprint = result.fingerprint
    return f"{fingerprint.stack}/{environment(fingerprint)}/{result.scenario.name}.json"


def baseline_json(baseline: Baseline) -> str:
    """Return the content of a baseline's file. Absent and empty optional parts are left out."""
    pinned = baseline.pinned
    excluded = {
        "runs": _empty_fields(baseline.runs),
        "pinned": {"runs": _empty_fields(pinned.runs)} if pinned else True,
    }
    return baseline.model_dump_json(indent=1, exclude=excluded) + "\n"


def _empty_fields(runs: Sequence[BaselineRun]) -> dict[int, set[str]]:
    empty: dict[int, set[str]] = {}
    for number, run in enumerate(runs):
        empty[number] = {name for name in ("work", "lower_bounds") if not getattr(run, name)}
    return empty


def accept(baseline: Baseline | None, result: RunResult, *, reason: str, by: str, at: datetime) -> Baseline:
    """Return the baseline with one more run. A run that it already has is ignored.

    Args:
        baseline: The baseline, if there is one.
        result: The run to accept.
        reason: Why the run is accepted.
        by: Who accepts it.
        at: When it is accepted.

    Raises:
        ConfigError: The reason is empty, the run has injected faults, or it is older than all runs of a full
            baseline.
        MeasurementError: The run is invalid, was interrupted, or has no successful request.
    """
    run_id = result.provenance.run_id
    if not reason.strip():
        raise ConfigError("the reason for accepting a run is missing", "--reason 'faster model'")
    check_usable(result)
    if baseline is not None and baseline.has(run_id):
        return baseline
    if result.summary.ok == 0:
        raise MeasurementError(f"run {run_id} has no successful request to compare with", "measure again")
    accepted = baseline.runs if baseline else ()
    if len(accepted) >= MAX_RUNS and result.provenance.started_at < accepted[0].started_at:
        raise ConfigError(
            f"run {run_id} is older than the {MAX_RUNS} runs of the baseline", "accept newer runs"
        )
    runs = (*accepted, to_baseline_run(result, reason.strip(), by, at))
    return Baseline(
        scenario=result.scenario.name,
        stack=result.fingerprint.stack,
        environment=environment(result.fingerprint),
        runs=tuple(sorted(runs, key=lambda run: run.started_at))[-MAX_RUNS:],
        pinned=baseline.pinned if baseline else None,
    )


def pin(baseline: Baseline, *, reason: str, by: str, at: datetime) -> Baseline:
    """Return the baseline with its present runs pinned.

    Raises:
        ConfigError: The reason is empty, or the baseline has too few runs for a comparison.
    """
    if not reason.strip():
        raise ConfigError("the reason for pinning the baseline is missing", "--reason 'release 2.0'")
    count = len(baseline.runs)
    if count < MIN_RUNS:
        raise ConfigError(
            f"a pinned baseline needs {MIN_RUNS} runs, the baseline has {count}", "accept more runs first"
        )
    pinned = PinnedBaseline(runs=baseline.runs, pinned_at=at, pinned_by=by, reason=reason.strip())
    return baseline.model_copy(update={"pinned": pinned})


def prune(baseline: Baseline, keep: int) -> Baseline:
    """Return the baseline with its newest runs only; the pinned baseline stays.

    Raises:
        ConfigError: No run would remain.
    """
    if keep < 1:
        raise ConfigError("a baseline keeps at least one run", "delete its file to remove the baseline")
    return baseline.model_copy(update={"runs": baseline.runs[-keep:]})


def typical_values(runs: Sequence[BaselineRun]) -> dict[str, float]:
    """Return the typical value of each metric over runs and prompts (mean of started logarithms)."""
    values: dict[str, list[float]] = {}
    for run in runs:
        for key, figures in run.figures.items():
            values.setdefault(key, []).extend(figures.values())
    return {key: stats.typical(values[key], metric(key).smallest_change) for key in sorted(values)}


def to_baseline_run(result: RunResult, reason: str, by: str, at: datetime) -> BaselineRun:
    """Convert a run to an accepted run."""
    summary = result.summary
    workload = result.reference_workload
    figures: dict[str, dict[str, float]] = {}
    for key, by_prompt in sorted(figures_of(summary).items()):
        figures[key] = {prompt: round(value, _DIGITS) for prompt, value in by_prompt.items()}
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
        figures=figures,
        lower_bounds=bounds_of(summary),
        counters=summary.counters,
        work=summary.work,
        reference_workload=None if workload is None else workload.rounded(_WORKLOAD_DIGITS),
    )


def find_faults(baseline: Baseline, today: Fingerprint) -> tuple[str, ...]:
    """Return the faults of a baseline, one sentence each.

    Args:
        baseline: The baseline.
        today: The fingerprint of a new run of its scenario on its stack.
    """
    runs = baseline.runs
    faults: list[str] = []
    if len(runs) < MIN_RUNS:
        faults.append(f"it has {len(runs)} runs, a decision needs {MIN_RUNS}")
    if list(runs) != sorted(runs, key=lambda run: run.started_at):
        faults.append("its runs are not in the order of their start")
    if runs and _declarations(runs[-1].fingerprint) != _declarations(today):
        faults.append("its scenario, prompts, target or stack changed: measure and accept again")
    return tuple(faults)


def _declarations(fingerprint: Fingerprint) -> tuple[str, str]:
    return fingerprint.work_digest, fingerprint.stack_digest

"""What is expected of a scenario in one environment: the last accepted runs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, field_validator, model_validator

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.watching import GaugeName
from bench.core.run.figures import check_compared, figures_of
from bench.core.run.result import Fingerprint, RunResult, check_usable, environment
from bench.core.run.summary import BLOCKS
from bench.core.samples.metrics import metric
from bench.core.samples.sample import Outcome
from bench.core.values import stats
from bench.core.values.record import NotNegative, Record
from bench.core.watch.work import Work
from bench.errors import ConfigError, MeasurementError

SCHEMA_VERSION = 1
# Fewer runs cannot tell noise from change; more than this are too old to say much about now.
MIN_RUNS, MAX_RUNS = 5, 20
# Figures are rounded so that the difference of two baselines can be read: a hundredth of a millisecond.
_DIGITS, _CONTROL_DIGITS = 2, 4


class BaselineRun(Record):
    """One accepted run: what a comparison needs of it, where it came from, and who accepted it and why.

    Attributes:
        run_id: The run's own id; a run is accepted once.
        started_at: When it was measured.
        commit: What it measured; None outside a repository.
        tool_version: What it was measured with.
        accepted_at: When it was accepted.
        accepted_by: Who accepted it.
        reason: Why.
        fingerprint: What must be equal to compare with it.
        ok: Requests that succeeded.
        failed: Requests that did not.
        failed_blocks: In how many sixths of the run requests failed.
        figures: By metric and prompt, in the metric's unit.
        counters: What has no noise, likewise.
        work: What a message made the stack's services do, by the counter's name.
        reference_workload: How fast the machine was; None when that was not measured.
    """

    run_id: str
    started_at: AwareDatetime
    commit: str | None
    tool_version: str
    accepted_at: AwareDatetime
    accepted_by: str
    reason: str
    fingerprint: Fingerprint
    ok: Annotated[int, Field(ge=0)]
    failed: Annotated[int, Field(ge=0)]
    failed_blocks: Annotated[int, Field(ge=0, le=BLOCKS)]
    figures: dict[str, dict[str, NotNegative]]
    counters: dict[str, dict[str, NotNegative]] = {}
    work: dict[GaugeName, NotNegative] = {}
    reference_workload: ReferenceWorkload | None = None

    @field_validator("figures")
    @classmethod
    def _compared(cls, figures: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for key in figures:
            check_compared(key)
        return figures

    @property
    def done(self) -> Work:
        """What the run made the services do."""
        return Work(self.ok, self.work)


class PinnedBaseline(Record):
    """Runs of a release that do not roll, so that many small steps for the worse show as one.

    Attributes:
        runs: Oldest first.
        pinned_at: When they were pinned.
        pinned_by: Who did.
        reason: Why.
    """

    runs: tuple[BaselineRun, ...]
    pinned_at: AwareDatetime
    pinned_by: str
    reason: str


class Baseline(Record):
    """The accepted runs of a scenario in one environment, oldest first, and those that were pinned."""

    schema_version: int = SCHEMA_VERSION
    scenario: str
    stack: str
    environment: str
    runs: tuple[BaselineRun, ...]
    pinned: PinnedBaseline | None = None

    @model_validator(mode="after")
    def _distinct(self) -> "Baseline":
        ids = [run.run_id for run in self.runs]
        twice = next((run_id for number, run_id in enumerate(ids) if run_id in ids[:number]), None)
        if twice is not None:
            raise ValueError(f"run {twice} is in it twice")
        return self


def place_of(result: RunResult) -> str:
    """Where the baseline of a run stands, below the folder of baselines."""
    fingerprint = result.fingerprint
    return f"{fingerprint.stack}/{environment(fingerprint)}/{result.scenario.name}.json"


def text_of(baseline: Baseline) -> str:
    """A baseline as its file has it."""
    # What is not there is not written: without an anchor, and of old runs, a file reads as it always did.
    pinned = baseline.pinned
    left_out = {
        "runs": _workless(baseline.runs),
        "pinned": {"runs": _workless(pinned.runs)} if pinned else True,
    }
    return baseline.model_dump_json(indent=1, exclude=left_out) + "\n"


def _workless(runs: Sequence[BaselineRun]) -> dict[int, set[str]]:
    return {number: {"work"} for number, run in enumerate(runs) if not run.work}


def accept(baseline: Baseline | None, result: RunResult, *, reason: str, by: str, at: datetime) -> Baseline:
    """The baseline with one run more. A run that is in it already changes nothing.

    Args:
        baseline: What there is; None for the first run.
        result: The run to accept.
        reason: Why; the reader of the difference asks for it.
        by: Who accepts it.
        at: When.

    Raises:
        ConfigError: No reason is given, the run was made worse on purpose, or it is older than all kept ones.
        MeasurementError: The run is invalid, broken off, or without any success.
    """
    run_id = result.provenance.run_id
    if not reason.strip():
        raise ConfigError("a baseline is accepted for a reason", "--reason 'faster model'")
    check_usable(result)
    if baseline is not None and any(run.run_id == run_id for run in baseline.runs):
        return baseline
    if result.summary.outcomes.get(Outcome.OK, 0) == 0:
        raise MeasurementError(f"run {run_id} has no successful request to compare with", "measure again")
    kept = baseline.runs if baseline else ()
    if len(kept) >= MAX_RUNS and result.provenance.started_at < kept[0].started_at:
        raise ConfigError(
            f"run {run_id} is older than the {MAX_RUNS} runs of the baseline", "accept newer runs"
        )
    runs = (*kept, accepted_run(result, reason.strip(), by, at))
    return Baseline(
        scenario=result.scenario.name,
        stack=result.fingerprint.stack,
        environment=environment(result.fingerprint),
        runs=tuple(sorted(runs, key=lambda run: run.started_at))[-MAX_RUNS:],
        pinned=baseline.pinned if baseline else None,
    )


def pin(baseline: Baseline, *, reason: str, by: str, at: datetime) -> Baseline:
    """The baseline with its present runs as its anchor.

    Raises:
        ConfigError: No reason is given, or there are too few runs to judge by.
    """
    if not reason.strip():
        raise ConfigError("an anchor is pinned for a reason", "--reason 'release 2.0'")
    if len(baseline.runs) < MIN_RUNS:
        raise ConfigError(
            f"an anchor needs {MIN_RUNS} runs, the baseline has {len(baseline.runs)}",
            "accept more runs first",
        )
    pinned = PinnedBaseline(runs=baseline.runs, pinned_at=at, pinned_by=by, reason=reason.strip())
    return baseline.model_copy(update={"pinned": pinned})


def prune(baseline: Baseline, keep: int) -> Baseline:
    """The baseline with its newest runs only; the anchor stays.

    Raises:
        ConfigError: None would be left.
    """
    if keep < 1:
        raise ConfigError("a baseline keeps one run at least", "delete its file to be rid of it")
    return baseline.model_copy(update={"runs": baseline.runs[-keep:]})


def typical_values(runs: Sequence[BaselineRun]) -> dict[str, float]:
    """What is usual in these runs: a value by metric, the mean on the scale that is compared."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for key, figures in run.figures.items():
            found.setdefault(key, []).extend(figures.values())
    return {key: stats.typical(values, metric(key).smallest_change) for key, values in sorted(found.items())}


def accepted_run(result: RunResult, reason: str, by: str, at: datetime) -> BaselineRun:
    """A run as a baseline keeps it."""
    summary = result.summary
    ok = summary.outcomes.get(Outcome.OK, 0)
    return BaselineRun(
        run_id=result.provenance.run_id,
        started_at=result.provenance.started_at,
        commit=result.provenance.commit,
        tool_version=result.provenance.tool_version,
        accepted_at=at,
        accepted_by=by,
        reason=reason,
        fingerprint=result.fingerprint,
        ok=ok,
        failed=summary.requests - ok,
        failed_blocks=summary.failed_blocks,
        figures={
            key: {prompt: round(value, _DIGITS) for prompt, value in each.items()}
            for key, each in sorted(figures_of(summary).items())
        },
        counters=summary.counters,
        work=summary.work,
        reference_workload=None
        if result.reference_workload is None
        else result.reference_workload.rounded(_CONTROL_DIGITS),
    )


def faults(baseline: Baseline, today: Fingerprint) -> tuple[str, ...]:
    """What is wrong with a baseline, one sentence each; empty when nothing is.

    Args:
        baseline: As it was read.
        today: What a run of its scenario on its stack would have.
    """
    runs, found = baseline.runs, list[str]()
    if len(runs) < MIN_RUNS:
        found.append(f"it has {len(runs)} runs, {MIN_RUNS} are needed to judge by")
    if [run.started_at for run in runs] != sorted(run.started_at for run in runs):
        found.append("its runs are not in the order in which they were made")
    if runs and (runs[-1].fingerprint.work_digest, runs[-1].fingerprint.stack_digest) != (
        today.work_digest,
        today.stack_digest,
    ):
        found.append("its scenario, messages, target or stack are not today's: measure and accept again")
    return tuple(found)

"""What is expected of a scenario in one environment: the last accepted runs."""

from datetime import datetime

from pydantic import AwareDatetime

from bench.core.metrics import Part, metric
from bench.core.record import Record
from bench.core.result import Fingerprint, RunResult, environment
from bench.core.sample import Outcome
from bench.errors import ConfigError, MeasurementError

SCHEMA_VERSION = 1
# Fewer runs cannot tell noise from change; more than this are too old to say much about now.
MIN_RUNS, MAX_RUNS = 5, 20
# Figures are rounded so that the difference of two baselines can be read: a hundredth of a millisecond.
_DIGITS = 2


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
        figures: By metric and prompt, in the metric's unit.
    """

    run_id: str
    started_at: AwareDatetime
    commit: str | None
    tool_version: str
    accepted_at: AwareDatetime
    accepted_by: str
    reason: str
    fingerprint: Fingerprint
    ok: int
    failed: int
    figures: dict[str, dict[str, float]]


class Baseline(Record):
    """The accepted runs of a scenario in one environment, oldest first."""

    schema_version: int = SCHEMA_VERSION
    scenario: str
    stack: str
    environment: str
    runs: tuple[BaselineRun, ...]


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
    if result.provenance.injections:
        knobs = ", ".join(result.provenance.injections)
        raise ConfigError(
            f"run {run_id} was made worse on purpose ({knobs})", "accept a run without --inject"
        )
    if not result.validity.valid or result.stop is not None:
        why = "; ".join(result.validity.reasons) or (result.stop.reason if result.stop else "")
        raise MeasurementError(f"run {run_id} is invalid: {why}", "measure again: bench run")
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
    )


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
        figures={
            key: {prompt: round(value, _DIGITS) for prompt, value in each.figures.items()}
            for key, each in sorted(summary.metrics.items())
            if each.figures and metric(key).part is not Part.INFORMS
        },
    )

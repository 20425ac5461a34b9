"""The numbers of each run that a scenario's history keeps."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.history.vitals import Vitals, vitals_of
from bench.core.run.costs import costs_of
from bench.core.run.figures import ALL, figures_of
from bench.core.run.origin import CommitText, Fingerprint
from bench.core.run.result import RunResult, check_usable, environment
from bench.core.run.safe_load import ComparedLoad, compared_figures
from bench.core.run.summary import BLOCKS
from bench.core.samples.cost_metrics import SAFE_LOADS, cost_metric
from bench.core.samples.metric import Part
from bench.core.samples.metrics import is_request_metric, metric, tier_name
from bench.core.values.record import Record

SCHEMA_VERSION = 1
_STORED_PARTS = (Part.DECIDES, Part.LOCATES)
# Digits in files, which people read in pull requests: a hundredth of a millisecond, and more for the
# workload.
_DIGITS = 2
_COST_DIGITS = 4
_WORKLOAD_DIGITS = 4

Count = Annotated[int, Field(ge=0)]


class HistoryPoint(Record):
    """One valid run of a history."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file format."""
    scenario: str
    """Name of the scenario."""
    run_id: str
    """Id of the run; a history has each run once."""
    started_at: AwareDatetime
    """Start of the run."""
    commit: str | None
    """The measured commit; null outside a repository."""
    dirty: bool | None
    """Whether there were uncommitted changes; `None` outside a repository."""
    tool_version: str
    """Version of bench that measured the run."""
    fingerprint: Fingerprint
    """The conditions of the run; comparable runs have the same ones."""
    ok: Count
    """Number of successful requests."""
    failed: Count
    """Number of failed requests."""
    failed_blocks: Annotated[int, Field(ge=0, le=BLOCKS)]
    """Number of blocks (sixths of the run) with a failed request."""
    figures: dict[str, Annotated[float, Field(ge=0)]]
    """Typical value of each deciding metric and tier, and each cost, in the metric's unit; of a capacity
    search only the safe load."""
    reference_workload: ReferenceWorkload | None = None
    """Times of the reference workload; null if it did not run."""
    vitals: Vitals | None = None
    """Numbers for charts, without influence on decisions; null in lines of older versions."""
    workflow_run: Annotated[int, Field(gt=0, le=10**15)] | None = None
    """Number of the GitHub workflow run that measured the run; null without one."""
    branch: CommitText | None = None
    """Branch of the commit; null if it is unknown, and in lines of older versions, as the next two."""
    subject: CommitText | None = None
    """First line of the commit's message."""
    author: CommitText | None = None
    """Name of the commit's author."""

    @property
    def safe_load(self) -> ComparedLoad | None:
        """The safe load with its interval; None if the run is no capacity search."""
        interval = self.vitals.safe_load if self.vitals else None
        for key in SAFE_LOADS & self.figures.keys():
            if interval is not None:
                return ComparedLoad(key, self.figures[key], interval)
        return None

    @field_validator("figures")
    @classmethod
    def _check_figures(cls, figures: dict[str, float]) -> dict[str, float]:
        for key in figures:
            if not is_request_metric(key) and tier_name(key) is None and cost_metric(key) is None:
                raise ValueError(f"there is no metric '{key}'")
        return figures

    @model_validator(mode="after")
    def _check_requests(self) -> Self:
        if self.ok + self.failed == 0:
            raise ValueError("a run in a history has at least one request")
        return self


def to_history_point(result: RunResult, workflow_run: int | None = None) -> HistoryPoint:
    """Convert a run to a history point.

    Args:
        result: The run.
        workflow_run: Number of the GitHub workflow run that measured it, if there is one.

    Raises:
        ConfigError: The run has injected faults.
        MeasurementError: The run is invalid or was interrupted.
    """
    run = result.provenance
    workload = result.reference_workload
    check_usable(result)
    return HistoryPoint(
        scenario=result.scenario.name,
        run_id=run.run_id,
        started_at=run.started_at,
        commit=run.commit,
        dirty=run.dirty,
        tool_version=run.tool_version,
        fingerprint=result.fingerprint,
        ok=result.summary.ok,
        failed=result.summary.failed,
        failed_blocks=result.summary.failed_blocks,
        figures=_typical_figures(result),
        reference_workload=None if workload is None else workload.rounded(_WORKLOAD_DIGITS),
        vitals=vitals_of(result),
        workflow_run=workflow_run,
        branch=run.branch,
        subject=run.subject,
        author=run.author,
    )


def history_key(point: HistoryPoint) -> str:
    """Return the key of the history that a run belongs to: `<stack>/<environment>/<scenario>`."""
    return f"{point.fingerprint.stack}/{environment(point.fingerprint)}/{point.scenario}"


def _typical_figures(result: RunResult) -> dict[str, float]:
    typical: dict[str, float] = {}
    if result.capacity is not None:
        return {key: round(by_prompt[ALL], _DIGITS) for key, by_prompt in compared_figures(result).items()}
    metrics = result.summary.metrics
    for key in sorted(figures_of(result.summary)):
        value = metrics[key].typical if key in metrics else None
        if value is not None and metric(key).part in _STORED_PARTS:
            typical[key] = round(value, _DIGITS)
    for key, costs in costs_of(result.summary).items():
        typical[key] = round(costs[ALL], _COST_DIGITS)
    return typical

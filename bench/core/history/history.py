"""What a scenario's history keeps of each run: enough to see when its level changed, and with what."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.history.vitals import Vitals, vitals_of
from bench.core.run.figures import figures_of
from bench.core.run.result import Fingerprint, RunResult, check_usable, environment
from bench.core.run.summary import BLOCKS
from bench.core.samples.metric import Part
from bench.core.samples.metrics import METRICS, metric, tier_name
from bench.core.samples.sample import Outcome
from bench.core.values import stats
from bench.core.values.record import Record

SCHEMA_VERSION = 1
_KEPT = (Part.DECIDES, Part.LOCATES)
# A hundredth of a millisecond: a line is read in a pull request.
_DIGITS, _CONTROL_DIGITS = 2, 4

Count = Annotated[int, Field(ge=0)]


class HistoryPoint(Record):
    """One run of a history; only runs that can be believed are in one.

    Attributes:
        scenario: What was run.
        run_id: The run's own id; a run is in a history once.
        started_at: When it was measured.
        commit: What it measured; None outside a repository.
        dirty: There were uncommitted changes, so that it is not quite that commit; None outside a repository.
        tool_version: What it was measured with.
        fingerprint: What must be equal to be compared with it.
        ok: Requests that succeeded.
        failed: Requests that did not.
        failed_blocks: In how many sixths of the run requests failed.
        figures: The typical value of each metric that decides and of each tier, in the metric's unit.
        reference_workload: How fast the machine was; None when that was not measured.
        vitals: What it was like, to be shown; None in lines of older versions.
        workflow_run: The number of the workflow run on GitHub that measured it; None when none did.
    """

    schema_version: int = SCHEMA_VERSION
    scenario: str
    run_id: str
    started_at: AwareDatetime
    commit: str | None
    dirty: bool | None
    tool_version: str
    fingerprint: Fingerprint
    ok: Count
    failed: Count
    failed_blocks: Annotated[int, Field(ge=0, le=BLOCKS)]
    figures: dict[str, Annotated[float, Field(ge=0)]]
    reference_workload: ReferenceWorkload | None = None
    vitals: Vitals | None = None
    workflow_run: Annotated[int, Field(gt=0, le=10**15)] | None = None

    @field_validator("figures")
    @classmethod
    def _known(cls, figures: dict[str, float]) -> dict[str, float]:
        for key in figures:
            if key not in METRICS and tier_name(key) is None:
                raise ValueError(f"there is no metric '{key}'")
        return figures

    @model_validator(mode="after")
    def _asked(self) -> Self:
        if self.ok + self.failed == 0:
            raise ValueError("a run without any request says nothing")
        return self


def point_of(result: RunResult, workflow_run: int | None = None) -> HistoryPoint:
    """A run as a history keeps it.

    Args:
        result: The run.
        workflow_run: The number of the workflow run that measured it; None when none did.

    Raises:
        ConfigError: The run was made worse on purpose.
        MeasurementError: The run is invalid or was broken off.
    """
    run = result.provenance
    check_usable(result)
    ok = result.summary.outcomes.get(Outcome.OK, 0)
    return HistoryPoint(
        scenario=result.scenario.name,
        run_id=run.run_id,
        started_at=run.started_at,
        commit=run.commit,
        dirty=run.dirty,
        tool_version=run.tool_version,
        fingerprint=result.fingerprint,
        ok=ok,
        failed=result.summary.requests - ok,
        failed_blocks=result.summary.failed_blocks,
        figures={
            key: round(stats.typical(list(figures.values()), metric(key).smallest_change), _DIGITS)
            for key, figures in sorted(figures_of(result.summary).items())
            if metric(key).part in _KEPT
        },
        reference_workload=None
        if result.reference_workload is None
        else result.reference_workload.rounded(_CONTROL_DIGITS),
        vitals=vitals_of(result),
        workflow_run=workflow_run,
    )


def where_of(point: HistoryPoint) -> str:
    """Whose history a run belongs to: `<stack>/<environment>/<scenario>`."""
    return f"{point.fingerprint.stack}/{environment(point.fingerprint)}/{point.scenario}"

"""One run with all that is needed to judge it later, on another machine."""

import re
from dataclasses import replace
from typing import Annotated

from pydantic import AwareDatetime, StringConstraints, model_validator

from bench.core.calibration.calibration import Calibration
from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.target import Name
from bench.core.config.watching import Limits
from bench.core.limits.judge import ThresholdResult, judge
from bench.core.load.plan import plan
from bench.core.run.bottleneck import bottleneck
from bench.core.run.layers import layer_metrics
from bench.core.run.overhead import of_the_target, overhead
from bench.core.run.recording import Recording
from bench.core.run.recovery import judge_recovery, recovery
from bench.core.run.summary import RunSummary, summarise
from bench.core.run.validity import Validity, judge_validity
from bench.core.run.warm_up import measured
from bench.core.samples.metrics import tier_name
from bench.core.samples.sample import Stop
from bench.core.values.record import Count, Record
from bench.core.watch.alerts import Alert, ended_requests, find_alerts
from bench.core.watch.host import Host
from bench.core.watch.work import work_per_message
from bench.errors import ConfigError, MeasurementError

SCHEMA_VERSION = 1
# It names a folder, and stands in the commands that a report suggests.
RunId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
# It becomes part of a folder's name.
Short = Annotated[str, StringConstraints(max_length=200)]
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Fingerprint(Record):
    """What must be equal for two runs to be comparable.

    Attributes:
        stack: Name of the stack.
        stack_digest: SHA-256 of the stack's declaration.
        work_digest: SHA-256 of the scenario's load, its messages and its target.
        system: Operating system and processor architecture, or the hosted runner's image.
        cpu_model: As the processor names itself.
        cpu_count: Logical processors.
        simulated: The stack's time is simulated, so that the machine hardly matters.
        parts: What it is made of: images, settings and models that the declaration leaves open, by name.
    """

    stack: Name
    stack_digest: str
    work_digest: str
    system: Short
    cpu_model: Short
    cpu_count: Count
    simulated: bool
    parts: dict[Short, Short] = {}


class Provenance(Record):
    """Where a run came from.

    Attributes:
        run_id: Unique, sorts by time.
        started_at: When the first request was planned.
        tool_version: Of this package.
        python_version: Of the load generator.
        commit: Of the repository that the run was started in; None outside one.
        dirty: That repository had uncommitted changes; None outside one.
        injections: What was made worse on purpose, by knob.
    """

    run_id: RunId
    started_at: AwareDatetime
    tool_version: str
    python_version: str
    commit: str | None
    dirty: bool | None
    injections: dict[str, float] = {}


class RunResult(Record):
    """A run: what was to be done, what was measured, and whether to believe it.

    `alerts` is what somebody should look at; None in results of versions that looked for none.
    """

    schema_version: int = SCHEMA_VERSION
    scenario: Scenario
    provenance: Provenance
    fingerprint: Fingerprint
    summary: RunSummary
    thresholds: tuple[ThresholdResult, ...]
    calibration: Calibration | None = None
    reference_workload: ReferenceWorkload | None = None
    host: Host | None = None
    validity: Validity
    stop: Stop | None = None
    warnings: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] | None = None

    @property
    def crossed(self) -> tuple[str, ...]:
        """The limits that were crossed, each as the scenario has it: `e2e_ms p(95)<5000`."""
        return tuple(f"{each.metric} {each.expression}" for each in self.thresholds if each.crossed)

    @model_validator(mode="after")
    def _answered(self) -> "RunResult":
        if self.validity.valid and self.summary.requests == 0:
            raise ValueError("it is valid, and no request was answered")
        return self


def differences(one: Fingerprint, other: Fingerprint, *, any_processor: bool = False) -> tuple[str, ...]:
    """Why two runs cannot be compared; empty when they can.

    Where time is simulated, the machine is left out of it.

    Args:
        one: Of a run.
        other: Of another one, named first in what is returned.
        any_processor: Its model may differ, because a control says how fast each is.
    """
    machine = {"cpu_model"} if any_processor else set[str]()
    if one.simulated and other.simulated:
        machine = {"system", "cpu_model", "cpu_count"}
    named = [
        (field, getattr(other, field), getattr(one, field))
        for field in Fingerprint.model_fields
        if field not in {*machine, "parts"}
    ]
    made_of = sorted(one.parts.keys() | other.parts.keys())
    named += [(part, other.parts.get(part), one.parts.get(part)) for part in made_of]
    return tuple(f"{name}: {_short(old)} → {_short(new)}" for name, old, new in named if old != new)


def _short(value: object) -> str:
    """A digest as its first characters tell it, anything else whole."""
    text = "none" if value is None else str(value).removeprefix("sha256:")
    return text[:9] if _DIGEST.fullmatch(text) else text


def check_usable(result: RunResult) -> None:
    """Refuse a run that is nothing to judge others by.

    Raises:
        ConfigError: It was made worse on purpose.
        MeasurementError: It is invalid or was broken off.
    """
    run_id, injections = result.provenance.run_id, result.provenance.injections
    if injections:
        knobs = ", ".join(injections)
        raise ConfigError(f"run {run_id} was made worse on purpose ({knobs})", "take a run without --inject")
    if not result.validity.valid or result.stop is not None:
        why = "; ".join(result.validity.reasons) or (result.stop.reason if result.stop else "")
        raise MeasurementError(f"run {run_id} is invalid: {why}", "measure again: bench run")


def environment(fingerprint: Fingerprint) -> str:
    """A folder's name for machines that can be compared: `simulated`, or the system and its size."""
    if fingerprint.simulated:
        return "simulated"
    system = re.sub(r"[^a-z0-9.]+", "-", fingerprint.system.lower()).strip("-")
    return f"{system}-{fingerprint.cpu_count}cpu"


def make_result(
    spec: RunSpec,
    recording: Recording,
    provenance: Provenance,
    fingerprint: Fingerprint,
    limits: Limits = Limits(),
) -> RunResult:
    """The result of a recording, with the alerts of its stack's limits."""
    scenario = spec.scenario
    both = measured(recording, scenario.phases)
    counted = replace(both, samples=of_the_target(both.samples))
    summary = summarise(counted, scenario.objectives)
    own_word = any(tier_name(key) for key in summary.metrics)
    summary = summary.model_copy(
        update={
            "work": work_per_message(both.work, both.samples),
            "metrics": summary.metrics | ({} if own_word else layer_metrics(recording.layers)),
            "overhead": overhead(both.samples, scenario.compare_with) if scenario.compare_with else None,
            "recovery": recovery(counted.samples, scenario.phases),
            "bottleneck": bottleneck(counted.samples, plan(spec), scenario, counted.elapsed_s),
        }
    )
    judged = judge(scenario.thresholds, counted.samples, counted.elapsed_s)
    return RunResult(
        scenario=scenario,
        provenance=provenance,
        fingerprint=fingerprint,
        summary=summary,
        thresholds=(*judged, *judge_recovery(summary.recovery, scenario.recovery_ratio)),
        calibration=recording.calibration,
        reference_workload=recording.reference_workload,
        host=recording.host,
        validity=judge_validity(counted, summary),
        stop=recording.stop,
        warnings=recording.warnings,
        alerts=find_alerts(
            ended_requests(counted.samples),
            counted.resources,
            counted.gauges,
            (0.0, counted.elapsed_s),
            limits,
        ),
    )

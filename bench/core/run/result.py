"""A run with everything that a later comparison on another machine needs."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from pydantic import model_validator

from bench.core.calibration.calibration import Calibration
from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.capacity.capacity_result import CapacityResult
from bench.core.config.executors import Phase
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.watching import AlertLimits
from bench.core.faults.fault_effects import measure_faults
from bench.core.faults.request_availability import RequestAvailability, measure_availability
from bench.core.limits.expression import lower_limit
from bench.core.limits.judge import ThresholdResult, judge
from bench.core.load.plan import plan
from bench.core.run.bottleneck import bottleneck
from bench.core.run.coordinated_omission import correct_p99
from bench.core.run.costs import cost_values
from bench.core.run.delays import drop_delayed, warn_of_delays
from bench.core.run.generator_reports import GeneratorReport
from bench.core.run.layers import layer_metrics
from bench.core.run.messages import warn_of_messages
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.name_limits import warn_of_names
from bench.core.run.origin import RECORDED_ONLY, Fingerprint, Provenance
from bench.core.run.overhead import overhead, overheads, select_target
from bench.core.run.plausibility import believe
from bench.core.run.recording import Recording
from bench.core.run.recovery import judge_recovery, recovery
from bench.core.run.repeats import count_repeats
from bench.core.run.stall_effect import stall_effect
from bench.core.run.stalls import find_stalls
from bench.core.run.summary import RunSummary, summarise
from bench.core.run.tier_means import mean_metrics
from bench.core.run.validity import Validity, judge_validity
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.cost_metrics import AVAILABILITY
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, milestone_key, tier_name
from bench.core.samples.sample import Stop
from bench.core.samples.samples import Samples
from bench.core.tiers.attribution import add_remainder
from bench.core.values import wording
from bench.core.values.record import Record
from bench.core.watch.alerts import Alert, ended_requests, find_alerts
from bench.core.watch.host import Host
from bench.core.watch.scaling import ScalingDecision
from bench.core.watch.work import work_per_message
from bench.errors import ConfigError, MeasurementError

SCHEMA_VERSION = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")


class RunResult(Record):
    """A run: its declaration, its origin, its numbers, and whether they are valid."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file format."""
    scenario: Scenario
    """The scenario as it was run."""
    overrides: tuple[str, ...] = ()
    """Options that replaced a part of the scenario's load, such as `--vus 5`."""
    provenance: Provenance
    """The origin of the run."""
    fingerprint: Fingerprint
    """The conditions of the run."""
    summary: RunSummary
    """The numbers of the run."""
    thresholds: tuple[ThresholdResult, ...]
    """The scenario's thresholds with their results."""
    calibration: Calibration | None = None
    """Error of the load generator on this machine; null without calibration."""
    reference_workload: ReferenceWorkload | None = None
    """Times of the reference workload; null if it did not run."""
    host: Host | None = None
    """Disturbances of the machine; null if they were not measured."""
    generators: tuple[GeneratorReport, ...] = ()
    """The load generators on other machines; empty if all ran on the machine of the run."""
    http_versions: tuple[str, ...] = ()
    """HTTP versions of the replies, such as `1.1` or `2`; empty without a reply, and in older results."""
    validity: Validity
    """Whether the measurement is valid."""
    stop: Stop | None = None
    """Why the run ended early; null if it did not."""
    warnings: tuple[str, ...] = ()
    """Warnings of the measurement."""
    alerts: tuple[Alert, ...] | None = None
    """Alerts of the stack's limits; null in results of versions without alerts."""

    capacity: CapacityResult | None = None
    """Answer of the capacity search; null if the run has a load of its own."""
    scaling: tuple[ScalingDecision, ...] = ()
    """Changes of the number of instances of services, as the stack's `scaling` declares them."""

    @property
    def crossed(self) -> tuple[str, ...]:
        """The crossed thresholds as the scenario writes them, for example `e2e_ms p(95)<5000`."""
        return tuple(f"{limit.metric} {limit.expression}" for limit in self.thresholds if limit.crossed)

    @model_validator(mode="after")
    def _check_requests(self) -> "RunResult":
        if self.validity.valid and self.summary.requests == 0:
            raise ValueError("a valid run has at least one answered request")
        return self


def differences(fingerprint: Fingerprint, other: Fingerprint) -> tuple[str, ...]:
    """Return the differences of two fingerprints as `name: other value → value`; empty if comparable.

    The machine is ignored if both stacks simulate time.
    """
    ignored = {"parts", *RECORDED_ONLY}
    if fingerprint.simulated and other.simulated:
        ignored |= {"system", "cpu_count"}
    pairs: list[tuple[str, object, object]] = []
    if fingerprint.model is None or other.model is None:
        ignored.add("model")  # the digest of the work differs if the model does
    for field in Fingerprint.model_fields:
        if field not in ignored:
            pairs.append((field, getattr(other, field), getattr(fingerprint, field)))
    for part in sorted(fingerprint.parts.keys() | other.parts.keys()):
        pairs.append((part, other.parts.get(part), fingerprint.parts.get(part)))
    return tuple(f"{name}: {_shorten(old)} → {_shorten(new)}" for name, old, new in pairs if old != new)


def _shorten(value: object) -> str:
    """Return the first nine characters of a digest, and any other value unchanged."""
    text = "none" if value is None else str(value).removeprefix("sha256:")
    return text[:9] if _DIGEST.fullmatch(text) else text


def check_usable(result: RunResult) -> None:
    """Refuse a run that must not become part of a baseline, a history or a noise measurement.

    Raises:
        ConfigError: The run has injected faults.
        MeasurementError: The run is invalid or was interrupted.
    """
    run_id = result.provenance.run_id
    if result.provenance.injections:
        knobs = ", ".join(result.provenance.injections)
        raise ConfigError(f"run {run_id} has injected faults ({knobs})", "use a run without --inject")
    reasons = list(result.validity.reasons)
    if result.stop is not None and not reasons:
        reasons = [result.stop.reason]
    if reasons:
        raise MeasurementError(f"run {run_id} is invalid: {'; '.join(reasons)}", "measure again: bench run")


def environment(fingerprint: Fingerprint) -> str:
    """Return the environment: `simulated`, or system and processors such as `ubuntu-24-x86_64-4cpu`."""
    if fingerprint.simulated:
        return "simulated"
    system = re.sub(r"[^a-z0-9._]+", "-", fingerprint.system.lower()).strip("-")
    return f"{system}-{fingerprint.cpu_count}cpu"


def make_result(
    spec: RunSpec,
    recording: Recording,
    provenance: Provenance,
    fingerprint: Fingerprint,
    limits: AlertLimits = AlertLimits(),
) -> RunResult:
    """Return the result of a recording, with the alerts of its stack's limits."""
    scenario = spec.scenario
    both_targets = drop_warm_up(recording, scenario.phases)
    believed = believe(select_target(both_targets.samples), spec.target.forms)
    samples = add_remainder(believed.samples, recording.remainder)
    target_only = replace(both_targets, samples=samples)
    summary = _summarise(spec, both_targets, target_only)
    repeats = count_repeats(spec, recording, select_target(recording.samples))
    summary = summary.model_copy(update={"repeats": repeats})
    undelayed = drop_delayed(target_only.samples, target_only.long_turns)
    costs = cost_values(summary)
    thresholds = judge(scenario.thresholds, undelayed, target_only.elapsed_s, spec.coverage, costs)
    alerts = find_alerts(
        ended_requests(target_only.samples),
        target_only.resources,
        target_only.gauges,
        (0.0, target_only.elapsed_s),
        limits,
    )
    return RunResult(
        scenario=scenario,
        overrides=spec.overrides,
        provenance=provenance,
        fingerprint=fingerprint,
        summary=summary,
        thresholds=(*thresholds, *judge_recovery(summary.recovery, scenario.recovery_ratio)),
        calibration=recording.calibration,
        reference_workload=recording.reference_workload,
        host=recording.host,
        generators=recording.generators,
        http_versions=recording.http_versions,
        validity=judge_validity(target_only, summary, scenario.phases, recording.samples),
        stop=recording.stop,
        warnings=(
            *recording.warnings,
            *believed.warnings,
            *warn_of_delays(summary.loop_delays),
            *_warn_of_competition(recording.calibration),
            *warn_of_names(recording.samples),
            *_warn_of_milestones(spec, summary),
            *_warn_of_costs(scenario.thresholds, costs),
            # Of messages that repeat by Zipf's law, a run never sends all.
            *(warn_of_messages(summary.messages) if recording.stop is None and repeats is None else ()),
        ),
        alerts=alerts,
        scaling=recording.scaling,
    )


def _measure_availability(scenario: Scenario, samples: Samples) -> RequestAvailability | None:
    """Return the availability of a run, if its scenario has faults, a claim or a threshold on it."""
    claims = [limit.expression for limit in scenario.thresholds.get(AVAILABILITY, ())]
    if scenario.claimed_availability is not None:
        claims.append(lower_limit("value", scenario.claimed_availability))
    return measure_availability(samples, claims) if scenario.faults or claims else None


def _correct(
    metrics: dict[str, MetricSummary], answered: Samples, phases: Sequence[Phase]
) -> dict[str, MetricSummary]:
    """Return the metrics with the p99 of the response time that is corrected for coordinated omission."""
    response_time = metrics.get("e2e_ms")
    corrected = correct_p99(answered, phases)
    if response_time is None or corrected is None:
        return metrics
    return metrics | {"e2e_ms": response_time.model_copy(update={"p99_corrected": corrected})}


def _warn_of_competition(calibration: Calibration | None) -> Iterator[str]:
    """Yield a warning if the calibration cannot judge the run."""
    competition = None if calibration is None else calibration.competition
    if competition is not None:
        yield f"the calibration does not judge this run: {competition}; use a machine with more cores"


def _warn_of_milestones(spec: RunSpec, summary: RunSummary) -> Iterator[str]:
    """Yield a warning for each declared milestone that no streamed answer reached."""
    if "ttft_ms" not in summary.metrics:
        return
    for target in spec.interfaces:
        for name in target.milestones:
            if milestone_key(name) not in summary.metrics:
                yield f"no answer reached the milestone `{name}`: check its values in target {target.name}"


def _warn_of_costs(thresholds: Iterable[str], costs: Collection[str]) -> Iterator[str]:
    """Yield a warning for each threshold on a value that the run does not have."""
    for key in thresholds:
        if metric(key).part is Part.COSTS and key not in costs:
            yield f"the run has no data for the threshold on {key}; it has {wording.listing(sorted(costs))}"


def _summarise(spec: RunSpec, both_targets: Recording, target_only: Recording) -> RunSummary:
    """Return the summary, with the parts that need the plan, the compared target or direct calls of tiers."""
    scenario = spec.scenario
    coverage = spec.coverage
    messages = coverage.select_messages(target_only.samples)
    summary = summarise(target_only, scenario.objectives, coverage, spec.message_classes)
    other_tiers: dict[str, MetricSummary] = {}
    if not any(map(tier_name, summary.metrics)):
        service = summary.metrics.get("service_ms")
        other_tiers = mean_metrics(both_targets.tier_means, service, both_targets.remainder)
        other_tiers = other_tiers or layer_metrics(both_targets.layers)
    compared = scenario.compare_with
    answered = messages.without_cancelled()
    stalls = find_stalls(target_only, scenario.phases)
    return summary.model_copy(
        update={
            # A service that started again counts from 0.
            "work": {} if scenario.faults else work_per_message(both_targets.work, both_targets.samples),
            "faults": measure_faults(
                scenario.faults, target_only.faults, target_only.samples, target_only.elapsed_s
            ),
            "request_availability": _measure_availability(scenario, target_only.samples),
            "metrics": _correct(summary.metrics, answered, scenario.phases) | other_tiers,
            "stalls": stalls,
            "stall_effect": stall_effect(stalls, answered, scenario.phases, target_only.elapsed_s),
            "overhead": overhead(both_targets.samples, compared) if compared else None,
            "overheads": overheads(both_targets.samples) if compared else {},
            "recovery": recovery(messages, scenario.phases),
            "bottleneck": bottleneck(messages, plan(spec), scenario, target_only.elapsed_s),
        }
    )

"""Check whether the measurement of a run is valid."""

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import model_validator

from bench.core.calibration.calibration import Calibration, Trial
from bench.core.config.executors import Phase
from bench.core.load.machine_limits import describe_fault
from bench.core.run.generator_reports import GeneratorReport, list_losses
from bench.core.run.recording import Recording
from bench.core.run.summary import RunSummary
from bench.core.run.unanswered import explain_cut_off
from bench.core.samples.faults import most_common_fault
from bench.core.samples.metrics import METRICS
from bench.core.samples.sample import GeneratorFault, Stall, StopCause, is_generator
from bench.core.samples.samples import Samples
from bench.core.values import wording
from bench.core.values.record import Record
from bench.core.watch.host import Host

# A load generator that uses a whole core delays its own requests. Percent of a core, 95th percentile of the
# samples.
GENERATOR_CPU_PCT = 85.0
# Requests may be sent late by this share of the mean service time, or by this many milliseconds if that is
# more.
SEND_LAG_RATIO = 0.05
SEND_LAG_MS = 20.0
# Share of processor time that other guests may use: the same as the default margin of a verdict.
STOLEN_RATIO = 0.10
# Share of time in which a quota or heat may slow the machine: throttling for more than 5 % of the time shows
# in p95.
THROTTLED_RATIO = 0.05


class Validity(Record):
    """Whether the measurement of a run is valid."""

    valid: bool
    """Whether the run is valid."""
    reasons: tuple[str, ...] = ()
    """Why the run is invalid, one sentence each."""

    @model_validator(mode="after")
    def _check_reasons(self) -> "Validity":
        if self.valid == bool(self.reasons):
            raise ValueError("an invalid run has a reason, and a valid run has no reason")
        return self


def judge_validity(
    recording: Recording,
    summary: RunSummary,
    phases: Sequence[Phase] = (),
    all_samples: Samples | None = None,
) -> Validity:
    """Return whether a run is complete and its load generator and machine did not distort it.

    A fault of the load generator explains late and missing requests, so it is the only reason then.

    Args:
        recording: Requests to the target, without warm-up, and what was watched meanwhile.
        summary: Its summary.
        phases: The phases of the scenario; empty if their duration does not matter.
        all_samples: All requests, also those of the warm-up and of the compared target.
    """
    reasons = _check_generator(recording, recording.samples if all_samples is None else all_samples)
    if not reasons:
        reasons = _check_measurement(recording, summary, phases)
    return Validity(valid=not reasons, reasons=reasons)


def judge_search(recording: Recording, summary: RunSummary) -> Validity:
    """Return whether a capacity search is valid.

    Failed and late requests are its answer: it tries loads that are too large. A trial that the load
    generator limited is not part of it, nor are the first disturbed ones; see `find_generator_limit` and
    `find_disturbance`.
    """
    reasons = _check_generator(recording, recording.samples) or (
        *_check_complete(recording, summary),
        *_check_calibration(recording.calibration, summary),
        *_check_host(recording.host),
        *_check_machines(recording.generators, summary, recording.calibration),
    )
    return Validity(valid=not reasons, reasons=reasons)


def find_disturbance(recording: Recording) -> str | None:
    """Return what disturbed the machines of a trial for some time; `None` if nothing did."""
    reasons = [*list_losses(recording.generators), *_check_pauses(recording.pauses)]
    reasons += _check_host(recording.host)
    for report in recording.generators:
        reasons += [_name_machine(report, reason) for reason in _check_host(report.machine)]
    return next(iter(reasons), None)


def find_generator_limit(recording: Recording, summary: RunSummary) -> str | None:
    """Return why the load generator could not send a load in time; `None` if it could."""
    unsent = most_common_fault(recording.samples)
    reasons = [*_check_send_lag(recording, summary), *_check_generator_cpu(summary, recording.generators)]
    if unsent is not None:
        fault, message = unsent
        reasons.insert(0, describe_fault(fault, recording.needs, recording.machine_limits, message))
    return next(iter(reasons), None)


def _check_measurement(recording: Recording, summary: RunSummary, phases: Sequence[Phase]) -> tuple[str, ...]:
    """Return why a run is incomplete or distorted."""
    return (
        *_check_complete(recording, summary),
        *_check_faults(recording, summary),
        *filter(None, [explain_cut_off(recording.samples, phases)]),
        *_check_send_lag(recording, summary),
        *_check_generator_cpu(summary, recording.generators),
        *_check_calibration(recording.calibration, summary),
        *_check_host(recording.host),
        *_check_machines(recording.generators, summary, recording.calibration),
    )


def _check_generator(recording: Recording, samples: Samples) -> tuple[str, ...]:
    """Return the faults of the load generator: it ended, did not run for some time, or could not send."""
    reasons: list[str] = []
    if recording.stop is not None and recording.stop.cause is StopCause.GENERATOR:
        reasons.append(f"the run ended early: {recording.stop.reason}")
    reasons += list_losses(recording.generators)
    reasons += _check_pauses(recording.pauses)
    unsent = most_common_fault(samples) or _fault_of_trials(recording.calibration)
    if unsent is not None:
        fault, message = unsent
        reasons.append(describe_fault(fault, recording.needs, recording.machine_limits, message))
    return tuple(reasons)


def _check_pauses(pauses: Sequence[Stall]) -> list[str]:
    longest = max(pauses, key=lambda pause: pause.length_s, default=None)
    if longest is None:
        return []
    pause = f"for {longest.length_s:.1f} s"
    if longest.at_s + longest.length_s <= 0.0:
        return [f"the load generator was paused {pause} in the warm-up: the load did not begin as planned"]
    place = f"{max(0.0, longest.at_s):.0f} s after the start of the measured load"
    return [f"the load generator was paused {pause}, {place}: requests of that time look slow"]


def _fault_of_trials(calibration: Calibration | None) -> tuple[GeneratorFault, str] | None:
    trials = () if calibration is None else (calibration.before, calibration.after)
    for trial in trials:
        if trial is not None and trial.fault is not None:
            return trial.fault, trial.fault_detail or ""
    return None


def _check_complete(recording: Recording, summary: RunSummary) -> list[str]:
    # A threshold that aborts the run is a result of the target, not a fault of the measurement.
    if recording.stop is not None and recording.stop.cause is not StopCause.THRESHOLD:
        return [f"the run ended early: {recording.stop.reason}"]
    if summary.requests == 0:
        return ["no request was answered"]
    return []


def _check_faults(recording: Recording, summary: RunSummary) -> list[str]:
    """Return the faults that did not happen, unless a threshold ended the run before them."""
    if recording.stop is not None:
        return []
    return [
        f"the fault '{effect.name}' at {effect.planned_s:g} s did not happen: the load ended before it"
        for effect in summary.faults
        if effect.began_s is None
    ]


def _check_send_lag(recording: Recording, summary: RunSummary) -> list[str]:
    lags_ms = METRICS["send_lag_ms"].values(recording.samples)
    sorted_ms = np.sort(lags_ms[~np.isnan(lags_ms)])
    if not len(sorted_ms) or "service_ms" not in summary.metrics:
        return []
    # The rank without interpolation exists for every number of requests; a percentile does not.
    p95_ms = sorted_ms[int(0.95 * (len(sorted_ms) - 1))]
    allowed_ms = _allowed_ms(summary)
    if p95_ms <= allowed_ms:
        return []
    lag = f"95 % of requests were sent up to {p95_ms:.0f} ms after their planned time"
    return [f"the load generator was late: {lag}, {allowed_ms:.0f} ms are allowed"]


def _check_calibration(calibration: Calibration | None, summary: RunSummary) -> list[str]:
    if calibration is None or calibration.competition is not None:
        return []
    before = _check_trial("before", calibration.before, summary)
    return before or _check_trial("after", calibration.after, summary)


def _check_trial(when: str, trial: Trial | None, summary: RunSummary) -> list[str]:
    if trial is None:
        return []
    place = f"from the calibration server {when} the run"
    if trial.ttft is None or trial.e2e is None:
        return [f"the load generator got no answer {place}"]
    error_ms = max(trial.ttft.p95_ms, trial.e2e.p95_ms)
    allowed_ms = _allowed_ms(summary)
    if error_ms <= allowed_ms:
        return []
    error = f"5 % of its times were more than {error_ms:.0f} ms off"
    return [f"the load generator is slow on this machine: {place}, {error}, {allowed_ms:.0f} ms are allowed"]


def _allowed_ms(summary: RunSummary) -> float:
    service = summary.metrics.get("service_ms")
    return SEND_LAG_MS if service is None else max(SEND_LAG_MS, SEND_LAG_RATIO * service.mean)


def _check_generator_cpu(summary: RunSummary, generators: Sequence[GeneratorReport]) -> list[str]:
    used_pct = {
        source: usage.cpu_pct_p95 for source, usage in summary.resources.items() if is_generator(source)
    }
    busiest = max(used_pct, key=lambda source: used_pct[source], default="")
    if used_pct.get(busiest, 0.0) <= GENERATOR_CPU_PCT:
        return []
    places = {report.source: f" of worker '{report.name}' on {report.host}" for report in generators}
    usage_text = f"{used_pct[busiest]:.0f} % of a core"
    generator = f"the load generator{places.get(busiest, '')}"
    return [f"{generator} was busy: {usage_text}, {GENERATOR_CPU_PCT:.0f} % are allowed"]


def _check_machines(
    generators: Sequence[GeneratorReport], summary: RunSummary, calibration: Calibration | None
) -> Iterator[str]:
    """Check the machine of each load generator in the same way as that of the run, and name it."""
    competition = calibration is not None and calibration.competition is not None
    for report in generators:
        reasons = _check_host(report.machine)
        if not competition:
            before = _check_trial("before", report.before, summary)
            reasons += before or _check_trial("after", report.after, summary)
        for reason in reasons:
            yield _name_machine(report, reason)


def _name_machine(report: GeneratorReport, reason: str) -> str:
    return f"worker '{report.name}' on {report.host}: {reason}"


def _check_host(host: Host | None) -> list[str]:
    """Check the disturbances of the machine; unknown ones are allowed."""
    if host is None:
        return []
    disturbances = (
        ("other guests of the machine had", host.stolen_ratio, "of its processor time", STOLEN_RATIO),
        ("the processor quota was used up in", host.throttled_ratio, "of its periods", THROTTLED_RATIO),
        ("the processor was slowed by heat in", host.hot_ratio, "of the time", THROTTLED_RATIO),
    )
    reasons: list[str] = []
    for cause, ratio, unit, limit in disturbances:
        if ratio is not None and ratio > limit:
            share = f"{cause} {wording.percent(ratio)} {unit}"
            reasons.append(f"the machine was not quiet: {share}, {100 * limit:.0f} % are allowed")
    return reasons

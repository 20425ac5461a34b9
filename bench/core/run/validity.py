"""Whether a run's numbers can be believed at all, whatever they are."""

import numpy as np
from pydantic import model_validator

from bench.core.calibration.calibration import Calibration
from bench.core.run.recording import Recording
from bench.core.run.summary import RunSummary
from bench.core.samples.metrics import METRICS
from bench.core.samples.sample import StopCause, is_generator
from bench.core.values import wording
from bench.core.values.record import Record
from bench.core.watch.host import Host

# A generator that needs its whole core measures itself. Per cent of one core, 95th percentile of the samples.
GENERATOR_CPU_PCT = 85.0
# Requests may leave late by this share of the time that they take, or by this many milliseconds.
SEND_LAG_RATIO = 0.05
SEND_LAG_MS = 20.0
# Other guests of the machine may have this share of all processor time: as much as a verdict tolerates.
STOLEN_RATIO = 0.10
# A quota or heat may hold us up in this share of the time: what they do beyond it is in the 95th percentile.
THROTTLED_RATIO = 0.05


class Validity(Record):
    """Whether a run is valid, and if not why: each reason is one sentence."""

    valid: bool
    reasons: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_why(self) -> "Validity":
        if self.valid == bool(self.reasons):
            raise ValueError("a run is invalid for a reason, and valid for none")
        return self


def judge_validity(recording: Recording, summary: RunSummary) -> Validity:
    """A run is valid when it went to its end and the generator was neither late nor busy."""
    reasons = [
        *_incomplete(recording, summary),
        *_late(recording, summary),
        *_busy(summary),
        *_unreliable(recording.calibration, summary),
        *_disturbed(recording.host),
    ]
    return Validity(valid=not reasons, reasons=tuple(reasons))


def _incomplete(recording: Recording, summary: RunSummary) -> list[str]:
    # A threshold that aborts is a verdict on the target, not a fault of the measurement.
    if recording.stop is not None and recording.stop.cause is not StopCause.THRESHOLD:
        return [f"the run ended early: {recording.stop.reason}"]
    if summary.requests == 0:
        return ["no request was answered"]
    return []


def _late(recording: Recording, summary: RunSummary) -> list[str]:
    every = METRICS["send_lag_ms"].values(recording.samples)
    lags = np.sort(every[~np.isnan(every)])
    if not len(lags) or "service_ms" not in summary.metrics:
        return []
    # By rank, not interpolated: with few requests the latest one must not hide behind an absent percentile.
    lag_ms = lags[int(0.95 * (len(lags) - 1))]
    allowed_ms = _allowed_ms(summary)
    if lag_ms <= allowed_ms:
        return []
    late = f"95 % of requests left up to {lag_ms:.0f} ms after their time"
    return [f"the load generator was late: {late}, {allowed_ms:.0f} ms are allowed"]


def _unreliable(calibration: Calibration | None, summary: RunSummary) -> list[str]:
    if calibration is None:
        return []
    for when, trial in (("before", calibration.before), ("after", calibration.after)):
        if trial is None:
            continue
        known = f"against a server of known timing, {when} the run"
        if trial.ttft is None or trial.e2e is None:
            return [f"the load generator got no answer {known}"]
        error_ms = max(trial.ttft.p95_ms, trial.e2e.p95_ms)
        allowed_ms = _allowed_ms(summary)
        if error_ms > allowed_ms:
            late = f"5 % of its times were more than {error_ms:.0f} ms off"
            slow = f"{known}, {late}, {allowed_ms:.0f} ms are allowed"
            return [f"the load generator is slow on this machine: {slow}"]
    return []


def _allowed_ms(summary: RunSummary) -> float:
    service = summary.metrics.get("service_ms")
    return SEND_LAG_MS if service is None else max(SEND_LAG_MS, SEND_LAG_RATIO * service.mean)


def _busy(summary: RunSummary) -> list[str]:
    generators = [each for source, each in summary.resources.items() if is_generator(source)]
    busiest_pct = max((each.cpu_pct_p95 for each in generators), default=0.0)
    if busiest_pct <= GENERATOR_CPU_PCT:
        return []
    busy = f"{busiest_pct:.0f} % of a core"
    return [f"the load generator was busy: {busy}, {GENERATOR_CPU_PCT:.0f} % are allowed"]


def _disturbed(host: Host | None) -> list[str]:
    """What the machine did that is no work of ours. What is not known is held against nobody."""
    if host is None:
        return []
    found = (
        ("other guests of the machine had", host.stolen_ratio, "of its processor time", STOLEN_RATIO),
        ("the processor quota was used up in", host.throttled_ratio, "of its periods", THROTTLED_RATIO),
        ("the processor was slowed by heat in", host.hot_ratio, "of the time", THROTTLED_RATIO),
    )
    return [
        f"the machine was not quiet: {who} {wording.percent(ratio)} {what}, {100 * limit:.0f} % are allowed"
        for who, ratio, what, limit in found
        if ratio is not None and ratio > limit
    ]

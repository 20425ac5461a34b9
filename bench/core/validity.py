"""Whether a run's numbers can be believed at all, whatever they are."""

from bench.core.metrics import METRICS
from bench.core.record import Record
from bench.core.sample import GENERATOR, Recording, StopCause
from bench.core.summary import RunSummary

# A generator that needs its whole core measures itself. Per cent of one core, 95th percentile of the samples.
GENERATOR_CPU_PCT = 85.0
# Requests may leave late by this share of the time that they take, or by this many milliseconds.
SEND_LAG_RATIO = 0.05
SEND_LAG_MS = 20.0


class Validity(Record):
    """Whether a run is valid, and if not why: each reason is one sentence."""

    valid: bool
    reasons: tuple[str, ...] = ()


def judge_validity(recording: Recording, summary: RunSummary) -> Validity:
    """A run is valid when it went to its end and the generator was neither late nor busy."""
    reasons = [*_incomplete(recording, summary), *_late(recording, summary), *_busy(summary)]
    return Validity(valid=not reasons, reasons=tuple(reasons))


def _incomplete(recording: Recording, summary: RunSummary) -> list[str]:
    # A threshold that aborts is a verdict on the target, not a fault of the measurement.
    if recording.stop is not None and recording.stop.cause is not StopCause.THRESHOLD:
        return [f"the run ended early: {recording.stop.reason}"]
    if summary.requests == 0:
        return ["no request was answered"]
    return []


def _late(recording: Recording, summary: RunSummary) -> list[str]:
    lags = [lag for lag in map(METRICS["send_lag_ms"].value, recording.samples) if lag is not None]
    service = summary.metrics.get("service_ms")
    if not lags or service is None:
        return []
    # By rank, not interpolated: with few requests the latest one must not hide behind an absent percentile.
    lag_ms = sorted(lags)[int(0.95 * (len(lags) - 1))]
    allowed_ms = max(SEND_LAG_MS, SEND_LAG_RATIO * service.mean)
    if lag_ms <= allowed_ms:
        return []
    late = f"95 % of requests left up to {lag_ms:.0f} ms after their time"
    return [f"the load generator was late: {late}, {allowed_ms:.0f} ms are allowed"]


def _busy(summary: RunSummary) -> list[str]:
    generator = summary.resources.get(GENERATOR)
    if generator is None or generator.cpu_pct_p95 <= GENERATOR_CPU_PCT:
        return []
    busy = f"{generator.cpu_pct_p95:.0f} % of a core"
    return [f"the load generator was busy: {busy}, {GENERATOR_CPU_PCT:.0f} % are allowed"]

"""What a target takes longer than the one beside it: the same message to both, one after the other."""

from collections.abc import Sequence

from bench.core import stats
from bench.core.metrics import METRICS
from bench.core.record import Record
from bench.core.sample import Recording, RequestSample

ARMS = 2
CONFIDENCE = 0.90


class Overhead(Record):
    """The difference of service times, target less beside, in milliseconds.

    Attributes:
        beside: The target it is compared with.
        pairs: Messages that both answered.
        mean_ms: Mean difference.
        low_ms: Lower end of its 90 % interval; None for a single pair.
        high_ms: Upper end.
        ratio: Share of the mean service time beside.
    """

    beside: str
    pairs: int
    mean_ms: float
    low_ms: float | None
    high_ms: float | None
    ratio: float | None


def overhead(samples: Sequence[RequestSample], beside: str) -> Overhead | None:
    """The overhead over all messages that both targets answered; None when there is none."""
    service = METRICS["service_ms"].value
    by_message: dict[tuple[int, int, int], dict[int, float]] = {}
    for sample in samples:
        value = service(sample)
        if value is not None:
            by_message.setdefault((sample.stage, sample.user, sample.turn // ARMS), {})[sample.arm] = value
    pairs = [times for times in by_message.values() if len(times) == ARMS]
    if not pairs:
        return None
    mean_ms, low_ms, high_ms = stats.mean_interval([times[0] - times[1] for times in pairs], CONFIDENCE)
    usual_ms = sum(times[1] for times in pairs) / len(pairs)
    return Overhead(
        beside=beside,
        pairs=len(pairs),
        mean_ms=mean_ms,
        low_ms=low_ms,
        high_ms=high_ms,
        ratio=mean_ms / usual_ms if usual_ms > 0 else None,
    )


def of_the_target(recording: Recording) -> Recording:
    """A recording with the requests to the scenario's own target only."""
    if all(sample.arm == 0 for sample in recording.samples):
        return recording
    return recording.model_copy(
        update={"samples": tuple(sample for sample in recording.samples if sample.arm == 0)}
    )

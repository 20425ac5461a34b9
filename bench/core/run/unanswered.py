"""Requests that were ended while they waited, and the duration of a run that answers them."""

from collections.abc import Mapping, Sequence

from bench.core.config.executors import OpenLoop, Phase, list_fields
from bench.core.samples.metrics import METRICS
from bench.core.samples.sample import CENSORED_OUTCOMES, Outcome
from bench.core.samples.samples import Samples
from bench.core.values import wording
from bench.core.values.duration import format_duration
from bench.core.values.record import Count, NotNegative, Record

MOST_CUT_OFF = 0.5
"""A run with a larger share of requests that were cut off is invalid."""
ANSWERS_PER_VU = 5
"""A suggested duration is enough for this number of answers of each VU."""
_ROUND_S = (10, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
_CAUSES = {Outcome.CUT_OFF: "were cut off by the end of the run", Outcome.TIMEOUT: "timed out"}
_RESPONSE_TIME = METRICS["e2e_ms"]


class Unanswered(Record):
    """Requests of one outcome that were ended while they waited."""

    count: Count
    """Number of requests."""
    shortest_ms: NotNegative
    """Shortest wait, in milliseconds."""
    longest_ms: NotNegative
    """Longest wait, in milliseconds."""


def count_unanswered(samples: Samples) -> dict[Outcome, Unanswered]:
    """Return the requests that were ended while they waited, by outcome; empty outcomes are left out."""
    unanswered: dict[Outcome, Unanswered] = {}
    for outcome in CENSORED_OUTCOMES:
        observed, _ = _RESPONSE_TIME.observe(samples.where(samples.has_outcome(outcome)))
        if len(observed):
            unanswered[outcome] = Unanswered(
                count=len(observed),
                shortest_ms=max(0.0, float(observed.values.min())),
                longest_ms=max(0.0, float(observed.values.max())),
            )
    return unanswered


def describe_unanswered(unanswered: Mapping[Outcome, Unanswered], requests: int) -> tuple[str, ...]:
    """Return a sentence for each outcome: `10 of 14 requests were cut off by …: longer than 33.6 s`."""
    sentences = []
    for outcome, ended in unanswered.items():
        wait = _range(ended.shortest_ms, ended.longest_ms)
        of_all = f"{ended.count:,} of {wording.counted(requests, 'request')}"
        sentences.append(f"{of_all} {_CAUSES[outcome]}: longer than {wait}")
    return tuple(sentences)


def explain_cut_off(samples: Samples, phases: Sequence[Phase]) -> str | None:
    """Return why a run is too short for its target, and the duration that it needs; `None` if it is not.

    Args:
        samples: Requests to the target, without warm-up.
        phases: The phases of the scenario.
    """
    answered = samples.without_cancelled()
    cut_off = int(answered.has_outcome(Outcome.CUT_OFF).sum())
    measured = [phase for phase in phases if not phase.warm_up]
    if cut_off <= MOST_CUT_OFF * len(answered) or not measured:
        return None
    observed, _ = _RESPONSE_TIME.observe(answered)
    median_ms = observed.interpolate(0.5)
    answer_s = median_ms.value / 1000.0
    answers = "takes longer than" if median_ms.is_lower_bound else "answers in"
    time = f"{answers} {_seconds(answer_s)}"
    longest_s = max(phase.duration_s for phase in measured)
    needed_s = next((s for s in _ROUND_S if s >= ANSWERS_PER_VU * answer_s), _ROUND_S[-1])
    if needed_s <= longest_s:
        less = "a lower --rate" if isinstance(measured[-1], OpenLoop) else "fewer --vus"
        return f"the stack {time} and cannot keep up with this load: use {less}"
    return f"the stack {time}, this scenario lasts {longest_s:g} s: use {_longer(measured, needed_s)}"


def _longer(measured: Sequence[Phase], needed_s: float) -> str:
    duration = format_duration(needed_s)
    if len(measured) == 1 and "duration" in list_fields(type(measured[0])):
        return f"--duration {duration}"
    return f"phases of {duration}"


def _seconds(seconds: float) -> str:
    """Write a duration as short as a person says it: `40 s`, `520 ms`."""
    return wording.duration(1000.0 * seconds).replace(".0 s", " s")


def _range(shortest_ms: float, longest_ms: float) -> str:
    shortest = wording.duration(shortest_ms)
    longest = wording.duration(longest_ms)
    return longest if shortest == longest else f"{shortest} to {longest}"

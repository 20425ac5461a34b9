"""When each VU of a closed loop is active."""

from typing import assert_never

from bench.core.config.executors import Cases, ClosedLoop, ConstantVus, PerVuIterations, RampingVus, Spike
from bench.core.values.record import Record


class Span(Record):
    """The time in which a VU is active, in seconds from the start of the phase."""

    vu: int
    """Number of the VU, from 0."""
    start_s: float
    """Time at which the VU sends its first message."""
    end_s: float
    """Time from which the VU sends no message."""
    iterations: int | None = None
    """Number of requests after which the VU stops; None for no limit."""


def plan_spans(load: ClosedLoop, exchanges: int) -> tuple[Span, ...]:
    """Return the active time of each VU.

    Args:
        load: The phase.
        exchanges: Number of messages that `cases` sends.
    """
    match load:
        case ConstantVus():
            return _join_at_start(load)
        case PerVuIterations():
            return _join_at_start(load, load.iterations)
        case Cases():
            return (Span(vu=0, start_s=0.0, end_s=load.duration_s, iterations=exchanges),)
        case Spike():
            return _join_for_spike(load)
        case RampingVus():
            return _follow_ramp(load)
        case _:
            assert_never(load)


def _join_at_start(load: ConstantVus | PerVuIterations, iterations: int | None = None) -> tuple[Span, ...]:
    spans: list[Span] = []
    for vu in range(load.vus):
        spans.append(Span(vu=vu, start_s=load.start_s(vu), end_s=load.duration_s, iterations=iterations))
    return tuple(spans)


def _join_for_spike(load: Spike) -> tuple[Span, ...]:
    spans: list[Span] = []
    for vu in range(load.base_vus):
        spans.append(Span(vu=vu, start_s=load.start_s(vu), end_s=load.duration_s))
    spike_end_s = load.before_s + load.spike_s
    for number in range(load.spike_vus):
        start_s = load.before_s + load.start_s(number)
        spans.append(Span(vu=load.base_vus + number, start_s=start_s, end_s=spike_end_s))
    return tuple(spans)


def _follow_ramp(load: RampingVus) -> tuple[Span, ...]:
    """Let VUs join and leave one by one, at equal distances in each stage. The last to join leaves first."""
    starts_s = [0.0] * load.start_vus
    ends_s = [load.duration_s] * load.sessions
    active = list(range(load.start_vus))
    clock_s = 0.0
    for stage in load.stages:
        change = stage.target - len(active)
        step_s = stage.duration_s / abs(change) if change else 0.0
        for number in range(change):
            active.append(len(starts_s))
            starts_s.append(clock_s + number * step_s)
        for number in range(-change):
            ends_s[active.pop()] = clock_s + (number + 1) * step_s
        clock_s += stage.duration_s
    return tuple(Span(vu=vu, start_s=starts_s[vu], end_s=ends_s[vu]) for vu in range(load.sessions))

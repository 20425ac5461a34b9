"""The few curves of a run over time that a comparison of several runs shows."""

from collections.abc import Iterator

from bench.core.report.timeline import Curve, average_slices, find_edges, find_quantiles, slice_width_s
from bench.core.run.overhead import select_target
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.metrics import RESPONSE_TIME
from bench.core.samples.sample import HOST, is_generator
from bench.core.values.record import Number, Record


class RunTimes(Record):
    """A run over time, in slices."""

    end_s: Number
    """End of the last request, in seconds."""
    slice_s: Number
    """Width of a slice, in seconds."""
    latency_ms: tuple[Number | None, ...]
    """Median response time of each slice; empty if no slice has one."""
    cpu_pct: tuple[Number | None, ...]
    """Processor time of all services of the stack in each slice, in per cent of one core."""


def make_run_times(result: RunResult, recording: Recording | None) -> RunTimes | None:
    """Return a run over time; None if its requests were not kept, or if it has none.

    Args:
        result: The run.
        recording: Everything that was measured, warm-up included; None if it was not kept.
    """
    if recording is None:
        return None
    measured = drop_warm_up(recording, result.scenario.phases)
    samples = select_target(measured.samples).without_cancelled()
    if not len(samples) or measured.elapsed_s <= 0:
        return None
    slice_s = slice_width_s(measured.elapsed_s, len(samples))
    edges = find_edges(measured.elapsed_s, slice_s)
    return RunTimes(
        end_s=measured.elapsed_s,
        slice_s=slice_s,
        latency_ms=find_quantiles(samples, RESPONSE_TIME, {"p50": 0.5}, edges).get("p50", ()),
        cpu_pct=tuple(_add_up(average_slices(_list_cpu(measured), edges), len(edges) - 1)),
    )


def _list_cpu(recording: Recording) -> Iterator[tuple[str, float, float]]:
    """Yield the source, the moment and the value of each reading of a service of the stack."""
    for reading in recording.resources:
        if reading.source != HOST and not is_generator(reading.source):
            yield reading.source, reading.at_s, reading.cpu_pct


def _add_up(curves: tuple[Curve, ...], count: int) -> list[float | None]:
    """Return the sum of all curves in each slice; None where none has a value."""
    totals: list[float | None] = [None] * count
    for curve in curves:
        for number, value in enumerate(curve.values):
            if value is not None:
                totals[number] = value + (totals[number] or 0.0)
    return totals

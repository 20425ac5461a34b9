"""Join the recordings of several runs into one, as if they were consecutive."""

from array import array
from collections.abc import Sequence
from dataclasses import replace

from bench.core.calibration.calibration import Calibration
from bench.core.faults.fault_times import FaultTimes, shift_faults
from bench.core.run.generator_reports import GeneratorReport, join_reports
from bench.core.run.recording import Recording, shift_clock, shift_stalls
from bench.core.samples.sample import GaugeSample, Probe, ResourceSample, Stall, Stop
from bench.core.samples.samples import SampleLog
from bench.core.samples.token_times import Span, shift_spans
from bench.core.tiers.histogram_means import join_means
from bench.core.tiers.traced_loads import TracedLoad, keep_phase, shift_loads
from bench.core.values.histogram import Histogram
from bench.core.watch.host import noisiest
from bench.core.watch.work import sum_work


def join_recordings(recordings: Sequence[Recording], phases: Sequence[int] = ()) -> Recording:
    """Join recordings without warm-up (see `drop_warm_up`) into one, as if they were consecutive.

    Args:
        recordings: The recordings, at least one.
        phases: Index of the joined scenario's phase for each of them; empty if all are runs of the same
            phases.
    """
    recordings = [*map(_move_to_phase, recordings, phases)] if phases else recordings
    samples = SampleLog()
    resources: list[ResourceSample] = []
    probes: list[Probe] = []
    gauges: list[GaugeSample] = []
    pauses: list[Stall] = []
    long_turns: list[Stall] = []
    faults: list[FaultTimes] = []
    token_gaps: dict[int, Histogram] = {}
    token_spans: dict[int, tuple[Span, ...]] = {}
    elapsed_s = 0.0
    stop: Stop | None = None
    calibration: Calibration | None = None
    for recording in recordings:
        samples.extend(recording.samples.shift(elapsed_s).to_log())
        for phase, gaps in recording.token_gaps.items():
            token_gaps.setdefault(phase, Histogram()).merge(gaps)
        for phase, spans in recording.token_spans.items():
            token_spans[phase] = (*token_spans.get(phase, ()), *shift_spans(spans, elapsed_s))
        resources += shift_clock(recording.resources, elapsed_s)
        probes += shift_clock(recording.probes, elapsed_s)
        gauges += shift_clock(recording.gauges, elapsed_s)
        pauses += shift_stalls(recording.pauses, elapsed_s)
        long_turns += shift_stalls(recording.long_turns, elapsed_s)
        faults += shift_faults(recording.faults, elapsed_s)
        elapsed_s += recording.elapsed_s
        stop = stop or recording.stop
        calibration = calibration or recording.calibration
    return replace(
        recordings[0],
        planned_s=sum(recording.planned_s for recording in recordings),
        elapsed_s=elapsed_s,
        samples=samples.since(0),
        token_gaps=token_gaps,
        token_spans=token_spans,
        resources=tuple(resources),
        probes=tuple(probes),
        gauges=tuple(gauges),
        longest_turn_s=max((recording.longest_turn_s or 0.0 for recording in recordings), default=None),
        pauses=tuple(pauses),
        long_turns=tuple(long_turns),
        faults=tuple(faults),
        traced_loads=_join_loads(recordings),
        work=sum_work([recording.work for recording in recordings]),
        stop=stop,
        calibration=calibration,
        host=noisiest([recording.host for recording in recordings]),
        generators=_join_generators(recordings),
        layers=[times_ms for recording in recordings for times_ms in recording.layers],
        tier_means=join_means([recording.tier_means for recording in recordings]),
    )


def _join_loads(recordings: Sequence[Recording]) -> tuple[TracedLoad, ...]:
    start_s = 0.0
    loads: list[TracedLoad] = []
    for recording in recordings:
        loads += shift_loads(recording.traced_loads, start_s)
        start_s += recording.elapsed_s
    return tuple(loads)


def _join_generators(recordings: Sequence[Recording]) -> tuple[GeneratorReport, ...]:
    start_s = 0.0
    runs: list[tuple[float, Sequence[GeneratorReport]]] = []
    for recording in recordings:
        runs.append((start_s, recording.generators))
        start_s += recording.elapsed_s
    return join_reports(runs)


def _move_to_phase(recording: Recording, phase: int) -> Recording:
    """Return a recording of one phase with another index of this phase."""
    log = recording.samples.to_log()
    code = log.columns["phase"].typecode
    own_phase = log.columns["phase"][0] if len(log) else phase
    log.columns["phase"] = array(code, [phase]) * len(log)
    return replace(
        recording,
        samples=log.since(0),
        token_gaps=dict(zip([phase], recording.token_gaps.values(), strict=False)),
        token_spans=dict(zip([phase], recording.token_spans.values(), strict=False)),
        traced_loads=keep_phase(recording.traced_loads, own_phase),
    )

"""Remove the warm-up phases of a recording."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.core.config.executors import Phase
from bench.core.faults.fault_times import shift_faults
from bench.core.run.recording import Recording, Watched, shift_clock, shift_stalls
from bench.core.samples.token_times import shift_spans


def drop_warm_up(recording: Recording, phases: Sequence[Phase]) -> Recording:
    """Return a recording without its warm-up phases; its clock is 0 at the first planned request after them.

    Args:
        recording: The complete recording.
        phases: The phases of the scenario. A warm-up between other phases loses its requests, but not its
            time.
    """
    warm_ups = [index for index, phase in enumerate(phases) if phase.warm_up]
    if not warm_ups:
        return recording
    is_warm_up = np.isin(recording.samples.column("phase"), warm_ups)
    measured = recording.samples.where(~is_warm_up)
    begin_s = float(measured.column("scheduled_s").min()) if len(measured) else recording.elapsed_s
    return replace(
        recording,
        elapsed_s=recording.elapsed_s - begin_s,
        samples=measured.shift(-begin_s),
        token_gaps={phase: gaps for phase, gaps in recording.token_gaps.items() if phase not in warm_ups},
        token_spans={
            phase: shift_spans(spans, -begin_s)
            for phase, spans in recording.token_spans.items()
            if phase not in warm_ups
        },
        pauses=shift_stalls(recording.pauses, -begin_s),  # also those of the warm-up: it was not as planned
        long_turns=shift_stalls(recording.long_turns, -begin_s),
        resources=_since(begin_s, recording.resources),
        probes=_since(begin_s, recording.probes),
        gauges=_since(begin_s, recording.gauges),
        faults=shift_faults(recording.faults, -begin_s),
        work={},  # counters of services also count the warm-up
    )


def _since(begin_s: float, watched: Sequence[Watched]) -> tuple[Watched, ...]:
    """Return the samples from a time on, with that time as 0."""
    return tuple(shift_clock([sample for sample in watched if sample.at_s >= begin_s], -begin_s))

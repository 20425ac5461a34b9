"""A recording without the stages that only warm up."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.core.config.executors import Phase
from bench.core.run.recording import Recording, Watched, moved


def measured(recording: Recording, phases: Sequence[Phase]) -> Recording:
    """A recording without its warm-up stages, with its clock at 0 when the first other request is planned.

    Args:
        recording: The whole.
        phases: The scenario's. Warm-up in between others is left out as well, but its time is not.
    """
    warm = [index for index, phase in enumerate(phases) if phase.warm_up]
    if not warm:
        return recording
    kept = recording.samples.where(~np.isin(recording.samples.column("phase"), warm))
    begin_s = float(kept.column("scheduled_s").min()) if len(kept) else recording.elapsed_s
    return replace(
        recording,
        elapsed_s=recording.elapsed_s - begin_s,
        samples=kept.shift(-begin_s),
        token_gaps={phase: gaps for phase, gaps in recording.token_gaps.items() if phase not in warm},
        resources=_since(begin_s, recording.resources),
        probes=_since(begin_s, recording.probes),
        gauges=_since(begin_s, recording.gauges),
        work={},  # services count all requests alike
    )


def _since(begin_s: float, watched: Sequence[Watched]) -> tuple[Watched, ...]:
    """What was seen from that moment on, with its clock at 0 there."""
    return tuple(moved([each for each in watched if each.at_s >= begin_s], -begin_s))

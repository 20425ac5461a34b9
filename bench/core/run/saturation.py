"""Whether other programs used the whole machine during a run."""

from collections.abc import Mapping, Sequence

from bench.core.calibration.machine_speed import MachineSpeed
from bench.core.run.result import RunResult
from bench.core.samples.sample import HOST, is_generator
from bench.core.values import wording
from bench.core.watch.resources import ResourceSummary

# Share of the time of all cores that processes outside the stack and the load generators may use: with more
# than 95 %, every request waits for a core.
OUTSIDE_RATIO = 0.95


def find_saturation(runs: Sequence[RunResult], speed: MachineSpeed | None = None) -> str | None:
    """Return why the machine of some runs was saturated; None if it was not, or if it is unknown.

    The machine of a stack that simulates time hardly matters, so it is left out.

    Args:
        runs: The runs.
        speed: Their machine speed, if the reference workload shows it.
    """
    if speed is not None and speed.saturated:
        factor = 1.0 + speed.slowdown_ratio
        return f"the machine was saturated: the reference workload took {factor:.1f} times its usual time"
    for run in runs:
        if run.fingerprint.simulated:  # its times come from a clock, which no other program slows down much
            continue
        reason = explain_saturation(run.summary.resources, run.fingerprint.cpu_count)
        if reason is not None:
            return reason
    return None


def explain_saturation(resources: Mapping[str, ResourceSummary], cores: int) -> str | None:
    """Return the sentence that other programs used all cores, or None if they did not or it is unknown.

    If no service of the stack was watched, it is unknown: the target may be one of the other programs.

    Args:
        resources: Use of processor time by source, in percent of one core; for the machine, of all cores.
        cores: Number of cores of the machine.
    """
    machine = resources.get(HOST)
    own_pct = 0.0
    watches_stack = False
    for source, usage in resources.items():
        if source != HOST:
            own_pct += usage.cpu_pct_mean
            watches_stack = watches_stack or not is_generator(source)
    if machine is None or not watches_stack:
        return None
    outside_ratio = (machine.cpu_pct_mean - own_pct / cores) / 100.0
    if outside_ratio < OUTSIDE_RATIO:
        return None
    share = wording.percent(min(1.0, outside_ratio))
    return f"the machine was saturated: other programs used {share} of its processor time"

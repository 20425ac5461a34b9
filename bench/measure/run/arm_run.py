"""One run of one version, on a stack that starts for this run only."""

from dataclasses import replace
from pathlib import Path

from bench.core.config.run_spec import RunSpec
from bench.measure.run.alternate import Arm, PairRun, find_origin
from bench.measure.run.conditions import Listener
from bench.measure.run.run import measure


def measure_arm(arm: Arm, spec: RunSpec, place: Path, listener: Listener, *, calibrated: bool) -> PairRun:
    """Start the stack of a version, measure a scenario once, and stop the stack.

    No run inherits a cache, a queue or a counter of another one, so the runs are independent.

    Args:
        arm: The version.
        spec: The scenario, as the version gets it.
        place: Folder of the run, below that of all runs.
        listener: Receives the progress.
        calibrated: Calibrate the load generator.

    Raises:
        TargetError: The stack did not start, or refused the test users.
        MeasurementError: A load generator was lost before the load.
        KeyboardInterrupt: Ctrl-C ended the run.
    """
    conditions = replace(arm.conditions, calibrated=calibrated, shared=False)
    result, recording = measure(spec, arm.stack, conditions, listener, place)
    if recording.is_interrupted:
        raise KeyboardInterrupt
    origin = find_origin(arm, result.provenance)
    return PairRun(place, result.model_copy(update={"provenance": origin}), recording)

"""Run a scenario and judge it against its baseline."""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bench.core.config.quick_load import is_address
from bench.core.verdict.compare import explain_unusable
from bench.errors import ConfigError, MeasurementError, TargetError
from bench.measure.run.conditions import Listener
from bench.store.folders import RESULTS
from bench.usecases.compare import JudgedRun, judge_run
from bench.usecases.failed_run import keep_reason
from bench.usecases.options import QUIET, RunOptions
from bench.usecases.report import store_judgement
from bench.usecases.run import StoredRun, measure_and_store, measure_to_end

if TYPE_CHECKING:
    from bench.store.results import MisplacedRunError


def check(
    scenario: str, *, confirm: bool = True, listener: Listener = QUIET, **options: Unpack[RunOptions]
) -> JudgedRun:
    """Run a scenario, judge it against its baseline, and store the reports in the run's folder.

    Args:
        scenario: Name of a scenario, or the path of its file.
        confirm: Run a suspected regression a second time, and report it only if both runs show it. A third
            run replaces an invalid second one; if that is invalid too, the decision is `invalid`.
        listener: Receives progress, notes and warnings.
        options: See `RunOptions`.

    Raises:
        BenchError: As for `bench.run`, or the baseline cannot be read. If the run cannot be stored, the
            returned value has the error, so that the verdict is not lost.
        KeyboardInterrupt: As for `bench.run`.
    """
    if is_address(scenario):
        raise ConfigError(
            f"{scenario}: bench check needs a scenario, because a baseline belongs to one",
            "judge limits (bench run ADDRESS --threshold 'e2e_ms p(95)<2000'), or write a scenario file",
        )
    with keep_reason(scenario, Path(options.get("results", RESULTS))):
        first, problem = measure_and_store(scenario, listener, options)
    report = judge_run(first.result)
    if confirm and report.comparison.suspect:
        listener.note("the run looks worse than the baseline; bench runs the scenario again to confirm it")
        second, second_problem = _measure_confirmation(scenario, listener, options)
        report = judge_run(first.result, confirmation=second.result)
        problem = problem or second_problem
    return store_judgement(JudgedRun(report, first.folder), problem)


def _measure_confirmation(
    scenario: str, listener: Listener, options: RunOptions
) -> "tuple[StoredRun, MisplacedRunError | None]":
    """Run a scenario again; one more run replaces a run that failed, ended early or is invalid.

    Raises:
        BenchError: Both runs failed.
        KeyboardInterrupt: As for `bench.run`.
    """
    try:
        second, problem = measure_to_end(scenario, listener, options)
        unusable = explain_unusable(second.result)
    except (MeasurementError, TargetError) as error:
        unusable = f"the confirmation run failed: {error.message}"
    else:
        if unusable is None:
            return second, problem
    listener.warning(f"{unusable}; bench runs the scenario a third time")
    return measure_to_end(scenario, listener, options)

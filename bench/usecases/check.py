"""Run a scenario and judge it against its baseline."""

from typing import Unpack

from bench.measure.run.run import Listener
from bench.usecases.compare import JudgedRun, judge_run
from bench.usecases.report import store_reports
from bench.usecases.run import QUIET, RunOptions, run


def check(
    scenario: str, *, confirm: bool = True, listener: Listener = QUIET, **options: Unpack[RunOptions]
) -> JudgedRun:
    """Run a scenario, judge it against its baseline, and store the reports in the run's folder.

    Args:
        scenario: Name of a scenario, or the path of its file.
        confirm: Run a suspected regression a second time, and report it only if both runs show it.
        listener: Receives progress, notes and warnings.
        options: See `RunOptions`.

    Raises:
        BenchError: As for `bench.run`, or the baseline cannot be read.
        KeyboardInterrupt: As for `bench.run`.
    """
    first = run(scenario, listener=listener, **options)
    report = judge_run(first.result)
    if confirm and report.comparison.suspect:
        listener.note("the run looks worse than the baseline; bench runs the scenario again to confirm it")
        second = run(scenario, listener=listener, **options)
        report = judge_run(first.result, confirmation=second.result)
    judged = JudgedRun(report, first.folder)
    store_reports(judged)
    return judged

"""Run a scenario and judge it against its baseline, or against a commit in pairs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bench.core.config.quick_load import is_address
from bench.core.verdict.compare import explain_unusable
from bench.errors import ConfigError, MeasurementError, TargetError
from bench.measure.machine.signals import finish_first
from bench.measure.run.conditions import Listener
from bench.store import scenarios
from bench.store.folders import RESULTS
from bench.usecases.against import measure_against
from bench.usecases.compare import JudgedRun, judge_run
from bench.usecases.failed_run import keep_reasons
from bench.usecases.interruption import describe_stored
from bench.usecases.merge import JudgedSuite
from bench.usecases.options import QUIET, RunOptions
from bench.usecases.paired_suite import select_scenarios
from bench.usecases.report import store_judgement
from bench.usecases.run import StoredRun, check_stop, measure_to_end

if TYPE_CHECKING:
    from bench.core.load.progress import Progress
    from bench.store.results import MisplacedRunError

Measure = Callable[[Listener], "tuple[StoredRun, MisplacedRunError | None]"]
"""Measures and stores a run; returns it, and the error if its folder is not writable."""
_SUSPECT = "a run that looks worse, without its confirmation, is"


def check(
    scenario: str,
    *,
    confirm: bool = True,
    against: str | None = None,
    pairs: str | int | None = None,
    suite: str | None = None,
    listener: Listener = QUIET,
    **options: Unpack[RunOptions],
) -> JudgedRun:
    """Run a scenario, judge it against its baseline or a commit, and store the reports in the run's folder.

    Args:
        scenario: Name of a scenario, or the path of its file.
        confirm: Run a suspected regression a second time, and report it only if both runs show it. A third
            run replaces an invalid second one; if that is invalid too, the decision is `invalid`.
        against: A branch, a tag or a commit of this repository. The scenario runs in pairs on its files and
            on those of this folder, until the difference is known; no baseline is needed.
        pairs: Largest number of pairs, or `LEAST..MOST`; default: 12. Only with `against`.
        suite: The suite that the scenario belongs to, if its other scenarios are measured elsewhere. Only
            with `against`: it divides the rate of false alarms by the number of its scenarios.
        listener: Receives progress, notes and warnings.
        options: See `RunOptions`.

    Raises:
        BenchError: As for `bench.run`, or the baseline cannot be read. If the run cannot be stored, the
            returned value has the error, so that the verdict is not lost. With `against` as for `bench.ab`.
        KeyboardInterrupt: As for `bench.run`.
    """
    with keep_reasons([scenario], Path(options.get("results", RESULTS))):
        if against is not None:
            count = None if suite is None else len(scenarios.of_suite(suite))
            measured = measure_against(against, [scenario], options, listener, pairs=pairs, scenarios=count)
            return measured.single
        _refuse_without_commit(pairs, suite)
        return _check_baseline(scenario, options, listener, confirm=confirm)


def check_suite(
    suite: str,
    against: str,
    *,
    pairs: str | int | None = None,
    listener: Listener = QUIET,
    **options: Unpack[RunOptions],
) -> JudgedSuite:
    """Run all scenarios of a suite in pairs on the files of a commit and on those of this folder.

    Args:
        suite: A suite of scenarios/suites.yaml.
        against: A branch, a tag or a commit of this repository.
        pairs: Largest number of pairs of each scenario, or `LEAST..MOST`; default: 12.
        listener: Receives progress, notes and warnings, and what is known after each pair.
        options: See `RunOptions`.

    Raises:
        BenchError: As for `bench.ab_suite`.
        KeyboardInterrupt: As for `bench.ab_suite`.
    """
    selected = select_scenarios(suite, allow_side_effects=options.get("allow_side_effects", False))
    return selected.judge(measure_against(against, selected.names, options, listener, pairs=pairs))


def _refuse_without_commit(pairs: str | int | None, suite: str | None) -> None:
    """Check that no option is given that only a comparison with a commit has.

    Raises:
        ConfigError: One is given.
    """
    for option, value in (("--pairs", pairs), ("--suite", suite)):
        if value is not None:
            raise ConfigError(f"{option}: needs a commit to compare with", f"--against main {option} {value}")


def _check_baseline(scenario: str, options: RunOptions, listener: Listener, *, confirm: bool) -> JudgedRun:
    """Run a scenario, and judge it against its baseline; see `check`."""
    if is_address(scenario):
        raise ConfigError(
            f"{scenario}: bench check needs a scenario, because a baseline belongs to one",
            "judge limits (bench run ADDRESS --threshold 'e2e_ms p(95)<2000'), or write a scenario file",
        )

    def measure(listener: Listener) -> "tuple[StoredRun, MisplacedRunError | None]":
        return measure_to_end(scenario, listener, options)

    return judge_measured(measure, listener, confirm=confirm)


def judge_measured(measure: Measure, listener: Listener, *, confirm: bool) -> JudgedRun:
    """Measure a run, judge it against its baseline, and store the reports.

    Args:
        measure: Measures and stores a run, also one that ends early.
        listener: Receives notes and warnings.
        confirm: Measure a suspected regression a second time.

    Raises:
        BenchError: As for `bench.run`, or the baseline cannot be read.
        KeyboardInterrupt: As for `bench.run`.
    """
    second: StoredRun | None = None
    first, problem = measure(listener.followed_by(_describe_confirmation) if confirm else _end(listener))
    check_stop(first.result, first.folder)
    with finish_first(lambda: _describe("the complete run is", first)):
        report = judge_run(first.result)
    if confirm and report.comparison.suspect:
        if first.is_interrupted:
            raise KeyboardInterrupt(_describe(_SUSPECT, first))
        listener.note("the run looks worse than the baseline; bench runs the scenario again to confirm it")
        with _keep_suspect(first):
            second, second_problem = _measure_confirmation(measure, _end(listener))
        problem = problem or second_problem
    judged = JudgedRun(report, first.folder, problem=problem)

    def describe() -> str:
        return describe_stored("the run and its reports are", first.folder, "compare", judged.problem)

    with finish_first(describe):
        if second is not None:
            judged = JudgedRun(judge_run(first.result, confirmation=second.result), first.folder)
        judged = store_judgement(judged, problem)
    if first.is_interrupted or (second is not None and second.is_interrupted):
        raise KeyboardInterrupt(describe())
    return judged


def _describe(what: str, run: StoredRun) -> str:
    """Return the message of an interruption after a run."""
    return describe_stored(what, run.folder, "compare", run.problem)


@contextmanager
def _keep_suspect(run: StoredRun) -> Iterator[None]:
    """Add the first run to the message of an interruption of its confirmation."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(_describe(_SUSPECT, run), *interrupt.args) from interrupt


def _measure_confirmation(
    measure: Measure, listener: Listener
) -> "tuple[StoredRun, MisplacedRunError | None]":
    """Run a scenario again; one more run replaces a run that failed, ended early or is invalid.

    Raises:
        BenchError: Both runs failed.
        KeyboardInterrupt: As for `bench.run`.
    """
    try:
        second, problem = measure(listener)
        unusable = explain_unusable(second.result)
    except (MeasurementError, TargetError) as error:
        unusable = f"the confirmation run failed: {error.message}"
    else:
        if unusable is None:
            return second, problem
        if second.is_interrupted:
            raise KeyboardInterrupt
    listener.warning(f"{unusable}; bench runs the scenario a third time")
    return measure(listener)


def _end(listener: Listener) -> Listener:
    """Return the listener of the last run before the verdict."""
    return listener.followed_by(lambda _: "verdict")


def _describe_confirmation(progress: "Progress") -> str:
    """Return the step after the first run, which is repeated if it looks worse."""
    is_unknown = progress.planned_s is None or progress.trial is not None
    duration = "" if is_unknown else f" ({progress.planned_s:.0f} s)"
    return f"confirm if it looks worse{duration}"

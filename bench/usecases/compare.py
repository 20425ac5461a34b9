"""Judge a stored run against its baseline."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.core.report.report import Report, make_report
from bench.core.run.result import RunResult
from bench.core.verdict import compare as verdict
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, Decision
from bench.errors import StoreError
from bench.store import baselines, noise, results
from bench.store.files import read_model

FindBaseline = Callable[[RunResult], Baseline | None]
"""Return the baseline of a run; None if there is none."""


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """The report of a run, and the files that it was made from."""

    report: Report
    """The judgement, the run and the comparison."""
    folder: Path
    """The run's folder."""
    baseline: Path | None = None
    """The baseline file; default: the one under `baselines/`."""
    problem: StoreError | None = None
    """The error if the run or its reports could not be stored in their folder. The report is right."""

    @property
    def decision(self) -> Decision:
        """The verdict."""
        return self.report.decision


def compare(run: Path | str, *, baseline: Path | str | None = None) -> JudgedRun:
    """Judge a stored run against its baseline; a run of `bench ab` has the verdict against its base version.

    Args:
        run: The run's folder, or its result.json.
        baseline: A baseline file; default: the one under `baselines/`.

    Raises:
        StoreError: The result or the baseline cannot be read.
    """
    path = Path(run)
    folder = results.folder_of(path)
    file = None if baseline is None else Path(baseline)
    result = results.load(path)
    if file is None and (folder / results.BASE).is_file():
        # Two versions were compared in turns: the comparison of their pairs is the verdict.
        comparison = read_model(folder / results.COMPARISON, Comparison)
        return JudgedRun(make_report(result, comparison), folder)
    return JudgedRun(judge_run(result, file), folder, file)


def judge_run(
    result: RunResult,
    baseline: Path | None = None,
    confirmation: RunResult | None = None,
    find_baseline: FindBaseline = baselines.load,
) -> Report:
    """Return the report of a run.

    Args:
        result: The run.
        baseline: A baseline file; default: the one that `find_baseline` returns.
        confirmation: A second run of the same scenario, if the first one looked worse.
        find_baseline: Returns the baseline of a run; default: the one under `baselines/`.

    Raises:
        StoreError: The baseline cannot be read.
    """
    expected = baselines.read(baseline) if baseline else find_baseline(result)
    return make_report(result, verdict.compare(result, expected, confirmation, noise.load(result)))

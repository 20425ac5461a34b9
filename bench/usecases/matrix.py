"""List the jobs that measure a suite in GitHub Actions."""

from dataclasses import dataclass
from pathlib import Path

from bench.core.report.suite import describe_skipped, longest_minutes
from bench.store import results, scenarios
from bench.store.pairs import PAIRS
from bench.usecases.compare import judge_run


@dataclass(frozen=True, slots=True)
class MatrixJob:
    """A job that measures one scenario."""

    scenario: str
    """Name of the scenario."""
    timeout_minutes: int
    """Time limit of the job."""


@dataclass(frozen=True, slots=True)
class JobMatrix:
    """The jobs that measure a suite."""

    jobs: tuple[MatrixJob, ...]
    """A job for each scenario that is measured."""
    skipped: tuple[str, ...]
    """One sentence for each scenario that is not measured, because it has side effects."""


def matrix(
    suite: str,
    *,
    suspect: Path | str | None = None,
    allow_side_effects: bool = False,
) -> JobMatrix:
    """Return a job for each scenario of a suite, and the scenarios that are skipped.

    Args:
        suite: A suite of scenarios/suites.yaml.
        suspect: A folder of runs; only the scenarios whose runs look worse get a job.
        allow_side_effects: Include the scenarios whose changes outlast a run; by default they are skipped.

    Raises:
        ConfigError: The suite is unknown.
        StoreError: A result or a baseline cannot be read.
    """
    names = scenarios.of_suite(suite)
    if suspect is not None:
        suspected = _find_suspected(Path(suspect))
        names = tuple(name for name in names if name in suspected)
    jobs = []
    skipped = []
    for name in names:
        scenario = scenarios.load(name).scenario
        if scenario.side_effects is not None and not allow_side_effects:
            skipped.append(describe_skipped(scenario))
        else:
            jobs.append(MatrixJob(name, longest_minutes(scenario)))
    return JobMatrix(tuple(jobs), tuple(skipped))


def _find_suspected(folder: Path) -> set[str]:
    """Return the scenarios whose runs look worse; empty if the folder does not exist."""
    suspected = set()
    for path in sorted(folder.glob(f"*/{results.RESULT}")):
        result = results.load(path)
        if (path.parent / PAIRS).is_file():
            continue  # pairs need no second run
        if judge_run(result).comparison.suspect:
            suspected.add(result.scenario.name)
    return suspected

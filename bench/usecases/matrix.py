"""List the jobs that measure a suite in GitHub Actions."""

from dataclasses import dataclass
from pathlib import Path

from bench.core.report.suite import longest_minutes
from bench.store import results, scenarios
from bench.usecases.compare import judge_run


@dataclass(frozen=True, slots=True)
class MatrixJob:
    """A job that measures one scenario."""

    scenario: str
    """Name of the scenario."""
    timeout_minutes: int
    """Time limit of the job."""


def matrix(suite: str, *, suspect: Path | str | None = None) -> tuple[MatrixJob, ...]:
    """Return a job for each scenario of a suite.

    Args:
        suite: A suite of scenarios/suites.yaml.
        suspect: A folder of runs; only the scenarios whose runs look worse get a job.

    Raises:
        ConfigError: The suite is unknown.
        StoreError: A result or a baseline cannot be read.
    """
    names = scenarios.of_suite(suite)
    if suspect is not None:
        suspected = _find_suspected(Path(suspect))
        names = tuple(name for name in names if name in suspected)
    jobs = []
    for name in names:
        jobs.append(MatrixJob(name, longest_minutes(scenarios.load(name).scenario)))
    return tuple(jobs)


def _find_suspected(folder: Path) -> set[str]:
    """Return the scenarios whose runs look worse; empty if the folder does not exist."""
    suspected = set()
    for path in sorted(folder.glob(f"*/{results.RESULT}")):
        result = results.load(path)
        if judge_run(result).comparison.suspect:
            suspected.add(result.scenario.name)
    return suspected

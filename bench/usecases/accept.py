"""Accept runs into the baseline of their scenario."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.core.run.result import RunResult
from bench.core.verdict.acceptance import accept_all, check_acceptable
from bench.core.verdict.baseline import SCHEMA_VERSION, Baseline, baseline_json, baseline_path
from bench.core.verdict.levels import accept as add_run
from bench.errors import ConfigError
from bench.measure.run.provenance import git_user
from bench.store import baselines, noise, scenarios
from bench.store import results as store
from bench.store.files import parse_model, read_text, write_text

ReadText = Callable[[str], str | None]
"""Return the text of a file of the repository; None if it does not exist."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One run, and the baseline that has it."""

    run_id: str
    """The run."""
    baseline: Baseline
    """The baseline with the run."""
    path: Path | None
    """The file that was written; None if the baseline had the run before."""


def accept(
    runs: Sequence[Path | str],
    *,
    reason: str,
    by: str | None = None,
    allow_dirty: bool = False,
    allow_regression: bool = False,
) -> tuple[Acceptance, ...]:
    """Add runs to the baseline of their scenario, stack and environment.

    Accepting a run twice changes nothing.

    Args:
        runs: The folders of the runs, or their result.json files.
        reason: Why the runs are acceptable.
        by: Who accepts them; default: git's `user.name`.
        allow_dirty: Accept runs of uncommitted changes.
        allow_regression: Accept runs that are worse than the baseline.

    Raises:
        ConfigError: A run may not be added to its baseline.
        MeasurementError: A run is invalid, was broken off, or has no successful request.
        StoreError: A result or a baseline cannot be read or written.
    """
    accepted = []
    for result in [store.load(Path(run)) for run in runs]:
        with baselines.lock():
            before = baselines.load(result)
            check_acceptable(
                before,
                result,
                noise.load(result),
                allow_dirty=allow_dirty,
                allow_regression=allow_regression,
            )
            after = add_run(before, result, reason=reason, by=by or git_user(), at=datetime.now(UTC))
            path = None if after == before else baselines.save(after)
        accepted.append(Acceptance(result.provenance.run_id, after, path))
    return tuple(accepted)


def update(runs: Sequence[RunResult], suite: str, *, reason: str, by: str) -> tuple[Path, ...]:
    """Accept all runs of a suite, also slower ones, and return the baseline files that changed.

    Args:
        runs: The results.
        suite: The suite that has the scenarios of all runs.
        reason: Why the runs are acceptable.
        by: Who accepts them.

    Raises:
        BenchError: As for `change_baselines`, or a file cannot be written.
    """
    with baselines.lock():
        changed = change_baselines(runs, suite, _read_local, reason=reason, by=by)
        for path, text in changed.items():
            write_text(Path(path), text)
    return tuple(Path(path) for path in changed)


def change_baselines(
    runs: Sequence[RunResult], suite: str, read: ReadText, *, reason: str, by: str
) -> dict[str, str]:
    """Return the texts of the baseline files that change, by their paths in the repository.

    Args:
        runs: The results to accept.
        suite: The suite that has the scenarios of all runs; a run of another suite is refused.
        read: Reads a file of the repository.
        reason: Why the runs are acceptable.
        by: Who accepts them.

    Raises:
        ConfigError: A run belongs to another suite, or may not be added to its baseline.
        MeasurementError: A run is invalid, was broken off, or has no successful request.
        StoreError: A baseline cannot be read.
    """
    measured = {run.scenario.name for run in runs}
    foreign = sorted(measured - set(scenarios.of_suite(suite)))
    if foreign:
        raise ConfigError(
            f"suite '{suite}' has no scenario {', '.join(foreign)}", "name the suite of the runs with --suite"
        )
    before = {}
    for place in {baseline_path(run) for run in runs}:
        path = f"{baselines.FOLDER}/{place}"
        text = read(path)
        if text is not None:
            before[place] = parse_model(text, path, Baseline, SCHEMA_VERSION)
    after = accept_all(before, runs, reason=reason, by=by, at=datetime.now(UTC))
    return {f"{baselines.FOLDER}/{place}": baseline_json(after[place]) for place in sorted(after)}


def _read_local(path: str) -> str | None:
    return read_text(Path(path)) if Path(path).exists() else None

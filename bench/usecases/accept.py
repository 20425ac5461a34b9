"""Accept runs into the baseline of their scenario."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.core.run.result import RunResult
from bench.core.verdict.acceptance import (
    AcceptedBaseline,
    AcceptRequest,
    LevelChoice,
    accept_all,
    describe_change,
)
from bench.core.verdict.accepted_change import AcceptedChange
from bench.core.verdict.baseline import Baseline, baseline_json, baseline_path
from bench.core.verdict.effect import describe_effect
from bench.core.verdict.noise import Noise
from bench.errors import ConfigError
from bench.measure.run.provenance import git_user
from bench.store import baselines, noise, scenarios
from bench.store.files import read_text, write_text
from bench.usecases.compare import judge_pairs
from bench.usecases.stored_runs import StoredSuite, load_suite

ReadText = Callable[[str], str | None]
"""Return the text of a file of the repository; None if it does not exist."""
Announce = Callable[[str], None]
"""Receives the lines about the effect on the baselines, before they change."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One run, and the baseline that has it."""

    run_id: str
    """The run."""
    baseline: Baseline
    """The baseline with the run."""
    path: Path | None
    """The file that was written; None if the baseline had the run before, or with `dry_run`."""


def accept(
    runs: Sequence[Path | str],
    *,
    reason: str,
    by: str | None = None,
    allow_dirty: bool = False,
    allow_regression: bool = False,
    new_level: bool = False,
    dry_run: bool = False,
    announce: Announce | None = None,
) -> tuple[Acceptance, ...]:
    """Add runs to the baseline of their scenario, stack and environment.

    Runs that differ from the newest level by more than the tolerance start a new level. Accepting a run twice
    changes nothing.

    Args:
        runs: The folders of the runs, or their result.json files.
        reason: Why the runs are acceptable.
        by: Who accepts them; default: git's `user.name`.
        allow_dirty: Accept runs of uncommitted changes.
        allow_regression: Accept runs that are worse than the baseline.
        new_level: Start a new level, also if the runs do not differ from the newest one.
        dry_run: Change no file.
        announce: Receives the effect on each baseline in lines, before any file changes.

    Raises:
        ConfigError: A run may not be added to its baseline; no file changes.
        MeasurementError: A run is invalid, was broken off, or has no successful request.
        StoreError: A result or a baseline cannot be read or written.
    """
    stored = load_suite(runs)
    request = AcceptRequest(
        reason=reason,
        by=by or git_user(),
        at=datetime.now(UTC),
        level=LevelChoice.NEW if new_level else LevelChoice.AUTO,
        allow_dirty=allow_dirty,
        allow_regression=allow_regression,
    )
    with baselines.lock():
        accepted = _accept_local(stored, request)
        _announce_effect(accepted.values(), announce)
        paths: dict[str, Path] = {}
        for place, of_place in accepted.items():
            if of_place.after is not None and of_place.changed and not dry_run:
                paths[place] = baselines.save(of_place.after)
    return tuple(_describe_acceptances(stored.results, accepted, paths))


def _accept_local(stored: StoredSuite, request: AcceptRequest) -> dict[str, AcceptedBaseline]:
    before: dict[str, Baseline] = {}
    noises: dict[str, Noise] = {}
    for result in stored.results:
        place = baseline_path(result)
        baseline = baselines.of(place)
        measured_noise = noise.load(result)
        if baseline is not None:
            before[place] = baseline
        if measured_noise is not None:
            noises[place] = measured_noise
    return accept_all(before, stored.results, request, noises, _measure_changes(stored))


def _measure_changes(stored: StoredSuite) -> dict[str, AcceptedChange]:
    """Return the changes for the worse that the pairs of runs show, by the id of the run."""
    changes: dict[str, AcceptedChange] = {}
    for result in stored.results:
        paired = stored.pairs.get(result.provenance.run_id)
        change = None if paired is None else describe_change(judge_pairs(paired, result))
        if change is not None:
            changes[result.provenance.run_id] = change
    return changes


def _describe_acceptances(
    results: Sequence[RunResult], accepted: Mapping[str, AcceptedBaseline], paths: Mapping[str, Path]
) -> Iterator[Acceptance]:
    for result in results:
        run_id = result.provenance.run_id
        place = baseline_path(result)
        before = accepted[place].before
        after = accepted[place].after
        if after is not None:
            was_accepted = before is not None and before.has(run_id)
            yield Acceptance(run_id, after, None if was_accepted else paths.get(place))


def _announce_effect(accepted: Iterable[AcceptedBaseline], announce: Announce | None) -> None:
    if announce is not None:
        for of_baseline in accepted:
            for line in describe_effect(of_baseline):
                announce(line)


def update(
    stored: StoredSuite,
    suite: str,
    request: AcceptRequest,
    *,
    dry_run: bool = False,
    announce: Announce | None = None,
) -> tuple[Path, ...]:
    """Accept all runs of a suite, also slower ones, and return the baseline files that changed.

    Args:
        stored: The results, with the pairs of those that compare two versions.
        suite: The suite that has the scenarios of all runs.
        request: Who accepts the runs, why, and into which level.
        dry_run: Change no file, and return those that would change.
        announce: Receives the effect on each baseline in lines, before any file changes.

    Raises:
        BenchError: As for `change_baselines`, or a file cannot be written.
    """
    with baselines.lock():
        changes = change_baselines(stored, suite, _read_local, request)
        for line in changes.effect:
            if announce is not None:
                announce(line)
        for path, text in changes.files.items():
            if not dry_run:
                write_text(Path(path), text)
    return tuple(Path(path) for path in changes.files)


@dataclass(frozen=True, slots=True)
class BaselineChanges:
    """The baseline files that change, and the effect on the next runs."""

    files: Mapping[str, str]
    """Texts of the files that change, by their paths in the repository."""
    effect: tuple[str, ...]
    """The effect on each baseline in lines."""


def change_baselines(
    stored: StoredSuite, suite: str, read: ReadText, request: AcceptRequest
) -> BaselineChanges:
    """Return the baseline files that change when runs are accepted; no file changes.

    Args:
        stored: The results to accept, with the pairs of those that compare two versions.
        suite: The suite that has the scenarios of all runs; a run of another suite is refused.
        read: Reads a file of the repository.
        request: Who accepts the runs, why, and into which level.

    Raises:
        ConfigError: A run belongs to another suite, or may not be added to its baseline.
        MeasurementError: A run is invalid, was broken off, or has no successful request.
        StoreError: A baseline cannot be read.
    """
    runs = stored.results
    measured = {run.scenario.name for run in runs}
    foreign = sorted(measured - scenarios.of_check(suite))
    if foreign:
        raise ConfigError(
            f"suite '{suite}' has no scenario {', '.join(foreign)}", "name the suite of the runs with --suite"
        )
    before = {}
    for place in {baseline_path(run) for run in runs}:
        path = f"{baselines.FOLDER}/{place}"
        text = read(path)
        if text is not None:
            before[place] = baselines.parse(text, path)
    files: dict[str, str] = {}
    effect: list[str] = []
    for place, accepted in accept_all(before, runs, request, changes=_measure_changes(stored)).items():
        effect += describe_effect(accepted)
        if accepted.after is not None and accepted.changed:
            files[f"{baselines.FOLDER}/{place}"] = baseline_json(accepted.after)
    return BaselineChanges(files, tuple(effect))


def _read_local(path: str) -> str | None:
    return read_text(Path(path)) if Path(path).exists() else None

"""Maintain baselines: pin, prune and verify them, and compare two of them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.core.verdict.baseline import Baseline, find_faults
from bench.core.verdict.effect import level_values
from bench.core.verdict.levels import pin as pin_runs
from bench.core.verdict.levels import prune as prune_runs
from bench.errors import BenchError
from bench.measure.run.provenance import fingerprint, git_user
from bench.store import baselines, scenarios, stacks


@dataclass(frozen=True, slots=True)
class BaselineFile:
    """A baseline and its file."""

    path: Path
    """The file."""
    baseline: Baseline
    """Its content."""


@dataclass(frozen=True, slots=True)
class TypicalChange:
    """One metric in two baselines, in the unit of the metric."""

    key: str
    """The metric."""
    before: float | None
    """Value at the newest level of the first baseline; None if it has no such metric."""
    after: float | None
    """Value at the newest level of the second baseline; None if it has no such metric."""

    @property
    def ratio(self) -> float | None:
        """Relative change; None if a value is missing or zero."""
        return self.after / self.before - 1 if self.before and self.after else None


def list_baselines(scenario: str | None = None) -> tuple[BaselineFile, ...]:
    """Return all baselines, or those of one scenario.

    Raises:
        StoreError: The scenario has no baseline, or a file cannot be read.
    """
    paths = baselines.paths() if scenario is None else baselines.only(scenario)
    return tuple(BaselineFile(path, baselines.read(path)) for path in paths)


def diff(one: Path | str, other: Path | str) -> tuple[TypicalChange, ...]:
    """Return the values of all metrics at the newest levels of two baseline files.

    Raises:
        StoreError: A file cannot be read.
    """
    before = level_values(baselines.read(Path(one)).newest)
    after = level_values(baselines.read(Path(other)).newest)
    keys = sorted(before.keys() | after.keys())
    return tuple(TypicalChange(key, before.get(key), after.get(key)) for key in keys)


def pin(scenario: str, *, reason: str, by: str | None = None) -> tuple[BaselineFile, ...]:
    """Pin the present runs of a scenario's baselines, so that drift since now is reported.

    Raises:
        ConfigError: The reason is empty.
        StoreError: The scenario has no baseline, or a file cannot be read or written.
    """
    saved = []
    with baselines.lock():
        for path in baselines.only(scenario):
            before = baselines.read(path)
            after = pin_runs(before, reason=reason, by=by or git_user(), at=datetime.now(UTC))
            saved.append(BaselineFile(baselines.save(after), after))
    return tuple(saved)


def unpin(scenario: str) -> tuple[BaselineFile, ...]:
    """Remove the pinned runs of a scenario's baselines.

    Raises:
        StoreError: The scenario has no baseline, or a file cannot be read or written.
    """
    saved = []
    with baselines.lock():
        for path in baselines.only(scenario):
            after = baselines.read(path).model_copy(update={"pinned": None})
            saved.append(BaselineFile(baselines.save(after), after))
    return tuple(saved)


def prune(scenario: str, *, keep: int) -> tuple[tuple[BaselineFile, int], ...]:
    """Remove the oldest runs of a scenario's baselines; return each file with the number of removed runs.

    Args:
        scenario: Name of a scenario.
        keep: Number of newest runs that stay.

    Raises:
        StoreError: The scenario has no baseline, or a file cannot be read or written.
    """
    saved = []
    with baselines.lock():
        for path in baselines.only(scenario):
            before = baselines.read(path)
            after = prune_runs(before, keep)
            removed = len(before.runs) - len(after.runs)
            saved.append((BaselineFile(baselines.save(after), after), removed))
    return tuple(saved)


def verify() -> dict[Path, tuple[str, ...]]:
    """Return the faults of every baseline file; a usable baseline has none.

    A baseline is usable if its file can be read and its runs are comparable with the scenario of today.
    """
    return {path: _find_faults(path) for path in baselines.paths()}


def _find_faults(path: Path) -> tuple[str, ...]:
    try:
        baseline = baselines.read(path)
        today = fingerprint(scenarios.load(baseline.scenario), stacks.load(baseline.stack))
    except BenchError as error:
        return (error.message,)
    faults = list(find_faults(baseline, today))
    if path.stem != baseline.scenario:
        faults.insert(0, f"the file has the baseline of scenario '{baseline.scenario}'")
    return tuple(faults)

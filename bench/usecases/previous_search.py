"""Find the safe load of an earlier search, with which a search starts."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bench.core.capacity.load_trial import LoadUnit, SafeLoad
from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack
from bench.core.run.result import RunResult
from bench.core.run.safe_load import safe_load_key
from bench.errors import StoreError
from bench.store import baselines, results

_MOST_RUNS = 20
"""Stored runs that are read; older ones say less about the stack of today."""


class PreviousSearch(NamedTuple):
    """An earlier answer and where it is stored."""

    safe_load: SafeLoad
    """The safe load."""
    place: Path
    """The folder of the run, or the baseline."""


def find_previous(
    spec: RunSpec, stack: Stack, unit: LoadUnit, objectives: tuple[str, ...], folder: Path
) -> PreviousSearch | None:
    """Return the newest answer for a scenario and a stack: of a stored run, or else of the baseline.

    Args:
        spec: The scenario.
        stack: The stack.
        unit: Unit of the load.
        objectives: The objectives in words.
        folder: Folder of the stored runs.
    """
    for home, result in _list_runs(folder, spec.scenario.name):
        capacity = result.capacity
        is_same = result.scenario.name == spec.scenario.name and result.fingerprint.stack == stack.name
        if not is_same or capacity is None or capacity.safe_load is None:
            continue
        if capacity.unit == unit and capacity.objectives == objectives:
            return PreviousSearch(capacity.safe_load, home)
    return _read_baseline(spec.scenario.name, stack.name, unit)


def _list_runs(folder: Path, name: str) -> Iterator[tuple[Path, RunResult]]:
    """Yield the stored runs of a scenario, the newest first."""
    homes = sorted(folder.glob(f"*-{name}-*/{results.RESULT}"), reverse=True)
    for path in homes[:_MOST_RUNS]:
        with suppress(StoreError):
            yield path.parent, results.load(path)


def _read_baseline(name: str, stack: str, unit: LoadUnit) -> PreviousSearch | None:
    """Return the answer of the newest accepted search, of any machine."""
    for path in baselines.paths():
        if path.stem != name or path.parent.parent.name != stack:
            continue
        with suppress(StoreError):
            safe = baselines.read(path).runs[-1].safe_load
            if safe is not None and safe.key == safe_load_key(unit):
                interval = safe.interval
                low = min(safe.load, interval.low or 0.0)
                answer = SafeLoad(load=safe.load, low=low, high=interval.high, confidence=interval.confidence)
                return PreviousSearch(answer, path)
    return None

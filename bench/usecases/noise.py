"""Run a scenario repeatedly and measure how much its runs differ."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from bench.core.run.result import RunResult
from bench.core.verdict.assess import assess
from bench.core.verdict.noise import Noise
from bench.measure.run.conditions import Listener
from bench.store import noise as store
from bench.store import results
from bench.usecases.options import QUIET, RunOptions
from bench.usecases.run import run


def noise(
    scenario: str, *, runs: int = 10, listener: Listener = QUIET, **options: Unpack[RunOptions]
) -> tuple[Noise, Path]:
    """Run a scenario several times, and store the noise next to the baselines; return it and its file.

    `bench check` uses the noise for its verdicts.

    Args:
        scenario: Name of a scenario, or the path of its file.
        runs: Number of runs.
        listener: Receives progress, notes and warnings.
        options: See `RunOptions`.

    Raises:
        BenchError: As for `bench.run`.
        KeyboardInterrupt: As for `bench.run`.
    """
    measured = []
    for number in range(1, runs + 1):
        listener.note(f"run {number} of {runs}")
        measured.append(run(scenario, listener=listener, **options).result)
    return _assess(measured)


def noise_of(runs: Sequence[Path | str]) -> tuple[Noise, Path]:
    """Store the noise of runs that were measured before; return it and its file.

    Raises:
        ConfigError: There are too few runs, or they are not comparable.
        StoreError: A result cannot be read.
    """
    return _assess([results.load(Path(path)) for path in runs])


def _assess(runs: Sequence[RunResult]) -> tuple[Noise, Path]:
    measured = assess(runs)
    return measured, store.save(measured)

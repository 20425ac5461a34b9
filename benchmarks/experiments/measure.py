"""Measure experiments one after the other; an interrupted measurement continues."""

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError
from bench.measure.run.conditions import Listener
from bench.store import experiments
from bench.usecases.experiment import experiment

ACCEPTED = Path("baselines/experiments")
"""The results that belong to the commit."""


def measure_all(names: tuple[str, ...], results: Path) -> Iterator[tuple[str, str | None]]:
    """Measure experiments, and accept their results.

    Args:
        names: The experiments.
        results: Folder of the runs. A finished measurement of the same declaration is not repeated.

    Yields:
        Each name, and why it was not measured; None if it was.
    """
    listener = Listener(note=_say, warning=_say)
    for name in names:
        try:
            finished = experiments.find_finished(experiments.load(name), results)
            if finished is None:
                finished = experiment(name, listener=listener, resume=True, results=results).result
        except BenchError as error:
            yield name, error.message
            continue
        experiments.accept(finished, ACCEPTED)
        yield name, None


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")

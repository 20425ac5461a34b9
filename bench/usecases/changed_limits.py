"""Name the limits that a pull request changed for its own scenarios."""

from collections.abc import Iterable, Iterator

from bench.core.run.result import RunResult
from bench.core.values import wording
from bench.errors import ConfigError
from bench.store import scenarios


def describe_changed_limits(results: Iterable[RunResult]) -> Iterator[str]:
    """Yield a sentence for each scenario that was judged with other limits than the files here declare.

    A pull request may change its limits, but its reviewer has to see it.

    Args:
        results: The results of a pull request. The files here are those of the default branch.
    """
    for result in results:
        measured = result.scenario
        try:
            own = scenarios.load(measured.name).scenario
        except ConfigError:  # a new scenario
            continue
        changed: list[str] = []
        if measured.tolerances != own.tolerances:
            changed.append("tolerances")
        if measured.thresholds != own.thresholds:
            changed.append("thresholds")
        if changed:
            names = wording.listing(changed)
            yield f"{measured.name} was judged by {names} that differ from those of the default branch"

"""`bench baseline noise`: runs of the same, judged by each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import say
from bench.cli.measuring import (
    DEFAULT_RESULTS,
    Calibration,
    How,
    ResultsFolder,
    TargetName,
    TargetUrl,
    Workers,
    measure_and_keep,
)

if TYPE_CHECKING:
    from bench.core.verdict.noise import Noise

_LABEL_WIDTH = 22
Of = Annotated[list[Path] | None, typer.Option("--of", help="Runs that there are, in place of new ones.")]


def noise(
    scenario: Annotated[str | None, typer.Argument(help="A scenario to measure again and again.")] = None,
    *,
    runs: Annotated[int, typer.Option("--runs", min=6, max=500, help="How many times.")] = 10,
    of: Of = None,
    target: TargetName = None,
    target_url: TargetUrl = None,
    workers: Workers = 1,
    calibration: Calibration = True,
    results: ResultsFolder = DEFAULT_RESULTS,
) -> None:
    """Run a scenario repeatedly and measure how much runs differ.

    Writes what it found beside the baselines, where `bench check` takes its priors from.
    """
    from bench.core.verdict.assess import assess
    from bench.errors import ConfigError
    from bench.store import noise as store
    from bench.store.results import load

    if (scenario is None) == (of is None):
        raise ConfigError(
            "name a scenario to measure, or runs with --of", "bench baseline noise quick --runs 10"
        )
    if of is not None:
        made = [load(path) for path in of]
    else:
        how = How(target, target_url, None, workers, calibration=calibration)
        made = []
        for number in range(runs):
            say(f"run {number + 1} of {runs}")
            made.append(measure_and_keep(str(scenario), how, results)[0])
    found = assess(made)
    _print(found)
    say(f"written to {store.save(found)}")


def _print(found: "Noise") -> None:
    from bench.core.samples.metrics import metric
    from bench.core.values.wording import percent

    print(f"{found.scenario}: {found.runs} runs of the same")
    for key, each in found.metrics.items():
        spread, seen = percent(each.sd), percent(each.mde_ratio)
        print(f"  {metric(key).label:<{_LABEL_WIDTH}} sd {spread:>7}   detectable {seen}")
    interval = f"{percent(found.alarms_low_ratio)} to {percent(found.alarms_high_ratio)}"
    print(f"  false alarms           {found.alarms} of {found.runs} (95% interval {interval})")
    if found.advisory:
        print("  the gate errs too often here: it advises and fails nobody")

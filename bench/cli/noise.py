"""`bench baseline noise`: run a scenario repeatedly and measure how much its runs differ."""

from pathlib import Path
from typing import Annotated, Unpack

import typer

from bench.cli import options
from bench.cli.console import say
from bench.cli.live import listen
from bench.core.samples.metrics import metric
from bench.core.values.wording import percent
from bench.core.verdict.noise import Noise
from bench.errors import ConfigError
from bench.usecases.noise import noise as measure_noise
from bench.usecases.noise import noise_of
from bench.usecases.options import RunOptions

_LABEL_WIDTH = 22
Scenario = Annotated[
    str | None, typer.Argument(metavar="[SCENARIO]", help="Name of a scenario, or the path of its file.")
]
RunCount = Annotated[
    int, typer.Option("--runs", metavar="N", min=6, max=500, help="Run the scenario this number of times.")
]
Of = Annotated[
    list[Path] | None,
    typer.Option("--of", metavar="RUN", help="Use this stored run instead of new runs; repeatable."),
]


@options.with_run_options
def noise(
    scenario: Scenario = None,
    *,
    runs: RunCount = 10,
    of: Of = None,
    **given: Unpack[RunOptions],
) -> None:
    """Run a scenario repeatedly and measure how much its runs differ.

    Stores the noise next to the baselines, where `bench check` reads it.
    """
    if (scenario is None) == (of is None):
        raise ConfigError("name either a scenario or stored runs", "bench baseline noise quick --runs 10")
    if scenario is None:
        measured, path = noise_of(of or ())
    else:
        with listen(scenario, live=False) as listener:
            measured, path = measure_noise(scenario, runs=runs, listener=listener, **given)
    _print(measured)
    say(f"written to {path}")


def _print(noise: Noise) -> None:
    print(f"{noise.scenario}: {noise.runs} runs of the same version")
    for key, spread in noise.metrics.items():
        label = metric(key).label
        sd = percent(spread.sd)
        detectable = percent(spread.detectable_ratio)
        print(f"  {label:<{_LABEL_WIDTH}} sd {sd:>7}   smallest visible change {detectable}")
    low = percent(noise.alarms_low_ratio)
    high = percent(noise.alarms_high_ratio)
    print(
        f"  {'false alarms':<{_LABEL_WIDTH}} {noise.alarms} of {noise.runs} (95 % interval {low} to {high})"
    )
    if noise.advisory:
        print("  too many false alarms: verdicts of this scenario are advisory and never fail a check")

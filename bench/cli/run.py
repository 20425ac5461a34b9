"""`bench run`: run a scenario, store the result and print it."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import warn
from bench.cli.live import listen
from bench.cli.options import TransportChoice
from bench.cli.outputs import layout_of_stdout
from bench.core.run.result import RunResult
from bench.errors import Exit
from bench.render.results import results_text
from bench.usecases.run import run as run_scenario

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the folder of the run.")]


def run(
    scenario: options.ScenarioName,
    *,
    stack: options.StackName = None,
    target: options.TargetName = None,
    urls: options.Urls = None,
    vus: options.Vus = None,
    duration: options.Duration = None,
    rate: options.Rate = None,
    inject: options.Inject = None,
    objectives: options.Objective = None,
    workers: options.Workers = 1,
    transport: options.Transport = TransportChoice.OWN,
    http: options.Http = None,
    ca: options.Ca = None,
    calibration: options.Calibration = True,
    pin: options.Pin = True,
    allow_side_effects: options.AllowSideEffects = False,
    live: options.Live = False,
    quiet: Quiet = False,
    results: options.ResultsFolder = options.DEFAULT_RESULTS,
) -> None:
    """Run a scenario, store the result and print it.

    The last line is the folder of the run. `bench compare FOLDER` judges it.
    Exits with 1 if a threshold is crossed, and with 5 if the run is invalid.
    """
    given = options.read_run_options(locals())
    with listen(scenario, live=live) as listener:
        stored = run_scenario(scenario, listener=listener, **given)
    if quiet:
        _warn(stored.result)
    else:
        print(results_text(stored.result, layout_of_stdout()))
        print(f"next: bench compare {stored.folder}")
    print(stored.folder)
    raise typer.Exit(_exit_code(stored.result))


def _warn(result: RunResult) -> None:
    """Print the reason of a failing exit code on stderr."""
    for limit in result.crossed:
        warn(f"threshold crossed: {limit}")
    for reason in result.validity.reasons:
        warn(f"the run is invalid: {reason}")


def _exit_code(result: RunResult) -> Exit:
    if not result.validity.valid:
        return Exit.MEASUREMENT
    return Exit.REGRESSION if result.crossed else Exit.PASS

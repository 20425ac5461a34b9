"""`bench run`: run a scenario and store the result."""

import typer

from bench.cli import options
from bench.cli.console import warn
from bench.cli.live import listen
from bench.cli.options import TransportChoice
from bench.core.run.summary import RunSummary
from bench.core.values import wording
from bench.errors import Exit
from bench.usecases.run import run as run_scenario


def run(
    scenario: options.ScenarioName,
    *,
    stack: options.StackName = None,
    target: options.TargetName = None,
    url: options.Urls = None,
    vus: options.Vus = None,
    duration: options.Duration = None,
    rate: options.Rate = None,
    inject: options.Inject = None,
    objective: options.Objective = None,
    workers: options.Workers = 1,
    transport: options.Transport = TransportChoice.OWN,
    http: options.Http = None,
    ca: options.Ca = None,
    calibration: options.Calibration = True,
    pin: options.Pin = True,
    live: options.Live = False,
    results: options.ResultsFolder = options.DEFAULT_RESULTS,
) -> None:
    """Run a scenario and store the result.

    Prints the folder of the run. `bench compare FOLDER` judges it. Exits with 5 if the run is invalid.
    """
    with listen(scenario, live=live) as listener:
        stored = run_scenario(
            scenario,
            listener=listener,
            stack=stack,
            target=target,
            urls=url or (),
            vus=vus,
            duration=duration,
            rate=rate,
            inject=inject or (),
            objectives=objective or (),
            workers=workers,
            transport=transport.value,
            http=None if http is None else http.value,
            ca=ca,
            calibration=calibration,
            pin=pin,
            results=results,
        )
    print(stored.folder)
    for warning in (*_describe_failures(stored.result.summary), *stored.result.warnings):
        warn(warning)
    validity = stored.result.validity
    for reason in validity.reasons:
        warn(f"the run is invalid: {reason}")
    if not validity.valid:
        raise typer.Exit(Exit.MEASUREMENT)


def _describe_failures(summary: RunSummary) -> list[str]:
    """Return one sentence if requests failed, with the first of them as an example."""
    if not summary.errors:
        return []
    example = summary.errors[0]
    words = "" if example.detail is None else f": {example.detail}"
    failed = f"{summary.failed:,} of {wording.counted(summary.requests, 'request')} failed"
    return [f"{failed}, for example with {example.outcome}{words}"]

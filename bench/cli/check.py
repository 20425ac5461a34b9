"""`bench check`: run a scenario and judge it against its baseline."""

from enum import StrEnum
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.cli.live import listen
from bench.cli.options import TransportChoice
from bench.cli.outputs import RunOut, parse_outputs, write_outputs
from bench.cli.verdict import exit_code
from bench.render.formats import RUN_FORMATS
from bench.usecases.check import check as check_scenario
from bench.usecases.report import render_run


class Confirm(StrEnum):
    """When a run is repeated."""

    AUTO = "auto"
    NEVER = "never"


ConfirmOption = Annotated[
    Confirm, typer.Option("--confirm", help="Repeat a run that looks worse, before it fails.")
]


def check(
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
    confirm: ConfirmOption = Confirm.AUTO,
    strict: options.Strict = False,
    out: RunOut = None,
    results: options.ResultsFolder = options.DEFAULT_RESULTS,
) -> None:
    """Run a scenario and judge it against its baseline.

    Exits with 0 for a pass, and with 1 for a regression or a crossed threshold.
    """
    given = options.read_run_options(locals())
    outputs = parse_outputs(out, RUN_FORMATS)
    with listen(scenario, live=live) as listener:
        judged = check_scenario(scenario, confirm=confirm is Confirm.AUTO, listener=listener, **given)
    write_outputs(
        outputs,
        lambda form, terminal: render_run(judged, form, terminal),
        judged.folder,
        default=RUN_FORMATS["text"],
    )
    if judged.problem is not None:
        raise judged.problem
    say(f"\nwritten to {judged.folder}")
    raise typer.Exit(exit_code(judged.decision, strict=strict))

"""`bench check`: run a scenario and judge it against its baseline, or against a commit."""

from enum import StrEnum
from typing import Annotated, Unpack

import typer

from bench.cli import options
from bench.cli.judging import end_with_run, end_with_suite
from bench.cli.live import listen
from bench.cli.outputs import RunOut, parse_outputs
from bench.errors import ConfigError
from bench.render.formats import PAIR_FORMATS, RUN_FORMATS, SUITE_FORMATS
from bench.usecases.check import check as check_scenario
from bench.usecases.check import check_suite
from bench.usecases.options import RunOptions


class Confirm(StrEnum):
    """When a run is repeated."""

    AUTO = "auto"
    NEVER = "never"


ConfirmOption = Annotated[
    Confirm, typer.Option("--confirm", help="Repeat a run that looks worse, before it fails.")
]
OptionalScenario = Annotated[
    str | None,
    typer.Argument(metavar="[SCENARIO]", help="Name of a scenario, or the path of its file."),
]
Against = Annotated[
    str | None,
    typer.Option("--against", metavar="REF", help="Compare with this commit in pairs, without a baseline."),
]
Suite = Annotated[
    str | None,
    typer.Option("--suite", metavar="NAME", help="With --against: run all scenarios of this suite."),
]


@options.with_run_options
def check(
    scenario: OptionalScenario = None,
    *,
    against: Against = None,
    suite: Suite = None,
    pairs: options.Pairs = None,
    live: options.Live = False,
    confirm: ConfirmOption = Confirm.AUTO,
    strict: options.Strict = False,
    verbose: options.Verbose = False,
    out: RunOut = None,
    **given: Unpack[RunOptions],
) -> None:
    """Run a scenario and judge it against its baseline.

    With `--against REF`, the scenario runs in pairs on the files of that commit and on those of this folder.
    The runs end as soon as the difference is known, and need no baseline. SCENARIO with `--suite` is one of
    the suite's scenarios, which are measured elsewhere.
    Exits with 0 for a pass, and with 1 for a regression or a crossed threshold.
    """
    if scenario is not None:
        outputs = parse_outputs(out, RUN_FORMATS if against is None else PAIR_FORMATS)
        with listen(scenario, live=live) as listener:
            judged = check_scenario(
                scenario,
                confirm=confirm is Confirm.AUTO,
                against=against,
                pairs=pairs,
                suite=suite,
                listener=listener,
                **given,
            )
        end_with_run(judged, outputs, strict=strict, verbose=verbose)
    if suite is None:
        raise ConfigError("name a scenario", "bench check quick, or bench check --suite pr --against main")
    if against is None:
        raise ConfigError("--suite: needs a commit to compare with", f"--suite {suite} --against main")
    suite_outputs = parse_outputs(out, SUITE_FORMATS)
    with listen(suite, live=live) as listener:
        judged_suite = check_suite(suite, against, pairs=pairs, listener=listener, **given)
    end_with_suite(judged_suite, suite_outputs, strict=strict, verbose=verbose)

"""`bench ab`: run two versions alternately and compare them."""

from typing import Annotated, Unpack

import typer

from bench.cli import options
from bench.cli.console import say
from bench.cli.live import listen
from bench.cli.outputs import out_option, parse_outputs, write_outputs
from bench.cli.verdict import exit_code
from bench.render.formats import PAIR_FORMATS
from bench.usecases.ab import ab as compare_versions
from bench.usecases.options import LoadOptions
from bench.usecases.report import render_run

_VERSION = "STACK, STACK@COMMIT, STACK@./FOLDER, STACK+VARIABLE=VALUE, or an address."
Base = Annotated[str, typer.Argument(metavar="BASE", help=_VERSION)]
Head = Annotated[str, typer.Argument(metavar="HEAD", help=_VERSION)]
Scenario = Annotated[
    str | None,
    typer.Option(
        "--scenario", metavar="NAME", help="Run this scenario (default: quick; addresses need none)."
    ),
]
Pairs = Annotated[
    int, typer.Option("--pairs", metavar="N", min=4, max=100, help="Run each version this number of times.")
]
Out = Annotated[list[str] | None, out_option(PAIR_FORMATS)]


@options.with_load_options
def ab(
    base: Base,
    head: Head,
    *,
    scenario: Scenario = None,
    pairs: Pairs = 6,
    service: options.ServiceName = None,
    inject: options.Inject = None,
    ca: options.Ca = None,
    workers: options.Workers = 1,
    pin: options.Pin = True,
    allow_side_effects: options.AllowSideEffects = False,
    strict: options.Strict = False,
    out: Out = None,
    results: options.ResultsFolder = options.DEFAULT_RESULTS,
    **given: Unpack[LoadOptions],
) -> None:
    """Run two versions alternately and compare them.

    Two addresses need no scenario: the options describe the load, as for `bench run ADDRESS`.
    The order is ABBA. `--inject` slows down HEAD only.
    Exits with 0 for a pass, and with 1 for a regression or a crossed threshold.
    """
    outputs = parse_outputs(out, PAIR_FORMATS)
    with listen(scenario or head, live=False) as listener:
        judged = compare_versions(
            base,
            head,
            scenario=scenario,
            pairs=pairs,
            service=service,
            inject=inject or (),
            ca=ca,
            workers=workers,
            pin=pin,
            allow_side_effects=allow_side_effects,
            results=results,
            listener=listener,
            **given,
        )
    write_outputs(
        outputs,
        lambda form, terminal: render_run(judged, form, terminal),
        judged.folder,
        default=PAIR_FORMATS["text"],
    )
    if judged.problem is not None:
        raise judged.problem
    say(f"\nwritten to {judged.folder}")
    raise typer.Exit(exit_code(judged.decision, strict=strict))

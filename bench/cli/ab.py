"""`bench ab`: run two versions alternately and compare them."""

from typing import Annotated, Unpack

import typer

from bench.cli import options
from bench.cli.judging import end_with_run, end_with_suite
from bench.cli.live import listen
from bench.cli.outputs import out_option, parse_outputs
from bench.errors import ConfigError
from bench.render.formats import PAIR_FORMATS, SUITE_FORMATS
from bench.usecases.ab import ab as compare_versions
from bench.usecases.ab import ab_suite as compare_suite
from bench.usecases.options import LoadOptions, PairOptions

_VERSION = "STACK, STACK@COMMIT, STACK@./FOLDER, STACK+VARIABLE=VALUE, or an address."
Base = Annotated[str, typer.Argument(metavar="BASE", help=_VERSION)]
Head = Annotated[str, typer.Argument(metavar="HEAD", help=_VERSION)]
Scenario = Annotated[
    str | None,
    typer.Option(
        "--scenario", metavar="NAME", help="Run this scenario (default: quick; addresses need none)."
    ),
]
Suite = Annotated[
    str | None, typer.Option("--suite", metavar="NAME", help="Run all scenarios of this suite in turns.")
]
Out = Annotated[list[str] | None, out_option(PAIR_FORMATS)]


@options.with_load_options
def ab(
    base: Base,
    head: Head,
    *,
    scenario: Scenario = None,
    suite: Suite = None,
    pairs: options.Pairs = None,
    service: options.ServiceName = None,
    inject: options.Inject = None,
    ca: options.Ca = None,
    workers: options.Workers = "1",
    pin: options.Pin = True,
    allow_side_effects: options.AllowSideEffects = False,
    strict: options.Strict = False,
    verbose: options.Verbose = False,
    out: Out = None,
    results: options.ResultsFolder = options.DEFAULT_RESULTS,
    **given: Unpack[LoadOptions],
) -> None:
    """Run two versions alternately and compare them.

    Two addresses need no scenario: the options describe the load, as for `bench run ADDRESS`.
    The order is ABBA. From the third pair on, the runs end as soon as the difference is known.
    `--inject` slows down HEAD only.
    Exits with 0 for a pass, and with 1 for a regression or a crossed threshold.
    """
    chosen = PairOptions(
        **given,
        pairs=pairs,
        service=service,
        inject=inject or (),
        ca=ca,
        workers=workers,
        pin=pin,
        allow_side_effects=allow_side_effects,
        results=results,
    )
    if suite is None:
        outputs = parse_outputs(out, PAIR_FORMATS)
        with listen(scenario or head, live=False) as listener:
            judged = compare_versions(base, head, scenario=scenario, listener=listener, **chosen)
        end_with_run(judged, outputs, strict=strict, verbose=verbose)
    if scenario is not None:
        raise ConfigError("--suite: --scenario names another load", "remove one of the two")
    suite_outputs = parse_outputs(out, SUITE_FORMATS)
    with listen(suite, live=False) as listener:
        judged_suite = compare_suite(base, head, suite, listener=listener, **chosen)
    end_with_suite(judged_suite, suite_outputs, strict=strict, verbose=verbose)

"""`bench capacity`: search for the largest load that meets the objectives."""

from typing import Annotated, Unpack

import typer

from bench.cli import options
from bench.cli.check import Confirm, ConfirmOption
from bench.cli.judging import end_with_run
from bench.cli.live import listen
from bench.cli.outputs import RunOut, parse_outputs
from bench.render.formats import RUN_FORMATS
from bench.usecases.capacity import capacity as search_capacity
from bench.usecases.options import RunOptions
from bench.usecases.search_options import OTHER_LOADS, SearchOptions

From = Annotated[
    float | None, typer.Option("--from", metavar="N", help="Try no load below this one (default: 1).")
]
To = Annotated[
    float | None, typer.Option("--to", metavar="N", help="Try no load above this one (default: any load).")
]
Budget = Annotated[
    str | None,
    typer.Option("--budget", metavar="TIME", help="Search at most this long (default: 10m)."),
]
Width = Annotated[
    str | None,
    typer.Option("--width", metavar="RATIO", help="End when the interval is this narrow (default: 20%)."),
]
Confidence = Annotated[
    str | None,
    typer.Option("--confidence", metavar="RATIO", help="Set the confidence of the interval (default: 90%)."),
]
Goodput = Annotated[
    str | None,
    typer.Option(
        "--goodput", metavar="RATIO", help="Require that this share of requests meets all objectives."
    ),
]
Predict = Annotated[
    list[float] | None,
    typer.Option("--predict", metavar="N", help="Predict what this load needs; repeatable."),
]
Slots = Annotated[
    int | None,
    typer.Option("--slots", metavar="N", help="State how many requests the stack works on at once.", min=1),
]
Overload = Annotated[
    float | None,
    typer.Option("--overload", metavar="N", help="Add a spike of N times the safe load (default: none)."),
]
Cold = Annotated[bool, typer.Option("--cold", help="Start without the answer of an earlier search.")]
_SHOWN_FIRST = (
    "scenario",
    "objectives",
    "thresholds",
    "lowest",
    "highest",
    "budget",
    "width",
    "confidence",
    "goodput",
    "predict",
    "slots",
    "overload",
    "cold",
)


@options.show_first(*_SHOWN_FIRST)
@options.hide(*OTHER_LOADS)
@options.with_address_options
def capacity(
    scenario: options.ScenarioOrAddress,
    *,
    lowest: From = None,
    highest: To = None,
    budget: Budget = None,
    width: Width = None,
    confidence: Confidence = None,
    goodput: Goodput = None,
    predict: Predict = None,
    slots: Slots = None,
    overload: Overload = None,
    cold: Cold = False,
    live: options.Live = False,
    confirm: ConfirmOption = Confirm.AUTO,
    strict: options.Strict = False,
    verbose: options.Verbose = False,
    out: RunOut = None,
    **given: Unpack[RunOptions],
) -> None:
    """Search for the largest load that meets the objectives.

    The load is the number of VUs, or the rate of an open loop. Each trial ends as soon as it is decided.
    The search ends when the interval of the answer is narrow enough, or after --budget.
    Exits as `bench check`, with 0 for a pass and with 1 if the stack carries less than the accepted load.
    """
    outputs = parse_outputs(out, RUN_FORMATS)
    search = SearchOptions(
        lowest=lowest,
        highest=highest,
        budget=budget,
        width=width,
        confidence=confidence,
        goodput=goodput,
        predict=predict,
        slots=slots,
        overload=overload,
    )
    with listen(scenario, live=live) as listener:
        judged = search_capacity(
            scenario,
            search=search,
            cold=cold,
            confirm=confirm is Confirm.AUTO,
            listener=listener,
            **given,
        )
    end_with_run(judged, outputs, strict=strict, verbose=verbose)

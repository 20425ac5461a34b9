"""`bench trend`: show when the metrics of a scenario changed."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.outputs import out_option, parse_outputs, write_outputs
from bench.cli.verdict import exit_code
from bench.core.history.trend import RECENT_RUNS
from bench.core.verdict.compare import Decision
from bench.render.document.format import TrendInput
from bench.render.formats import TREND_FORMATS
from bench.usecases.trend import trend as find_trends

Stacks = Annotated[
    list[str] | None, typer.Option("--stack", metavar="NAME", help="Show only this stack; repeatable.")
]
Recent = Annotated[
    int,
    typer.Option("--recent", metavar="N", min=1, help="Fail for a change within the newest runs."),
]
Out = Annotated[list[str] | None, out_option(TREND_FORMATS)]
_WORST_FIRST = (Decision.FAIL, Decision.INVALID, Decision.INCONCLUSIVE, Decision.PASS)


def trend(
    scenario: options.ScenarioName,
    *,
    stack: Stacks = None,
    history: options.HistoryFolder = options.DEFAULT_HISTORY,
    recent: Recent = RECENT_RUNS,
    out: Out = None,
    strict: options.Strict = False,
) -> None:
    """Show when the metrics of a scenario changed.

    Exits with 1 if a metric became worse within the newest runs and is still worse, or drifted away from
    the pinned baseline.
    """
    outputs = parse_outputs(out, TREND_FORMATS)
    trends = find_trends(scenario, stacks=stack or (), history=history, recent=recent)
    write_outputs(
        outputs,
        lambda form, terminal: form.render(TrendInput(trends, terminal)),
        folder=None,
        default=TREND_FORMATS["text"],
    )
    decisions = {trend.decision for trend in trends}
    worst = next(decision for decision in _WORST_FIRST if decision in decisions)
    raise typer.Exit(exit_code(worst, strict=strict))

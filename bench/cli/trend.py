"""`bench trend`: where a scenario's figures changed their level, over its history."""

from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.ci.history import DEFAULT_HISTORY, HistoryFolder
from bench.cli.judging import Strict, out_option, parse_outputs, write_texts
from bench.errors import Exit
from bench.render.document.format import TrendInput
from bench.render.formats import TREND_FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from bench.core.history.trend import Trend


def trend(
    scenario: Annotated[str, typer.Argument(help="A scenario's name.")],
    *,
    target: Annotated[
        list[str] | None, typer.Option("--stack", help="Only on this stack; can be given several times.")
    ] = None,
    history: HistoryFolder = DEFAULT_HISTORY,
    recent: Annotated[
        int | None, typer.Option("--recent", min=1, help="How many of the newest runs can fail it; else 20.")
    ] = None,
    out: Annotated[list[str] | None, out_option(TREND_FORMATS)] = None,
    strict: Strict = False,
) -> None:
    """Show when the metrics of a scenario changed.

    Exits 1 when a change for the worse lies within the newest runs and the newest level is still worse than
    the one before it, or when what decides crept beside the baseline's anchor.
    """
    from bench.store import history as store

    outputs = parse_outputs(out, TREND_FORMATS)
    trends = [judged_history(path, recent) for path in store.of(history, scenario, target or ())]
    write_texts(outputs, TREND_FORMATS["text"], lambda terminal: TrendInput(trends, terminal))
    code = _exit_code(trends, strict=strict)
    if code is not Exit.PASS:
        raise typer.Exit(code)


def judged_history(path: "Path", recent: int | None = None) -> "Trend":
    """The trend of one history, beside the anchor of its baseline if that has one."""
    from bench.core.history.history import history_key
    from bench.core.history.trend import RECENT_RUNS
    from bench.core.history.trend import trend as judged
    from bench.store import baselines
    from bench.store import history as store

    points = store.read(path)
    baseline = baselines.of(f"{history_key(points[-1])}.json")
    return judged(points, baseline.pinned if baseline else None, recent or RECENT_RUNS)


def _exit_code(trends: "list[Trend]", *, strict: bool) -> Exit:
    """What the worst of them exits with; inconclusive is no failure unless it is asked for."""
    from bench.core.verdict.compare import Decision

    decisions = {each.decision for each in trends}
    if Decision.FAIL in decisions:
        return Exit.REGRESSION
    return Exit.INCONCLUSIVE if strict and Decision.INCONCLUSIVE in decisions else Exit.PASS

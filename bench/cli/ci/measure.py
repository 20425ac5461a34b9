"""`bench ci measure`: measure a suite in one job, as its event asks for it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import is_actions_job, print_command, say
from bench.cli.judging import write_suite
from bench.cli.live import listen
from bench.cli.outputs import out_option, parse_outputs
from bench.core.run.job import JobOutcome
from bench.errors import Exit
from bench.publish.actions import annotations, command
from bench.render.formats import SUITE_FORMATS
from bench.usecases.job_plan import AUTO
from bench.usecases.measure_job import MeasuredJob, measure_job, render_summary
from bench.usecases.options import RunOptions

_EXITS = {
    JobOutcome.PASS: Exit.PASS,
    JobOutcome.FAIL: Exit.REGRESSION,
    JobOutcome.INVALID: Exit.MEASUREMENT,
    JobOutcome.SKIPPED: Exit.PASS,
    JobOutcome.CANCELLED: Exit.INTERRUPTED,
}
Suite = Annotated[str, typer.Option("--suite", metavar="NAME", help="Measure the scenarios of this suite.")]
Against = Annotated[
    str,
    typer.Option("--against", metavar="REF", help="Compare with this commit; auto: the base of the event."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 if the result is inconclusive.")]
TimeLimitOption = Annotated[
    str | None,
    typer.Option("--time-limit", metavar="TIME", help="Judge what is measured after this time, like 20m."),
]
Out = Annotated[list[str] | None, out_option(SUITE_FORMATS)]


def measure(
    *,
    suite: Suite = "pr",
    stack: options.StackName = None,
    model: options.Model = None,
    against: Against = AUTO,
    urls: options.Urls = None,
    workers: options.Workers = "1",
    pairs: options.Pairs = None,
    time_limit: TimeLimitOption = None,
    allow_side_effects: options.AllowSideEffects = False,
    calibration: options.Calibration = True,
    results: options.ResultsFolder = options.DEFAULT_RESULTS,
    strict: Strict = False,
    verbose: options.Verbose = False,
    out: Out = None,
) -> None:
    """Measure a suite in one job, as its event asks for it.

    A pull request and a merge group are compared in pairs with their base, which must be in the repository
    (`fetch-depth: 2`). Other events, and scenarios that pairs cannot measure, are compared with the committed
    baselines. A deployment is measured at its address.
    Exits with 0 if no scenario is worse, also for an inconclusive result without `--strict`.
    """
    outputs = parse_outputs(out, SUITE_FORMATS)
    limit_s = None if time_limit is None else options.parse_time("--time-limit", time_limit, at_least_s=1.0)
    given = RunOptions(
        stack=stack,
        model=model,
        urls=urls or (),
        workers=workers,
        allow_side_effects=allow_side_effects,
        calibration=calibration,
        results=results,
    )
    with listen(suite, live=False) as listener:
        measured = measure_job(
            suite, against=against, pairs=pairs, limit_s=limit_s, listener=listener, **given
        )
    _annotate(measured)
    if measured.judged is None:
        say(measured.job.reason)
    else:
        write_suite(measured.judged, outputs, verbose=verbose)
    raise typer.Exit(_exit_code(measured, strict=strict))


def _annotate(measured: MeasuredJob) -> None:
    """Write annotations and the summary of the job, if this is a job of GitHub Actions."""
    if is_actions_job():
        if measured.judged is None:
            title = f"bench {measured.job.suite}"
            print_command(command("notice", title=title, text=measured.job.reason))
        else:
            print_command(annotations(measured.judged.report))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(render_summary(measured))


def _exit_code(measured: MeasuredJob, *, strict: bool) -> Exit:
    """Return the exit code of a job: an inconclusive result fails it only with `--strict`."""
    if measured.job.outcome is JobOutcome.INCONCLUSIVE:
        return Exit.REGRESSION if strict else Exit.PASS
    return _EXITS[measured.job.outcome]

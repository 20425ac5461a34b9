"""`bench baseline`: what runs are compared with."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import say
from bench.cli.fetching import FromRun, given
from bench.cli.updating import proposed, updated

Reason = Annotated[str, typer.Option("--reason", help="Why it is as it should be.")]
By = Annotated[str | None, typer.Option("--by", help="Who says so; else git's user.name.")]
ScenarioName = Annotated[str, typer.Argument(help="A scenario's name.")]


def accept(
    results: Annotated[list[Path], typer.Argument(help="Folders of runs, or their result.json.")],
    *,
    reason: Reason,
    by: By = None,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Accept runs of changes that are not committed.")
    ] = False,
    allow_regression: Annotated[
        bool, typer.Option("--allow-regression", help="Accept runs that are worse than the baseline.")
    ] = False,
) -> None:
    """Add runs to the baseline of their scenario."""
    from datetime import UTC, datetime

    from bench.core.verdict.acceptance import check_acceptable
    from bench.core.verdict.baseline import accept as accepted
    from bench.measure.run.provenance import git_user
    from bench.store import baselines, noise
    from bench.store.results import load

    for result in [load(path) for path in results]:
        with baselines.lock():
            before = baselines.load(result)
            known = noise.load(result)
            check_acceptable(
                before, result, known, allow_dirty=allow_dirty, allow_regression=allow_regression
            )
            after = accepted(before, result, reason=reason, by=by or git_user(), at=datetime.now(UTC))
            if after == before:
                say(f"{result.provenance.run_id} was accepted before")
                continue
            path = baselines.save(after)
        say(f"{result.provenance.run_id} accepted; {path} has {len(after.runs)} runs")


def update(
    *,
    suite: Annotated[str, typer.Option("--suite", help="Whose scenarios were measured.")] = "pr",
    from_: Annotated[
        list[Path] | None, typer.Option("--from", help="A run's folder, or its result.json; may be repeated.")
    ] = None,
    from_run: FromRun = None,
    reason: Reason,
    by: By = None,
    propose: Annotated[
        bool, typer.Option("--propose", help="Do not write here: open a pull request of its own.")
    ] = False,
) -> None:
    """Accept all runs of a suite, also slower ones."""
    from bench.measure.run.provenance import git_user
    from bench.store import baselines
    from bench.store.files import read_text, write_text

    results, who = given(from_ or [], from_run), by or os.environ.get("GITHUB_ACTOR") or git_user()
    if propose:
        say(proposed(results, suite, reason=reason, by=who))
        return

    def read(path: str) -> str | None:
        return read_text(Path(path)) if Path(path).exists() else None

    with baselines.lock():
        files = updated(results, suite, read, reason=reason, by=who)
        for path, text in files.items():
            write_text(Path(path), text)
            say(f"{path} is changed")
    if not files:
        say("all of them were accepted before")


def show(scenario: ScenarioName) -> None:
    """Show the runs in a scenario's baselines."""
    from bench.core.values.wording import duration
    from bench.store import baselines

    for path in baselines.only(scenario):
        baseline = baselines.read(path)
        print(f"{path}: {len(baseline.runs)} runs")
        if baseline.pinned is not None:
            pinned = baseline.pinned
            print(f"  anchor of {pinned.pinned_at:%Y-%m-%d}, {pinned.pinned_by}: {pinned.reason}")
        for run in baseline.runs:
            figures = run.figures.get("e2e_ms", {}).values()
            mean = duration(sum(figures) / len(figures)) if figures else duration(None)
            commit = (run.commit or "no commit")[:9]
            asked = f"{run.ok}/{run.ok + run.failed} ok"
            said = f"{run.accepted_by}: {run.reason}"
            print(f"  {run.started_at:%Y-%m-%d %H:%M}  {commit}  {mean:>9}  {asked}  {said}")


def list_() -> None:
    """List all baselines."""
    from bench.store import baselines

    for path in baselines.paths():
        baseline = baselines.read(path)
        where = f"{baseline.stack}/{baseline.environment}"
        print(f"{baseline.scenario:20} {where:30} {len(baseline.runs):3} runs  {path}")


def diff(
    one: Annotated[Path, typer.Argument(help="A baseline file.")],
    other: Annotated[Path, typer.Argument(help="Another one.")],
) -> None:
    """Show how two baselines differ."""
    from bench.core.samples.metrics import metric
    from bench.core.values import wording
    from bench.core.verdict.baseline import typical_values
    from bench.store import baselines

    before, after = (typical_values(baselines.read(path).runs) for path in (one, other))
    for key in sorted(before.keys() | after.keys()):
        row = metric(key)
        old, new = before.get(key), after.get(key)
        change = wording.change(new / old - 1 if old and new else None)
        values = [wording.value(each, row.unit) for each in (old, new)]
        print(f"{row.label:<22} {values[0]:>10} {values[1]:>10} {change:>9}")


def pin(
    scenario: ScenarioName,
    *,
    reason: Reason = "",
    by: By = None,
    clear: Annotated[bool, typer.Option("--clear", help="Have no anchor any more.")] = False,
) -> None:
    """Pin the present runs of a scenario's baselines, to detect drift."""
    from datetime import UTC, datetime

    from bench.core.verdict.baseline import pin as pin_runs
    from bench.measure.run.provenance import git_user
    from bench.store import baselines

    with baselines.lock():
        for path in baselines.only(scenario):
            before = baselines.read(path)
            if clear:
                after = before.model_copy(update={"pinned": None})
            else:
                after = pin_runs(before, reason=reason, by=by or git_user(), at=datetime.now(UTC))
            said = "has no anchor" if clear else f"is anchored at {len(after.runs)} runs"
            say(f"{baselines.save(after)} {said}")


def prune(
    scenario: ScenarioName,
    *,
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many of the newest runs stay.")],
) -> None:
    """Remove the oldest runs from a scenario's baselines."""
    from bench.core.verdict.baseline import prune as pruned
    from bench.store import baselines

    with baselines.lock():
        for path in baselines.only(scenario):
            before = baselines.read(path)
            after = pruned(before, keep)
            dropped = len(before.runs) - len(after.runs)
            say(f"{baselines.save(after)}: {dropped} runs dropped, {len(after.runs)} kept")


def verify() -> None:
    """Check that every baseline is usable."""
    from bench.errors import Exit
    from bench.store import baselines

    found = {path: _faults(path) for path in baselines.paths()}
    for path, faults in found.items():
        for fault in faults:
            print(f"{path}: {fault}")
    if any(found.values()):
        raise typer.Exit(Exit.USAGE)
    say(f"{len(found)} baselines are as they should be")


def _faults(path: Path) -> tuple[str, ...]:
    from bench.core.verdict.baseline import find_faults
    from bench.errors import BenchError
    from bench.measure.run.provenance import fingerprint
    from bench.store import baselines, scenarios, stacks

    try:
        baseline = baselines.read(path)
        today = fingerprint(scenarios.load(baseline.scenario), stacks.load(baseline.stack))
    except BenchError as error:
        return (error.message,)
    named = () if path.stem == baseline.scenario else (f"it is of scenario '{baseline.scenario}'",)
    return (*named, *find_faults(baseline, today))

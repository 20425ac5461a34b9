"""`bench ci issue`: what is wrong over time, as an issue that opens and closes by itself."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.ci.history import DEFAULT_HISTORY, HistoryFolder
from bench.cli.console import say
from bench.cli.fetching import repository
from bench.cli.publishing import api

if TYPE_CHECKING:
    from bench.core.history.trend import Trend
    from bench.publish.issues import Problem


def trend(
    *,
    suite: Annotated[str, typer.Option("--suite", help="Whose histories are looked at.")],
    history: HistoryFolder = DEFAULT_HISTORY,
) -> None:
    """Keep an issue open while a scenario of a suite is worse."""
    from bench.cli.trend import judged_history
    from bench.core.verdict.compare import Decision
    from bench.store import history as store
    from bench.store import scenarios

    wanted = set(scenarios.of_suite(suite))
    found = [judged_history(path) for path in store.paths(history) if path.stem in wanted]
    worse = [each for each in found if each.decision is Decision.FAIL]
    _show(f"trend-{suite}", _of_trends(suite, worse) if worse else None)


def schedule(
    workflows: Annotated[list[str], typer.Argument(metavar="FILE=HOURS...", help="How long it may rest.")],
) -> None:
    """Keep an issue open while a scheduled workflow does not run."""
    from bench.publish.runs import Runs

    runs, now, missed = Runs(repository(), api()), datetime.now(UTC), []
    for name, most in map(_workflow, workflows):
        last = runs.last_started(name, "schedule")
        if now - last > most:
            often, at = f"{most / timedelta(hours=1):.0f} h", f"{last:%Y-%m-%d %H:%M} UTC"
            missed.append(f"- `{name}` is to run within {often}, and was last begun at {at}.")
    _show("schedule", _of_schedules(missed) if missed else None)


def _workflow(text: str) -> tuple[str, timedelta]:
    import re

    from bench.errors import ConfigError

    found = re.fullmatch(r"([\w-]+\.ya?ml)=([1-9]\d{0,4})", text)
    if not found:
        raise ConfigError(f"'{text}' is no workflow's file and its hours", "bench-nightly.yml=48")
    return found[1], timedelta(hours=int(found[2]))


def _of_trends(suite: str, worse: "list[Trend]") -> "Problem":
    from bench.publish.issues import Problem
    from bench.render.markdown import trend_markdown

    names = ", ".join(sorted({each.scenario for each in worse}))
    what = "This closes by itself when it is no longer so, or when what is new is how it should be."
    body = "\n".join([what, "", *map(trend_markdown, worse)])
    return Problem(f"bench {suite}: {names} changed for the worse", body)


def _of_schedules(missed: list[str]) -> "Problem":
    from bench.publish.issues import Problem

    why = "GitHub turns the schedules of a repository off in which nothing happens for 60 days."
    return Problem("bench: a schedule did not run", "\n".join([*missed, "", why]))


def _show(watch: str, report: "Problem | None") -> None:
    from bench.publish.github import GitHub
    from bench.publish.issues import CloseIssue, OpenIssue, UpdateIssue, show_issue

    connection, name = api(), repository()
    action = show_issue(connection, name, watch, GitHub(name, connection).login(), report)
    match action:
        case OpenIssue():
            say(f"an issue is opened: {report.title if report else ''}")
        case UpdateIssue(number):
            say(f"issue #{number} is changed")
        case CloseIssue(number):
            say(f"issue #{number} is closed: nothing is wrong any more")
        case _:
            say("the issue says so already" if report else "nothing is wrong")

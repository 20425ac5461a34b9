"""`bench ci issue`: keep an issue open while a problem lasts."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.publish.issues import CloseIssue, IssueAction, OpenIssue, UpdateIssue
from bench.usecases.issue import keep_gate_issue, keep_schedule_issue, keep_trend_issue

Suite = Annotated[str, typer.Option("--suite", metavar="NAME", help="Read the histories of this suite.")]
GateSuite = Annotated[str, typer.Option("--suite", metavar="NAME", help="Read the checks of this suite.")]
Workflow = Annotated[
    str, typer.Option("--workflow", metavar="FILE", help="Workflow file that measures the suite.")
]
Workflows = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE=HOURS...", help="Workflow file, and the longest time between two runs in hours."
    ),
]


def trend(*, suite: Suite, history: options.HistoryFolder = options.DEFAULT_HISTORY) -> None:
    """Keep an issue open while a scenario of a suite is worse."""
    _print_action(*keep_trend_issue(suite, history=history))


def gate(*, suite: GateSuite = "pr", workflow: Workflow = "bench-pr.yml") -> None:
    """Keep an issue open while the gate decides nothing.

    The gate decides nothing if the newest three verdicts are all inconclusive.
    """
    _print_action(*keep_gate_issue(suite, workflow))


def schedule(workflows: Workflows) -> None:
    """Keep an issue open while a scheduled workflow does not run."""
    _print_action(*keep_schedule_issue(workflows))


def _print_action(action: IssueAction, title: str) -> None:
    match action:
        case OpenIssue():
            say(f"an issue is opened: {title}")
        case UpdateIssue(number):
            say(f"issue #{number} is changed")
        case CloseIssue(number):
            say(f"issue #{number} is closed: the problem is solved")
        case _:
            say("the issue is up to date" if title else "there is no problem")

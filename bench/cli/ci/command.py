"""`bench ci command`: do what a maintainer asks for in a comment."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.cli.console import say
from bench.cli.fetching import fetched, repository
from bench.cli.publishing import api, event_text
from bench.cli.updating import updated
from bench.errors import BenchError, PublishError

if TYPE_CHECKING:
    from bench.publish.branches import Branches
    from bench.publish.command import Accept, Command, Run
    from bench.publish.github import GitHub, PullRequest
    from bench.publish.runs import Runs

WORKFLOW = "bench-pr.yml"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who asked, about what, and whom to ask for it."""

    login: str
    pull: "PullRequest"
    repository: str
    github: "GitHub"
    runs: "Runs"
    branches: "Branches"

    @property
    def fork(self) -> bool:
        return self.pull.head.owner != self.repository


def command() -> None:
    """Execute the /bench command of a pull-request comment.

    For a job of the event issue_comment, with GITHUB_TOKEN. A comment that is no command does nothing.
    """
    from bench.publish.branches import Branches
    from bench.publish.command import command_of, read_comment
    from bench.publish.github import GitHub
    from bench.publish.runs import Runs

    event = read_comment(event_text())
    wanted = command_of(event)
    if wanted is None:
        say("the comment is no command")
        return
    connection, name = api(), repository()
    github, comment = GitHub(name, connection), event.comment
    pull = github.pull(event.issue.number)
    asked = _Asked(comment.user.login, pull, name, github, Runs(name, connection), Branches(name, connection))
    try:
        text, reaction = _done(wanted, asked), "rocket"
    except BenchError as error:
        _answer(asked, comment.id, "confused", _refusal(error))
        raise
    _answer(asked, comment.id, reaction, text)
    say(text)


def _answer(asked: _Asked, comment: int, reaction: str, text: str) -> None:
    """React and reply; the reply has the number of what it answers, so that there is one."""
    from bench.publish.issues import marker

    asked.github.react(comment, reaction)
    body = f"{marker(f'answer-{comment}')}\n{text}\n"
    asked.github.say(asked.pull, body, asked.github.login())


def _refusal(error: BenchError) -> str:
    from bench.core.values.escape import escape_markdown

    hint = f"\n\n{escape_markdown(error.hint)}" if error.hint else ""
    return f"That was not done: {escape_markdown(error.message)}{hint}"


def _done(command: "Command", asked: _Asked) -> str:
    """Do what is asked for, and say what was done, as Markdown.

    Raises:
        BenchError: It was not done.
    """
    from bench.publish.command import HELP, Accept, Run, may_command

    if not may_command(asked.github.permission(asked.login)):
        raise PublishError(f"{asked.login} may not write to {asked.repository}", "ask a maintainer")
    if asked.pull.state != "open":
        raise PublishError(f"pull request #{asked.pull.number} is closed", "reopen it first")
    match command:
        case Run():
            return _run(command, asked)
        case Accept():
            return _accept(command, asked)
    if command.problem:
        raise PublishError(command.problem, "/bench help says what there is")
    return HELP


def _run(command: "Run", asked: _Asked) -> str:
    from bench.publish.context import SUITE
    from bench.store import scenarios

    scenarios.of_suite(command.suite)
    head = asked.pull.head
    if not asked.fork:
        asked.runs.start(WORKFLOW, head.ref, {"suite": command.suite})
        return f"Suite `{command.suite}` is begun at `{head.sha[:9]}`; its verdict comes as a comment."
    if command.suite != SUITE:
        raise PublishError(
            f"a fork's pull request is measured with suite {SUITE} only",
            "what begins a workflow by hand runs beside this repository's caches, so no stranger's code may",
        )
    asked.runs.run_again(asked.runs.measured(WORKFLOW, head.sha, head.owner).id)
    return f"Measuring `{head.sha[:9]}` again; the verdict comes in the comment that is there."


def _accept(command: "Accept", asked: _Asked) -> str:
    from bench.core.values.escape import escape_markdown
    from bench.publish.branches import Proposal

    head = asked.pull.head
    _check_head(head.sha, command.sha)
    run = asked.runs.measured(WORKFLOW, head.sha, head.owner)
    results = fetched(asked.runs, run.id)
    default = asked.github.default_branch()
    at = asked.branches.head(default) if asked.fork else head.sha
    files = updated(
        results,
        run.suite,
        lambda path: asked.branches.text(path, at or default),
        reason=command.reason,
        by=asked.login,
    )
    if not files:
        return f"What was measured of `{head.sha[:9]}` was accepted before."
    number = asked.pull.number
    message = f"Accept what was measured of {head.sha[:9]}: {command.reason}\n\n{asked.login}, in #{number}\n"
    _check_head(asked.github.pull(number).head.sha, head.sha)
    what = (
        f"{len(results)} runs of suite `{run.suite}` at `{head.sha[:9]}` ({escape_markdown(command.reason)})"
    )
    if asked.fork:
        branch = f"bench-baseline/{number}-{head.sha[:9]}"
        title, body = f"Accept what was measured of #{number}", f"{what}, as `{asked.login}` asked for."
        proposal = Proposal(branch, default, at, title, body)
        return f"{what} are accepted by {asked.branches.propose(proposal, files, message)}"
    if not asked.branches.commit(head.ref, head.sha, files, message):
        raise PublishError("the branch was pushed to meanwhile", "look at the newer verdict first")
    asked.runs.start(WORKFLOW, head.ref, {"suite": run.suite})
    return f"{what} are accepted by a commit on this branch, which is being measured now."


def _check_head(head: str, named: str) -> None:
    if not head.startswith(named):
        raise PublishError(
            f"the head is {head[:9]} by now, and not {named[:9]}", "look at the newer verdict first"
        )

"""Execute the `/bench` command of a pull-request comment."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from bench.core.values.escape import escape_markdown
from bench.core.verdict.acceptance import AcceptRequest
from bench.errors import BenchError, PublishError
from bench.publish.accepted import accept_message
from bench.publish.branches import Branches, Proposal
from bench.publish.command import HELP, Accept, Command, Help, Run, command_of, may_command, read_comment
from bench.publish.context import SUITE
from bench.publish.github import GitHub, PullRequest
from bench.publish.issues import marker
from bench.publish.runs import Runs
from bench.render.effect import effect_markdown
from bench.store import scenarios
from bench.usecases.accept import change_baselines
from bench.usecases.job import connect_api, read_event, read_repository
from bench.usecases.stored_runs import fetch_runs

WORKFLOW = "bench-pr.yml"
"""The workflow that measures a pull request."""


@dataclass(frozen=True, slots=True)
class _Commented:
    """A command in a comment, and the repository that it is for."""

    login: str
    """Who wrote the comment."""
    pull: PullRequest
    repository: str
    github: GitHub
    runs: Runs
    branches: Branches

    @property
    def from_fork(self) -> bool:
        return not self.github.is_own(self.pull.head.owner)


def execute_comment_command() -> str | None:
    """Execute the command of the comment that started this job, and reply to it.

    The job must have the event issue_comment and GITHUB_TOKEN.

    Returns:
        The reply; None if the comment has no command.

    Raises:
        BenchError: The command was not executed; the reply on the pull request gives the reason.
    """
    event = read_comment(read_event())
    command = command_of(event)
    if command is None:
        return None
    api = connect_api()
    repository = read_repository()
    github = GitHub(repository, api)
    commented = _Commented(
        event.comment.user.login,
        github.pull(event.issue.number),
        repository,
        github,
        Runs(repository, api),
        Branches(repository, api),
    )
    try:
        text = _execute(command, commented)
    except BenchError as error:
        _reply(commented, event.comment.id, "confused", _describe_refusal(error))
        raise
    _reply(commented, event.comment.id, "rocket", text)
    return text


def _reply(commented: _Commented, comment: int, reaction: str, text: str) -> None:
    """React and reply. The reply has the number of the comment, so that each comment has one reply."""
    commented.github.react(comment, reaction)
    body = f"{marker(f'answer-{comment}')}\n{text}\n"
    commented.github.say(commented.pull, body)


def _describe_refusal(error: BenchError) -> str:
    hint = f"\n\n{escape_markdown(error.hint)}" if error.hint else ""
    return f"bench did not execute the command: {escape_markdown(error.message)}{hint}"


def _execute(command: Command, commented: _Commented) -> str:
    """Execute a command and return its reply as Markdown.

    Raises:
        BenchError: The command was not executed.
    """
    if not may_command(commented.github.permission(commented.login)):
        raise PublishError(
            f"{commented.login} may not write to {commented.repository}", "a maintainer can write the comment"
        )
    if commented.pull.state != "open":
        raise PublishError(f"pull request #{commented.pull.number} is closed", "reopen it first")
    match command:
        case Run():
            return _run(command, commented)
        case Accept():
            return _accept(command, commented)
        case Help():
            if command.problem:
                raise PublishError(command.problem, "/bench help lists the commands")
            return HELP
        case _:
            assert_never(command)


def _run(command: Run, commented: _Commented) -> str:
    scenarios.of_suite(command.suite)  # refuses an unknown suite
    head = commented.pull.head
    if not commented.from_fork:
        commented.runs.start(WORKFLOW, head.ref, {"suite": command.suite})
        return f"Suite `{command.suite}` started at `{head.sha[:9]}`. The verdict will follow as a comment."
    if command.suite != SUITE:
        raise PublishError(
            f"bench measures the pull request of a fork only with suite {SUITE}",
            "a workflow that is started manually shares this repository's caches, so it never runs fork code",
        )
    commented.runs.run_again(commented.runs.measured(WORKFLOW, head.sha, head.owner).id)
    return f"The measurement of `{head.sha[:9]}` started again. The existing comment will show the verdict."


def _accept(command: Accept, commented: _Commented) -> str:
    head = commented.pull.head
    _check_head(head.sha, command.sha)
    run = commented.runs.measured(WORKFLOW, head.sha, head.owner)
    stored = fetch_runs(commented.runs, run.id)
    default = commented.github.default_branch()
    parent = commented.branches.head(default) if commented.from_fork else head.sha

    def read(path: str) -> str | None:
        return commented.branches.text(path, parent or default)

    request = AcceptRequest(reason=command.reason, by=commented.login, at=datetime.now(UTC))
    changes = change_baselines(stored, run.suite, read, request)
    if not changes.files:
        return f"The baseline has the runs of `{head.sha[:9]}` already."
    number = commented.pull.number
    message = accept_message(head.sha, command.reason, commented.login, number)
    _check_head(commented.github.pull(number).head.sha, head.sha)
    count = len(stored.results)
    runs = f"{count} runs of suite `{run.suite}` at `{head.sha[:9]}` ({escape_markdown(command.reason)})"
    effect = effect_markdown(changes.effect)
    if commented.from_fork:
        proposal = Proposal(
            branch=f"bench-baseline/{number}-{head.sha[:9]}",
            base=default,
            at=parent,
            title=f"Accept the runs of #{number}",
            body=f"{runs}, accepted by `{commented.login}`.\n\n{effect}",
        )
        address = commented.branches.propose(proposal, changes.files, message)
        return f"{address} accepts {runs}.\n\n{effect}"
    if not commented.branches.commit(head.ref, head.sha, changes.files, message):
        raise PublishError("the branch has a newer commit", "read the verdict of the newer commit first")
    commented.runs.start(WORKFLOW, head.ref, {"suite": run.suite})
    return f"A commit on this branch accepts {runs}. Its measurement started.\n\n{effect}"


def _check_head(head: str, named: str) -> None:
    if not head.startswith(named):
        raise PublishError(
            f"the head is {head[:9]}, not {named[:9]}", "read the verdict of the newer commit first"
        )

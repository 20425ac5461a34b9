"""Execute the `/bench` command of a pull-request comment."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from bench.core.run.results_digest import results_digest
from bench.core.values.escape import escape_markdown
from bench.core.verdict.acceptance import AcceptRequest
from bench.errors import BenchError, ConfigError, PublishError
from bench.publish.accepted import accept_message
from bench.publish.branches import Branches, Proposal
from bench.publish.check import Check
from bench.publish.command import (
    HELP,
    Accept,
    Command,
    CommentEvent,
    Help,
    Run,
    command_of,
    may_command,
    read_comment,
)
from bench.publish.github import GitHub, PullRequest
from bench.publish.issues import marker
from bench.publish.runs import Runs
from bench.publish.workflow_run import SUITE, WorkflowRun
from bench.render.comment import Origin
from bench.render.effect import effect_markdown
from bench.store import scenarios
from bench.usecases.accept import change_baselines
from bench.usecases.comment import show_accepted
from bench.usecases.job import connect_api, read_event, read_repository
from bench.usecases.stored_runs import StoredSuite, fetch_runs

_WORKFLOW = re.compile(r"[^@]+/\.github/workflows/([\w.-]+\.ya?ml)@.+")
_SEEN = "eyes"
_DONE = "rocket"
_REFUSED = "confused"
_NOT_ALLOWED = "-1"  # 👎


@dataclass(frozen=True, slots=True)
class _Commented:
    """A command in a comment, and the repository that it is for."""

    event: CommentEvent
    pull: PullRequest
    repository: str
    workflow: str
    """File of the workflow that measures."""
    github: GitHub
    runs: Runs
    branches: Branches

    @property
    def login(self) -> str:
        """Who wrote the comment."""
        return self.event.comment.user.login

    @property
    def from_fork(self) -> bool:
        """Whether the pull request comes from another repository."""
        return not self.github.is_own(self.pull.head.owner)

    @property
    def marker(self) -> str:
        """First line of the reply. It has the number of the comment, so that each comment has one reply."""
        return marker(f"answer-{self.event.comment.id}")

    def react(self, content: str) -> None:
        """React to the comment."""
        self.github.react(self.event.comment.id, content)

    def reply(self, text: str) -> None:
        """Reply to the comment."""
        self.github.say(self.pull, f"{self.marker}\n{text}\n")


def execute_comment_command(workflow: str | None = None) -> str:
    """Execute the command of the comment that started this job, and reply to it.

    The job must have the event issue_comment and GITHUB_TOKEN. The comment of a person who may not write gets
    a reaction and no reply, and a comment that has a reply already changes nothing.

    Args:
        workflow: File of the workflow that measures; default: the one of this job.

    Returns:
        The reply, or why there is none.

    Raises:
        BenchError: The command was not executed; the reply on the pull request gives the reason.
    """
    event = read_comment(read_event())
    command = command_of(event)
    if command is None:
        return "the comment has no command"
    api = connect_api()
    repository = read_repository()
    github = GitHub(repository, api)
    login = event.comment.user.login
    if not may_command(github.permission(login)):
        github.react(event.comment.id, _NOT_ALLOWED)
        return f"{login} may not write to {repository}: a maintainer can write the comment"
    commented = _Commented(
        event,
        github.pull(event.issue.number),
        repository,
        workflow or _read_workflow(),
        github,
        Runs(repository, api),
        Branches(repository, api),
    )
    commented.react(_SEEN)
    if github.has_said(event.issue.number, commented.marker):
        return "the comment was answered before"
    return _answer(command, commented)


def _answer(command: Command, commented: _Commented) -> str:
    """Execute a command, and reply with its effect or with the reason of a refusal."""
    try:
        text = _execute(command, commented)
    except BenchError as error:
        commented.react(_REFUSED)
        commented.reply(_describe_refusal(error))
        raise
    commented.react(_DONE)
    commented.reply(text)
    return text


def _read_workflow() -> str:
    """Return the file of the workflow of this job.

    Raises:
        ConfigError: GITHUB_WORKFLOW_REF does not name it.
    """
    match = _WORKFLOW.fullmatch(os.environ.get("GITHUB_WORKFLOW_REF", ""))
    if match is None:
        raise ConfigError("GITHUB_WORKFLOW_REF does not name a workflow file", "--workflow bench.yml")
    return match[1]


def _describe_refusal(error: BenchError) -> str:
    hint = f"\n\n{escape_markdown(error.hint)}" if error.hint else ""
    return f"bench did not execute the command: {escape_markdown(error.message)}{hint}"


def _execute(command: Command, commented: _Commented) -> str:
    """Execute a command and return its reply as Markdown.

    Raises:
        BenchError: The command was not executed.
    """
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
        commented.runs.start(commented.workflow, head.ref, {"suite": command.suite})
        return f"Suite `{command.suite}` started at `{head.sha[:9]}`. The verdict will follow as a comment."
    if command.suite != SUITE:
        raise PublishError(
            f"bench measures the pull request of a fork only with suite {SUITE}",
            "a workflow that is started manually shares this repository's caches, so it never runs fork code",
        )
    commented.runs.run_again(commented.runs.measured(commented.workflow, head.sha, head.owner).id)
    return f"The measurement of `{head.sha[:9]}` started again. The existing comment will show the verdict."


def _accept(command: Accept, commented: _Commented) -> str:
    head = commented.pull.head
    _check_head(head.sha, command.sha)
    run = commented.runs.measured(commented.workflow, head.sha, head.owner)
    stored = fetch_runs(commented.runs, run.id, run.named_suite, run.only_attempt(run.conclusion))
    _check_shown(command, stored, run, commented.event.comment.created_at)
    suite = run.named_suite or (stored.job.suite if stored.job else SUITE)
    default = commented.github.default_branch()
    parent = commented.branches.head(default) if commented.from_fork else head.sha

    def read(path: str) -> str | None:
        return commented.branches.text(path, parent or default)

    request = AcceptRequest(reason=command.reason, by=commented.login, at=datetime.now(UTC))
    changes = change_baselines(stored, suite, read, request)
    if not changes.files:
        return f"The baseline has the runs of `{head.sha[:9]}` already."
    number = commented.pull.number
    message = accept_message(head.sha, command.reason, commented.login, number)
    _check_head(commented.github.pull(number).head.sha, head.sha)
    count = len(stored.results)
    runs = f"{count} runs of suite `{suite}` at `{head.sha[:9]}` ({escape_markdown(command.reason)})"
    effect = effect_markdown(changes.effect)
    accepted = head.sha
    if commented.from_fork:
        proposal = Proposal(
            branch=f"bench-baseline/{number}-{head.sha[:9]}",
            base=default,
            at=parent,
            title=f"Accept the runs of #{number}",
            body=f"{runs}, accepted by `{commented.login}`.\n\n{effect}",
        )
        where = commented.branches.propose(proposal, changes.files, message)
    else:
        commit = commented.branches.commit(head.ref, head.sha, changes.files, message)
        if commit is None:
            raise PublishError("the branch has a newer commit", "read the verdict of the newer commit first")
        where = "A commit on this branch"
        accepted = commit
    origin = Origin(suite, accepted, run.html_url)
    check = show_accepted(
        commented.github, commented.pull, stored, origin=origin, attempt=run.attempt, files=changes.files
    )
    return f"{where} accepts {runs}. {_describe_check(check, accepted)}\n\n{effect}"


def _describe_check(check: Check, sha: str) -> str:
    """Return the check of the accepted results in words."""
    if check.conclusion == "success":
        return f"The check `{check.name}` of `{sha[:9]}` is green."
    return f"The check `{check.name}` of `{sha[:9]}` is not green: {escape_markdown(check.title)}"


def _check_head(head: str, named: str) -> None:
    if not head.startswith(named):
        raise PublishError(
            f"the head is {head[:9]}, not {named[:9]}", "read the verdict of the newer commit first"
        )


def _check_shown(command: Accept, stored: StoredSuite, run: WorkflowRun, commented_at: datetime) -> None:
    """Refuse results that the author of the command cannot have seen.

    Raises:
        PublishError: The commit was pushed or measured again after the comment, or the digest differs.
    """
    digest = results_digest(stored.results)
    if command.digest is not None and command.digest != digest:
        raise PublishError(
            f"the results have the digest {digest}, not {command.digest}",
            "read the newest comment of bench first",
        )
    if run.created_at > commented_at:
        raise PublishError(f"{run.head_sha[:9]} was pushed after your comment", "read its verdict first")
    if command.digest is None and run.attempt.started_at > commented_at.timestamp():
        raise PublishError(
            f"{run.head_sha[:9]} was measured again after your comment", "read the new verdict first"
        )

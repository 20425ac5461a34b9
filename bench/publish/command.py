"""The `/bench` commands that maintainers write in comments."""

import re
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from bench.core.config.target import NAME
from bench.errors import PublishError
from bench.publish.foreign import Foreign, Login

HELP = """\
| comment | what it does |
| :--- | :--- |
| `/bench run [suite]` | measures this pull request again; for a fork, only the suite `pr` |
| `/bench baseline accept <sha> <reason>` | adds the measured runs of that commit to the baseline |
| `/bench help` | shows this table |

Write the command in the first line of a new comment. You need write permission."""
_SUITE = re.compile(NAME)
_SHA = re.compile(r"[0-9a-f]{7,40}")
_LONGEST_REASON = 300
_TOO_LONG = f"a reason has at most {_LONGEST_REASON} characters"
_WRITERS = frozenset({"admin", "write"})  # GitHub reports `maintain` as `write` here


@dataclass(frozen=True, slots=True)
class Run:
    """Measure the pull request again."""

    suite: str


@dataclass(frozen=True, slots=True)
class Accept:
    """Accept the measured runs of a commit."""

    sha: str
    reason: str


@dataclass(frozen=True, slots=True)
class Help:
    """Show the commands; `problem` explains an unknown or wrong command."""

    problem: str | None = None


Command = Run | Accept | Help


class _User(Foreign):
    login: Login
    type: str


class _Comment(Foreign):
    id: int
    body: str
    user: _User


class _Issue(Foreign):
    number: int
    pull_request: dict[str, object] | None = None


class CommentEvent(Foreign):
    """The event of a comment, as a workflow receives it."""

    action: Literal["created", "edited", "deleted"]
    comment: _Comment
    issue: _Issue


def read_comment(event: str) -> CommentEvent:
    """Return the comment that started a job.

    Raises:
        PublishError: The event is not a comment.
    """
    try:
        return CommentEvent.model_validate_json(event)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise PublishError(
            f"the event is not a comment: {where}", "run this in an issue_comment job"
        ) from error


def command_of(event: CommentEvent) -> Command | None:
    """Return the command of a comment; `None` without a command.

    Only new comments of people on pull requests can command. Others may edit a comment later, and a program
    may quote a comment.
    """
    if event.action != "created" or event.issue.pull_request is None or event.comment.user.type != "User":
        return None
    return parse(event.comment.body)


def parse(body: str) -> Command | None:
    """Return the command in the first line of a comment; `None` without one."""
    first = body.partition("\n")[0].rstrip()
    words = first.split()
    if not words or words[0] != "/bench" or not first.startswith("/bench"):
        return None
    match words[1:]:
        case [] | ["help"]:
            return Help()
        case ["run", *suites] if len(suites) <= 1:
            (suite,) = suites or ["pr"]
            return Run(suite) if _SUITE.fullmatch(suite) else Help("the name of a suite looks like `nightly`")
        case ["baseline", "accept", *rest]:
            return _accept(rest)
    return Help("this command does not exist")


def _accept(words: list[str]) -> Accept | Help:
    usage = "`/bench baseline accept <sha> <reason>`"
    sha = "".join(words[:1])
    reason = " ".join(words[1:])
    if not _SHA.fullmatch(sha):
        return Help(f"name the commit by 7 to 40 of its digits: {usage}")
    if not reason:
        return Help(f"a reason is missing: {usage}")
    return Accept(sha, reason) if len(reason) <= _LONGEST_REASON else Help(_TOO_LONG)


def may_command(permission: str) -> bool:
    """Check that a permission of the collaborator endpoint allows commands."""
    return permission in _WRITERS

"""The `/bench` commands that maintainers write in comments."""

import re
from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from bench.core.config.target import NAME
from bench.core.run.results_digest import PATTERN
from bench.errors import PublishError
from bench.publish.foreign import Foreign, Login

HELP = """\
| comment | what it does |
| :--- | :--- |
| `/bench run [suite]` | measures this pull request again; for a fork, only the suite `pr` |
| `/bench baseline accept <sha> <reason>` | adds the runs of the commit (40 digits) to the baseline |
| `/bench baseline accept <sha> <digest> <reason>` | the same by 12 digits and the digest of the runs |
| `/bench help` | shows this table |

Write the command in the first line of a new comment. You need write permission."""
_SUITE = re.compile(NAME)
_SHA = re.compile(r"[0-9a-f]{40}")
_SHORT_SHA = re.compile(r"[0-9a-f]{12,40}")
_USAGE = "`/bench baseline accept <sha> [<digest>] <reason>`"
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
    """All digits of the commit, or the first 12 or more with a digest."""
    reason: str
    digest: str | None = None
    """Digest of the results that the comment showed; `None` to accept those that were measured before it."""


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
    created_at: AwareDatetime


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
    sha = "".join(words[:1]).lower()
    digest = words[1] if len(words) > 1 and PATTERN.fullmatch(words[1]) else None
    reason = " ".join(words[1:] if digest is None else words[2:])
    form = _SHA if digest is None else _SHORT_SHA
    if not form.fullmatch(sha):
        return Help(f"name the commit by all 40 digits, or by 12 and the digest of the results: {_USAGE}")
    if not reason:
        return Help(f"a reason is missing: {_USAGE}")
    return Accept(sha, reason, digest) if len(reason) <= _LONGEST_REASON else Help(_TOO_LONG)


def may_command(permission: str) -> bool:
    """Check that a permission of the collaborator endpoint allows commands."""
    return permission in _WRITERS

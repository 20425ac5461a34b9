"""What maintainers write in a comment, and what is meant by it."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import StringConstraints, ValidationError

from bench.core.config.target import NAME
from bench.errors import PublishError
from bench.publish.foreign import Foreign

HELP = """\
| comment | what it does |
| :--- | :--- |
| `/bench run [suite]` | measures this pull request again; a fork's only with the suite `pr` |
| `/bench baseline accept <sha> <reason>` | makes what was measured of that commit part of the baseline |
| `/bench help` | says this |

The first line of a new comment counts, of people who may write here."""
_SUITE = re.compile(NAME)
_SHA = re.compile(r"[0-9a-f]{7,40}")
_LONGEST_REASON = 300
_TOO_LONG = f"a reason has at most {_LONGEST_REASON} characters"
_WRITERS = frozenset({"admin", "write"})  # GitHub reports `maintain` as `write` here

Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,39}(\[bot\])?$")]


@dataclass(frozen=True, slots=True)
class Run:
    """Measure the pull request again."""

    suite: str


@dataclass(frozen=True, slots=True)
class Accept:
    """Accept what was measured of a commit."""

    sha: str
    reason: str


@dataclass(frozen=True, slots=True)
class Help:
    """Say what there is; `problem` when something else was written."""

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
    """A comment, as GitHub tells a workflow of it."""

    action: Literal["created", "edited", "deleted"]
    comment: _Comment
    issue: _Issue


def read_comment(event: str) -> CommentEvent:
    """The comment that started a job.

    Raises:
        PublishError: The event is of something else.
    """
    try:
        return CommentEvent.model_validate_json(event)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise PublishError(
            f"this is no comment as GitHub tells of it: {where}", "run it in an issue_comment job"
        ) from error


def command_of(event: CommentEvent) -> Command | None:
    """What a comment asks for; None when it asks for nothing.

    Only a person's new comment on a pull request asks: an edited one may say what nobody meant, and what a
    program writes may quote others.
    """
    if event.action != "created" or event.issue.pull_request is None or event.comment.user.type != "User":
        return None
    return parse(event.comment.body)


def parse(body: str) -> Command | None:
    """The command in the first line of a comment; None when it is none."""
    first = body.partition("\n")[0].rstrip()
    words = first.split()
    if not words or words[0] != "/bench" or not first.startswith("/bench"):
        return None
    match words[1:]:
        case [] | ["help"]:
            return Help()
        case ["run", *suites] if len(suites) <= 1:
            (suite,) = suites or ["pr"]
            return Run(suite) if _SUITE.fullmatch(suite) else Help("a suite has a name like `nightly`")
        case ["baseline", "accept", *rest]:
            return _accept(rest)
    return Help("there is no such command")


def _accept(words: list[str]) -> Accept | Help:
    how = "`/bench baseline accept <sha> <reason>`"
    sha, reason = "".join(words[:1]), " ".join(words[1:])
    if not _SHA.fullmatch(sha):
        return Help(f"the commit is named by 7 to 40 of its digits: {how}")
    if not reason:
        return Help(f"a baseline is accepted for a reason: {how}")
    return Accept(sha, reason) if len(reason) <= _LONGEST_REASON else Help(_TOO_LONG)


def may_command(permission: str) -> bool:
    """Whether somebody with this permission, as the collaborator endpoint says it, may command."""
    return permission in _WRITERS

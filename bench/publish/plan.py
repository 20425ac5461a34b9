"""Plan the comment on a pull request. Pure: no request is sent here."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.publish.foreign import Foreign, is_same_name
from bench.publish.workflow_run import RunAttempt, is_newer

_STAMP = re.compile(r"<!-- attempt:(\S+) -->")


class Author(Foreign):
    """The author of a comment or an issue."""

    login: str


class Comment(Foreign):
    """A comment as GitHub lists it. The comment of a deleted account has no author."""

    id: int
    body: str | None
    user: Author | None


@dataclass(frozen=True, slots=True)
class Create:
    """Create the comment: the suite has none yet."""

    body: str


@dataclass(frozen=True, slots=True)
class Update:
    """Update the suite's comment, whose text differs."""

    comment: int
    body: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Keep the suite's comment, whose text is equal, or which shows a newer measurement."""

    comment: int
    is_outdated: bool = False
    """Whether the comment shows a newer measurement."""


Action = Create | Update | Skip


def is_ours(user: Author | None, body: str, marker: str, author: str) -> bool:
    """Check that `author` wrote a text and that its first line is the marker."""
    return user is not None and is_same_name(user.login, author) and has_marker(body, marker)


def has_marker(body: str | None, marker: str) -> bool:
    """Check that the first line of a text is the marker."""
    return normalize(body or "").partition("\n")[0] == marker


def with_marker(comments: Iterable[Comment], body: str) -> Iterator[Comment]:
    """Yield the comments of any account that have the same marker as a text."""
    marker = body.partition("\n")[0]
    return (comment for comment in comments if has_marker(comment.body, marker))


def normalize(text: str) -> str:
    """Return a text without a byte order mark and with simple line ends, as `bench` writes it."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def stamp(body: str, attempt: RunAttempt) -> str:
    """Return a comment whose second line names the attempt that it shows; readers do not see it."""
    marker, line_end, text = body.partition("\n")
    return f"{marker}\n<!-- attempt:{attempt} -->{line_end}{text}"


def _attempt_in(body: str) -> RunAttempt | None:
    lines = normalize(body).split("\n", 2)
    match = _STAMP.fullmatch(lines[1]) if len(lines) > 1 else None
    return RunAttempt.parse(match[1]) if match else None


def plan_comment(comments: Iterable[Comment], body: str, author: str) -> Action:
    """Return the action after which the pull request has this comment once.

    Args:
        comments: Comments of the pull request.
        body: Text of the comment. Its first line is the marker by which it is found again.
        author: Account that comments. Comments of other accounts are never touched.
    """
    marker = body.partition("\n")[0]
    for comment in comments:
        if comment.body is not None and is_ours(comment.user, comment.body, marker, author):
            if is_newer(_attempt_in(comment.body), _attempt_in(body)):
                return Skip(comment.id, is_outdated=True)
            same = normalize(comment.body).strip() == body.strip()
            return Skip(comment.id) if same else Update(comment.id, body)
    return Create(body)

"""What is to be done about a comment, decided without asking anybody."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.publish.foreign import Foreign


class Author(Foreign):
    """Who wrote something."""

    login: str


class Comment(Foreign):
    """A comment as GitHub has it; that of a deleted user has no author."""

    id: int
    body: str | None
    user: Author | None


@dataclass(frozen=True, slots=True)
class Create:
    """There is no comment of this suite yet."""

    body: str


@dataclass(frozen=True, slots=True)
class Update:
    """There is one, and it says something else."""

    comment: int
    body: str


@dataclass(frozen=True, slots=True)
class Skip:
    """There is one, and it says just that."""

    comment: int


Action = Create | Update | Skip


def is_ours(user: Author | None, body: str, marker: str, author: str) -> bool:
    """Whether somebody wrote it, and its first line is the marker; a deleted user is nobody."""
    return user is not None and user.login == author and body.partition("\n")[0].rstrip("\r") == marker


def plan_comment(comments: Iterable[Comment], body: str, author: str) -> Action:
    """What makes the pull request have this comment, once.

    Args:
        comments: All that are there.
        body: What is to be said; its first line is the marker by which the comment is found again.
        author: Who says it: others' comments are left alone, whatever they begin with.
    """
    marker = body.partition("\n")[0]
    for each in comments:
        if each.body is not None and is_ours(each.user, each.body, marker, author):
            same = each.body.replace("\r\n", "\n").strip() == body.strip()
            return Skip(each.id) if same else Update(each.id, body)
    return Create(body)

"""One issue for each thing that is watched: opened when something is wrong, and closed when nothing is."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.errors import PublishError
from bench.publish.api import Api, done, read
from bench.publish.foreign import Foreign
from bench.publish.plan import Author, is_ours

_LONGEST = 65_000  # of 65,536 characters
_CUT = "\n\n… the rest is left out here.\n"


class Issue(Foreign):
    """An issue as GitHub lists it: a pull request is one too."""

    number: int
    title: str
    body: str | None
    user: Author | None
    pull_request: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong.

    Attributes:
        title: In one line.
        body: As Markdown.
    """

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Open:
    """There is no issue yet."""


@dataclass(frozen=True, slots=True)
class Change:
    """There is one, and it says something else."""

    number: int


@dataclass(frozen=True, slots=True)
class Close:
    """There is one, and nothing is wrong any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Leave:
    """There is nothing to do."""


Action = Open | Change | Close | Leave


def plan_issue(issues: Iterable[Issue], watch: str, author: str, report: Report | None) -> Action:
    """What makes there be one issue of a watch, as long as something is wrong.

    Args:
        issues: All that are open.
        watch: What is watched.
        author: Whose the issue is: others' are left alone, whatever they begin with.
        report: What is wrong; None when nothing is.
    """
    for each in issues:
        if each.pull_request is None and is_ours(each.user, each.body or "", marker(watch), author):
            if report is None:
                return Close(each.number)
            text = (each.body or "").replace("\r\n", "\n")
            same = (each.title, text.strip()) == (report.title, _body(watch, report).strip())
            return Leave() if same else Change(each.number)
    return Leave() if report is None else Open()


def marker(watch: str) -> str:
    """What the issue of a watch begins with, by which it is found again."""
    return f"<!-- bench:{watch} -->"


def show_issue(api: Api, repository: str, watch: str, author: str, report: Report | None) -> Action:
    """Make a repository have the issue of a watch, or have none. Returns what had to be done.

    Args:
        api: By which GitHub is asked.
        repository: `owner/name`.
        watch: What is watched.
        author: Whose the token is.
        report: What is wrong; None when nothing is.

    Raises:
        PublishError: GitHub refused, or does not answer.
    """
    path = f"/repos/{repository}/issues"
    for _ in range(3):
        action = plan_issue(api.pages(path, Issue, {"state": "open"}), watch, author, report)
        match action:
            case Open() if report is not None:
                # It may be there although the answer was lost: then the next look finds it.
                answer = api.post(path, {"title": report.title, "body": _body(watch, report)})
                if answer is None:
                    continue
                read(answer, _Number)
            case Change(number) if report is not None:
                content = {"title": report.title, "body": _body(watch, report)}
                done(api.ask("PATCH", f"{path}/{number}", json=content))
            case Close(number):
                content = {"state": "closed", "state_reason": "completed"}
                done(api.ask("PATCH", f"{path}/{number}", json=content))
        return action
    raise PublishError("GitHub did not take the issue", "its status: https://www.githubstatus.com")


class _Number(Foreign):
    number: int


def _body(watch: str, report: Report) -> str:
    text = report.body if len(report.body) <= _LONGEST else report.body[: _LONGEST - len(_CUT)] + _CUT
    return f"{marker(watch)}\n{text}"

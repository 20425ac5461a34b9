"""One issue for each watched subject: opened when there is a problem, closed when it is solved."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from bench.errors import PublishError
from bench.publish.api import Api, read
from bench.publish.foreign import Foreign
from bench.publish.identity import Identity
from bench.publish.plan import Author, has_marker, is_ours, normalize
from bench.publish.refusals import STATUS_HINT

LABEL = "bench"
"""Label of the issues, by which they are found."""
_ATTEMPTS = 3
_NEWEST = 100  # one page of GitHub
_LONGEST = 65_000  # GitHub allows 65,536 characters
_CUT = "\n\n… the rest is omitted.\n"


class Issue(Foreign):
    """An issue as GitHub lists it. The list contains pull requests too."""

    number: int
    title: str
    body: str | None
    user: Author | None
    pull_request: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class WatchProblem:
    """A problem to report in an issue."""

    title: str
    """Title in one line."""
    body: str
    """Text in Markdown."""


@dataclass(frozen=True, slots=True)
class OpenIssue:
    """Open an issue: the subject has none."""


@dataclass(frozen=True, slots=True)
class UpdateIssue:
    """Update the subject's issue, whose text differs."""

    number: int


@dataclass(frozen=True, slots=True)
class CloseIssue:
    """Close the subject's issue: the problem is solved."""

    number: int


@dataclass(frozen=True, slots=True)
class KeepIssue:
    """Leave the repository as it is."""


IssueAction = OpenIssue | UpdateIssue | CloseIssue | KeepIssue


def plan_issue(
    issues: Sequence[Issue], subject: str, author: str, problem: WatchProblem | None
) -> IssueAction:
    """Return the action after which the subject has one open issue if there is a problem, and none otherwise.

    Args:
        issues: Open issues.
        subject: Watched subject.
        author: Account that writes the issue. Issues of other accounts are never touched.
        problem: The problem; `None` without one.
    """
    for issue in issues:
        text = normalize(issue.body or "")
        if not is_ours(issue.user, text, marker(subject), author):
            continue
        if problem is None:
            return CloseIssue(issue.number)
        same = issue.title == problem.title and text.strip() == _body(subject, problem).strip()
        return KeepIssue() if same else UpdateIssue(issue.number)
    return KeepIssue() if problem is None else OpenIssue()


def marker(subject: str) -> str:
    """Return the first line of a subject's issue, by which it is found again."""
    return f"<!-- bench:{subject} -->"


def show_issue(
    api: Api, repository: str, identity: Identity, subject: str, problem: WatchProblem | None
) -> IssueAction:
    """Open, update or close the issue of a subject, and return the action.

    Args:
        api: GitHub's REST API.
        repository: `owner/name`.
        identity: Account of the token.
        subject: Watched subject.
        problem: The problem; `None` without one.

    Raises:
        PublishError: GitHub refused, or does not answer.
    """
    path = f"/repos/{repository}/issues"
    for _ in range(_ATTEMPTS):
        issues = _list_candidates(api, path, subject)
        # Without a candidate, the name of the account is not needed.
        author = identity.login(f"issues/{issues[0].number}") if issues else ""
        action = plan_issue(issues, subject, author, problem)
        match action:
            case OpenIssue() if problem is not None:
                content = {"title": problem.title, "body": _body(subject, problem), "labels": [LABEL]}
                # If the answer is lost, the issue may exist: the next round looks for it.
                answer = api.post(path, content)
                if answer is None:
                    continue
                read(answer, _Number)
                identity.learn(answer)
            case UpdateIssue(number) if problem is not None:
                changes = {"title": problem.title, "body": _body(subject, problem)}
                read(api.ask("PATCH", f"{path}/{number}", json=changes), _Number)
            case CloseIssue(number):
                changes = {"state": "closed", "state_reason": "completed"}
                read(api.ask("PATCH", f"{path}/{number}", json=changes), _Number)
        return action
    raise PublishError("GitHub did not accept the issue", STATUS_HINT)


def _list_candidates(api: Api, path: str, subject: str) -> list[Issue]:
    """Return the open issues of any account that have the marker of a subject.

    They have the label. A person may remove it, and GitHub drops it if the token may not set labels, so the
    newest issues are candidates, too.
    """
    queries = [{"labels": LABEL}, {"sort": "created", "direction": "desc"}]
    for query in queries:
        issues = api.pages(path, Issue, {"state": "open", **query})
        listed = issues if "labels" in query else islice(issues, _NEWEST)
        candidates = [
            issue
            for issue in listed
            if issue.pull_request is None and has_marker(issue.body, marker(subject))
        ]
        if candidates:
            return candidates
    return []


class _Number(Foreign):
    number: int


def _body(subject: str, problem: WatchProblem) -> str:
    text = problem.body
    if len(text) > _LONGEST:
        text = text[: _LONGEST - len(_CUT)] + _CUT
    return f"{marker(subject)}\n{text}"

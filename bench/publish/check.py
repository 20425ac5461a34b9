"""What is to be done about a check at a commit, decided without asking anybody."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from bench.core.report.suite import SuiteReport
from bench.core.verdict.compare import Decision
from bench.publish.foreign import Foreign

Conclusion = Literal["success", "failure", "neutral"]
_LEVELS = {Decision.FAIL: "failure", Decision.INVALID: "warning", Decision.INCONCLUSIVE: "notice"}
# GitHub's limits: annotations of a request, and characters of a commit status.
_MOST_ANNOTATIONS, _LONGEST_STATUS = 50, 140
# Of what nobody reads on.
_LONGEST_TITLE, _LONGEST_MESSAGE = 200, 1_000


class _Output(Foreign):
    title: str | None


class CheckRun(Foreign):
    """A check as GitHub has it."""

    id: int
    external_id: str | None
    status: str
    conclusion: str | None
    output: _Output


@dataclass(frozen=True, slots=True)
class Annotation:
    """A scenario that did not pass, at its file."""

    path: str
    level: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Check:
    """What is to be shown at a commit.

    Attributes:
        suite: What was measured: there is one check of each suite.
        conclusion: What came of it; None while it is measured.
        title: The same in a sentence.
        summary: In Markdown.
        annotations: One for each scenario that did not pass.
    """

    suite: str
    conclusion: Conclusion | None
    title: str
    summary: str
    annotations: tuple[Annotation, ...] = ()

    @property
    def name(self) -> str:
        """As people see it."""
        return f"bench {self.suite}"

    @property
    def external_id(self) -> str:
        """By which it is found again: a job may have the name, but not this."""
        return f"bench:{self.suite}"


@dataclass(frozen=True, slots=True)
class Begin:
    """There is no check of this suite that could be changed."""


@dataclass(frozen=True, slots=True)
class Change:
    """There is one that has not been concluded."""

    check: int


@dataclass(frozen=True, slots=True)
class Leave:
    """There is nothing to do."""


def conclusion(decision: Decision) -> Conclusion:
    """What a check at the commit concludes; what is inconclusive or invalid is neither good nor bad."""
    match decision:
        case Decision.PASS:
            return "success"
        case Decision.FAIL:
            return "failure"
        case _:
            return "neutral"


def check_of(report: SuiteReport, suite: str, summary: str) -> Check:
    """The check that says what came of a suite.

    Args:
        report: What was said of all scenarios.
        suite: Which they are.
        summary: In Markdown.
    """
    annotations = [
        Annotation(
            path=f"scenarios/{each.result.scenario.name}.yaml",
            level=_LEVELS[each.decision],
            title=f"bench {each.result.scenario.name}",
            message=each.headline,
        )
        for each in report.reports
        if each.decision in _LEVELS
    ]
    return Check(suite, conclusion(report.decision), report.headline, summary, tuple(annotations))


def plan_check(
    checks: Iterable[CheckRun], wanted: Check, *, only_open: bool = False
) -> Begin | Change | Leave:
    """What makes the commit have this check.

    What is concluded is not changed: GitHub would add the annotations to those that are there. A newer check
    of the same name takes its place.

    Args:
        checks: All that the commit has.
        wanted: What is to be shown.
        only_open: Conclude what is in progress, and begin nothing.
    """
    ours = [each for each in checks if each.external_id == wanted.external_id]
    newest = max(ours, key=lambda each: each.id, default=None)
    if newest is not None and newest.status != "completed":
        return Change(newest.id)
    said = newest is not None and (newest.conclusion, newest.output.title) == (
        wanted.conclusion,
        _title(wanted),
    )
    return Leave() if only_open or said else Begin()


def check_contents(check: Check, run_url: str) -> Iterator[dict[str, Any]]:
    """What is sent to GitHub, one request after the other: it takes fifty annotations at once.

    Args:
        check: What is to be shown.
        run_url: Where the details are.
    """
    state: dict[str, Any] = {"status": "in_progress"}
    if check.conclusion is not None:
        state = {"status": "completed", "conclusion": check.conclusion}
    output = {"title": _title(check), "summary": check.summary}
    head = {"name": check.name, "external_id": check.external_id, "details_url": run_url}
    for start in range(0, max(1, len(check.annotations)), _MOST_ANNOTATIONS):
        some = [
            {
                "path": each.path,
                "start_line": 1,
                "end_line": 1,
                "annotation_level": each.level,
                "title": each.title,
                "message": _line(each.message, _LONGEST_MESSAGE),
            }
            for each in check.annotations[start : start + _MOST_ANNOTATIONS]
        ]
        yield {**head, **state, "output": {**output, "annotations": some}}


def status_content(check: Check, run_url: str) -> dict[str, str]:
    """The same as a commit status, which knows nothing between good and bad.

    Args:
        check: What is to be shown.
        run_url: Where the details are.
    """
    states = {"failure": "failure", "success": "success", "neutral": "success", None: "pending"}
    description = _line(check.title, _LONGEST_STATUS)
    return {
        "state": states[check.conclusion],
        "context": check.name,
        "description": description,
        "target_url": run_url,
    }


def _title(check: Check) -> str:
    return _line(check.title, _LONGEST_TITLE)


def _line(text: str, longest: int) -> str:
    """So much of a text, without what ends a line, has no width or turns its direction round."""
    return "".join(each if each.isprintable() else " " for each in text[:longest])

"""Plan the check of a suite at a commit. Pure: no request is sent here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, assert_never

from bench.core.report.suite import SuiteReport
from bench.core.report.verdict_line import describe_not_measured, describe_run
from bench.core.verdict.compare import Decision
from bench.publish.foreign import Foreign

Conclusion = Literal["success", "failure", "neutral"]
_LEVELS = {Decision.FAIL: "failure", Decision.INVALID: "failure", Decision.INCONCLUSIVE: "notice"}
INCONCLUSIVE_TITLE = "Cannot tell"
"""Start of the headline of an inconclusive result."""
# GitHub's limits: annotations of a request, and characters of a commit status.
_MOST_ANNOTATIONS = 50
_LONGEST_STATUS = 140
# Longer text is cut.
_LONGEST_TITLE = 200
_LONGEST_MESSAGE = 1_000


class _Output(Foreign):
    title: str | None


class CheckRun(Foreign):
    """A check run as GitHub lists it."""

    id: int
    external_id: str | None
    status: str
    conclusion: str | None
    output: _Output

    @property
    def is_inconclusive(self) -> bool:
        """Whether the check shows "cannot tell", which is a failure with `--strict`."""
        return self.conclusion == "neutral" or (self.output.title or "").startswith(INCONCLUSIVE_TITLE)


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation of a scenario that did not pass, at its file."""

    path: str
    """Path of the scenario's file."""
    level: str
    """GitHub's level: `failure`, `warning` or `notice`."""
    title: str
    """Name of the scenario."""
    message: str
    """The first line of its report, which the comment also has."""


@dataclass(frozen=True, slots=True)
class Check:
    """The check of a suite at a commit."""

    suite: str
    """Name of the suite. A commit has one check for each suite."""
    conclusion: Conclusion | None
    """Conclusion; `None` while the suite is being measured."""
    title: str
    """The judgement in one sentence."""
    summary: str
    """Details in Markdown."""
    annotations: tuple[Annotation, ...] = ()
    """One annotation for each scenario that did not pass."""

    @property
    def name(self) -> str:
        """Name that GitHub shows."""
        return f"bench {self.suite}"

    @property
    def external_id(self) -> str:
        """Key by which the check is found again. A job may have the same name, but not this key."""
        return f"bench:{self.suite}"


@dataclass(frozen=True, slots=True)
class BeginCheck:
    """Create a check: the commit has no open check of this suite."""


@dataclass(frozen=True, slots=True)
class UpdateCheck:
    """Update the open check of this suite."""

    check: int
    """Id of the check run."""


@dataclass(frozen=True, slots=True)
class KeepCheck:
    """Leave the commit as it is."""


CheckAction = BeginCheck | UpdateCheck | KeepCheck


def conclusion(decision: Decision, *, strict: bool = False) -> Conclusion:
    """Return the conclusion of a decision: a success only for runs that were measured and are not worse.

    Args:
        decision: The decision on the suite.
        strict: An inconclusive result is a failure instead of neutral.
    """
    match decision:
        case Decision.PASS:
            return "success"
        case Decision.FAIL | Decision.INVALID:
            return "failure"
        case Decision.INCONCLUSIVE:
            return "failure" if strict else "neutral"
        case _:
            assert_never(decision)


def check_of(report: SuiteReport, suite: str, summary: str, *, strict: bool = False) -> Check:
    """Return the check of a judged suite.

    Args:
        report: Report on the suite.
        suite: Name of the suite.
        summary: Details in Markdown.
        strict: An inconclusive result is a failure instead of neutral.
    """
    annotations: list[Annotation] = []
    for run in report.reports:
        level = _LEVELS.get(report.decision_on(run))
        if level is not None:
            name = run.result.scenario.name
            annotations.append(
                Annotation(
                    f"scenarios/{name}.yaml",
                    level,
                    f"bench {name}",
                    describe_run(run, report.excused.get(run.result.scenario.name)),
                )
            )
    for failure in report.not_measured:
        path = f"scenarios/{failure.scenario}.yaml"
        annotations.append(
            Annotation(path, "failure", f"bench {failure.scenario}", describe_not_measured([failure], 1))
        )
    result = conclusion(report.decision, strict=strict)
    return Check(suite, result, report.headline, summary, tuple(annotations))


def plan_check(checks: Iterable[CheckRun], wanted: Check, *, only_open: bool = False) -> CheckAction:
    """Return the action after which the commit has this check.

    A concluded check is never updated, because GitHub would add the new annotations to the old ones. A newer
    check of the same name replaces it.

    Args:
        checks: Check runs of the commit.
        wanted: Check that the commit should have.
        only_open: Conclude an open check, but create none.
    """
    of_suite = [check for check in checks if check.external_id == wanted.external_id]
    newest = max(of_suite, key=lambda check: check.id, default=None)
    if newest is not None and newest.status != "completed":
        return UpdateCheck(newest.id)
    if only_open:
        return KeepCheck()
    if (
        newest is not None
        and newest.conclusion == wanted.conclusion
        and newest.output.title == _title(wanted)
    ):
        return KeepCheck()
    return BeginCheck()


def check_contents(check: Check, run_url: str) -> Iterator[dict[str, Any]]:
    """Yield the content of each request: GitHub accepts fifty annotations in one.

    Args:
        check: Check to show.
        run_url: Address of the details.
    """
    state: dict[str, Any] = {"status": "in_progress"}
    if check.conclusion is not None:
        state = {"status": "completed", "conclusion": check.conclusion}
    output = {"title": _title(check), "summary": check.summary}
    head = {"name": check.name, "external_id": check.external_id, "details_url": run_url}
    for start in range(0, max(1, len(check.annotations)), _MOST_ANNOTATIONS):
        page = check.annotations[start : start + _MOST_ANNOTATIONS]
        contents = [_annotation_content(annotation) for annotation in page]
        yield {**head, **state, "output": {**output, "annotations": contents}}


def _annotation_content(annotation: Annotation) -> dict[str, Any]:
    return {
        "path": annotation.path,
        "start_line": 1,
        "end_line": 1,
        "annotation_level": annotation.level,
        "title": annotation.title,
        "message": _line(annotation.message, _LONGEST_MESSAGE),
    }


def status_content(check: Check, run_url: str) -> dict[str, str]:
    """Return the content of a commit status. It has no neutral state, so an inconclusive result is an error.

    Args:
        check: Check to show.
        run_url: Address of the details.
    """
    states = {"failure": "failure", "success": "success", "neutral": "error", None: "pending"}
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
    """Cut a text, and replace line ends and invisible characters by spaces."""
    return "".join(character if character.isprintable() else " " for character in text[:longest])

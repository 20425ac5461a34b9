"""Plan the check of a suite at a commit. Pure: no request is sent here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, assert_never, get_args

from bench.core.report.endings import Ending, describe_ending
from bench.core.report.suite import SuiteReport
from bench.core.report.verdict_line import describe_not_measured, describe_run
from bench.core.values.escape import escape_markdown
from bench.core.verdict.compare import Decision
from bench.publish.foreign import Foreign
from bench.publish.workflow_run import RunAttempt, is_newer

Conclusion = Literal["success", "failure", "neutral", "skipped", "cancelled", "timed_out", "action_required"]
# GitHub accepts neither `startup_failure` nor `stale` from a program; their words here block a merge, too.
_ENDINGS: dict[Ending, Conclusion] = {
    Ending.SKIPPED: "skipped",
    Ending.CANCELLED: "cancelled",
    Ending.TIMED_OUT: "timed_out",
    Ending.STARTUP_FAILURE: "failure",
    Ending.ACTION_REQUIRED: "action_required",
    Ending.STALE: "cancelled",
    Ending.NEUTRAL: "neutral",
    Ending.FAILURE: "failure",
}
_PASSED = frozenset({"success", "neutral", "skipped"})
_LEVELS = {Decision.FAIL: "failure", Decision.INVALID: "failure", Decision.INCONCLUSIVE: "notice"}
MERGED = "merged"
CLOSED = "closed"
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

    def is_of(self, suite: str) -> bool:
        """Check that this is the check of a suite. A job may have the same name, but not this key."""
        key = self.external_id or ""
        return key == f"bench:{suite}" or key.startswith(f"bench:{suite}:")

    @property
    def attempt(self) -> RunAttempt | None:
        """The attempt of a workflow run that the check shows; `None` if it names none."""
        return RunAttempt.parse((self.external_id or "").rpartition(":")[2])

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
    attempt: RunAttempt | None = None
    """The attempt of the workflow run that measured; `None` if it is unknown."""

    @property
    def name(self) -> str:
        """Name that GitHub shows."""
        return f"bench {self.suite}"

    @property
    def external_id(self) -> str:
        """Key by which the check is found again, and by which a newer measurement is known."""
        return f"bench:{self.suite}:{self.attempt}" if self.attempt else f"bench:{self.suite}"


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

    is_outdated: bool = False
    """Whether the commit has the check of a newer measurement."""


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


def check_of_ending(suite: str, ending: Ending, run_url: str, reason: str | None = None) -> Check:
    """Return the check of a measurement that ended without a verdict.

    Args:
        suite: Name of the suite.
        ending: The end.
        run_url: Address of the workflow run.
        reason: Why, in one sentence with its first word; default: a general sentence.
    """
    title = reason or describe_ending(ending)
    summary = f"{escape_markdown(title)}\n\nThe [workflow run]({run_url}) has the details."
    return Check(suite, _ENDINGS[ending], title, summary)


def repeat_verdict(verdict: CheckRun, wanted: Check) -> Check:
    """Return a check that shows an earlier verdict on the same commit again.

    Args:
        verdict: The concluded check with the verdict.
        wanted: The check of a later run that measured nothing.
    """
    words: tuple[Conclusion, ...] = get_args(Conclusion)
    same = [word for word in words if word == verdict.conclusion]
    conclusion: Conclusion = same[0] if same else "cancelled"
    title = verdict.output.title or wanted.title
    return replace(wanted, conclusion=conclusion, title=title)


def name_state(check: Check, state: str) -> Check:
    """Return the check of a pull request that was merged or closed before.

    It is never red after a merge. A closed pull request can be opened again with the same commit, so its
    check must not permit a merge.

    Args:
        check: The check.
        state: What happened to the pull request, `merged` or `closed`.
    """
    if check.conclusion in _PASSED:
        return check
    word = "neutral" if state == MERGED else check.conclusion
    return replace(check, conclusion=word, title=f"The pull request was {state} before: {check.title}")


def plan_check(checks: Iterable[CheckRun], wanted: Check, *, only_open: bool = False) -> CheckAction:
    """Return the action after which the commit has this check.

    A concluded check is never updated, because GitHub would add the new annotations to the old ones. A newer
    check of the same name replaces it. An attempt that ends late never replaces a newer one, and a run that
    only begins, or that measures nothing, does not touch the open check of another one.

    Args:
        checks: Check runs of the commit.
        wanted: Check that the commit should have.
        only_open: Conclude the check that is in progress for this attempt, but create none.
    """
    of_suite = [check for check in checks if check.is_of(wanted.suite)]
    if wanted.attempt is not None and any(is_newer(check.attempt, wanted.attempt) for check in of_suite):
        return KeepCheck(is_outdated=True)
    newest = max(of_suite, key=lambda check: check.id, default=None)
    if newest is not None and newest.status != "completed":
        is_of_other = newest.attempt != wanted.attempt and (only_open or wanted.conclusion is None)
        return KeepCheck() if is_of_other else UpdateCheck(newest.id)
    if only_open:
        return KeepCheck()
    if newest is None:
        return BeginCheck()
    is_same = newest.conclusion == wanted.conclusion and newest.output.title == _title(wanted)
    return KeepCheck() if is_same and newest.attempt == wanted.attempt else BeginCheck()


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
    """Return the content of a commit status. It has four states, so other ends of a measurement are errors.

    Args:
        check: Check to show.
        run_url: Address of the details.
    """
    states = {"failure": "failure", "success": "success", "skipped": "success", None: "pending"}
    description = _line(check.title, _LONGEST_STATUS)
    return {
        "state": states.get(check.conclusion, "error"),
        "context": check.name,
        "description": description,
        "target_url": run_url,
    }


def _title(check: Check) -> str:
    return _line(check.title, _LONGEST_TITLE)


def _line(text: str, longest: int) -> str:
    """Cut a text, and replace line ends and invisible characters by spaces."""
    return "".join(character if character.isprintable() else " " for character in text[:longest])

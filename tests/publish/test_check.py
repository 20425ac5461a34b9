from dataclasses import replace

import pytest

from bench.core.report.endings import Ending, describe_ending
from bench.core.report.not_measured import explain_failure
from bench.core.report.suite import judge_suite
from bench.publish.check import (
    BeginCheck,
    Check,
    CheckAction,
    CheckRun,
    Conclusion,
    KeepCheck,
    UpdateCheck,
    check_of,
    check_of_ending,
    name_state,
    plan_check,
)
from bench.publish.workflow_run import RunAttempt
from tests.render.reports import reports

REPORTS = reports()
WANTED = Check("pr", "success", "No regression in 3 scenarios.", "In Markdown.")


def _check_run(
    number: int, status: str, conclusion: str | None = None, title: str = WANTED.title
) -> CheckRun:
    return CheckRun.model_validate(
        {
            "id": number,
            "external_id": WANTED.external_id,
            "status": status,
            "conclusion": conclusion,
            "output": {"title": title},
        }
    )


@pytest.mark.parametrize(
    ("kind", "conclusion", "levels"),
    [
        ("pass", "success", []),
        ("regression", "failure", ["failure"]),
        ("no-baseline", "neutral", ["notice"]),
        ("interrupted", "failure", ["failure"]),
    ],
)
def test_the_decision_of_a_suite_is_the_conclusion_of_its_check(
    kind: str, conclusion: str, levels: list[str]
) -> None:
    """Only a pass is a success; an inconclusive run is neutral. A scenario that passed has no annotation."""
    check = check_of(judge_suite([REPORTS[kind]]), "pr", "In Markdown.")
    assert check.conclusion == conclusion
    assert [annotation.level for annotation in check.annotations] == levels


def test_strict_makes_an_inconclusive_check_fail() -> None:
    """Without strict it is neutral; a pass is a success with strict, too."""
    assert check_of(judge_suite([REPORTS["no-baseline"]]), "pr", "…", strict=True).conclusion == "failure"
    assert check_of(judge_suite([REPORTS["pass"]]), "pr", "…", strict=True).conclusion == "success"


def test_a_scenario_that_was_not_measured_fails_the_check_with_its_reason() -> None:
    """The check of a passed suite is red if one scenario has no result."""
    failed = explain_failure("spike", "service 'agent' did not start: refused; the end of its log:\n  Boom")
    check = check_of(judge_suite([REPORTS["pass"]], ["quick", "spike"], failed=[failed]), "pr", "…")
    sentence = "service 'agent' did not start: refused."
    assert (check.conclusion, check.title) == (
        "failure",
        f"Not measured: spike (1 of 2 scenarios): {sentence}",
    )
    (annotation,) = check.annotations
    assert (annotation.path, annotation.level) == ("scenarios/spike.yaml", "failure")
    assert annotation.message == f"Not measured: spike: {sentence}"


OPEN = _check_run(7, "in_progress")
OLD_OPEN = _check_run(3, "in_progress")
DONE = _check_run(7, "completed", "success")
OLD_DONE = _check_run(3, "completed", "success")
OTHER = _check_run(7, "completed", "failure", "1 of 3 scenarios failed: quick.")


@pytest.mark.parametrize(
    ("checks", "action"),
    [
        ([], BeginCheck()),
        ([OPEN], UpdateCheck(7)),
        ([OLD_OPEN, OPEN], UpdateCheck(7)),
        ([OPEN, OLD_DONE], UpdateCheck(7)),
        ([OLD_DONE, OPEN], UpdateCheck(7)),
        ([DONE], KeepCheck()),
        ([OLD_OPEN, DONE], KeepCheck()),
        ([DONE, OLD_OPEN], KeepCheck()),
        ([OTHER], BeginCheck()),
        ([OLD_DONE, OTHER], BeginCheck()),
        ([OTHER, OLD_DONE], BeginCheck()),
    ],
)
def test_the_newest_check_of_a_suite_decides(checks: list[CheckRun], action: CheckAction) -> None:
    """The check run with the highest id is the newest, in whatever order GitHub lists them."""
    assert plan_check(checks, WANTED) == action


def _measured(number: int, attempt: RunAttempt, conclusion: str | None = "success") -> CheckRun:
    state = "completed" if conclusion else "in_progress"
    found = _check_run(number, state, conclusion)
    return found.model_copy(update={"external_id": f"bench:pr:{attempt}"})


FIRST, SECOND = RunAttempt(100, 41, 1), RunAttempt(200, 41, 2)
OTHER_RUN = RunAttempt(150, 42, 1)


@pytest.mark.parametrize(
    ("checks", "attempt", "action"),
    [
        ([_measured(7, FIRST)], FIRST, KeepCheck()),
        ([_measured(7, FIRST)], SECOND, BeginCheck()),
        ([_measured(7, SECOND)], FIRST, KeepCheck(is_outdated=True)),
        ([_measured(7, SECOND, None)], FIRST, KeepCheck(is_outdated=True)),
        ([_measured(7, FIRST, None)], SECOND, UpdateCheck(7)),
        ([_measured(7, OTHER_RUN)], SECOND, BeginCheck()),
        ([_measured(7, OTHER_RUN)], FIRST, KeepCheck(is_outdated=True)),
        ([_measured(7, SECOND), _measured(8, FIRST)], OTHER_RUN, KeepCheck(is_outdated=True)),
        ([DONE], FIRST, BeginCheck()),
    ],
)
def test_the_attempt_that_began_last_counts(
    checks: list[CheckRun], attempt: RunAttempt, action: CheckAction
) -> None:
    """A re-run of an older workflow run is newer than another run before it; late ends change nothing."""
    wanted = replace(WANTED, attempt=attempt)
    assert wanted.external_id == f"bench:pr:{attempt}"
    assert plan_check(checks, wanted) == action


@pytest.mark.parametrize("ending", Ending)
def test_an_end_without_a_verdict_is_concluded_with_its_word(ending: Ending) -> None:
    """GitHub's own word is the conclusion, where a program may set it; no end is a success."""
    check = check_of_ending("pr", ending, "https://example.org/run")
    others = {Ending.STARTUP_FAILURE: "failure", Ending.STALE: "cancelled"}
    assert check.conclusion == others.get(ending, ending.value)
    assert check.title == describe_ending(ending)
    assert "https://example.org/run" in check.summary


def test_the_reason_of_an_end_is_only_text() -> None:
    """The reason may come from the job of a stranger."""
    check = check_of_ending("pr", Ending.SKIPPED, "https://example.org/run", "Skipped: <b> @team")
    assert check.title == "Skipped: <b> @team"
    assert "<b>" not in check.summary
    assert "@team" not in check.summary


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out", "action_required"])
def test_no_check_of_a_merged_pull_request_is_red(conclusion: Conclusion) -> None:
    """The verdict stays readable; a success stays a success."""
    merged = name_state(replace(WANTED, conclusion=conclusion), "merged")
    assert merged.conclusion == "neutral"
    assert merged.title == f"The pull request was merged before: {WANTED.title}"
    assert name_state(WANTED, "merged") == WANTED


def test_the_check_of_a_closed_pull_request_still_blocks() -> None:
    """It can be opened again with the same commit, and GitHub would accept a neutral check at once."""
    closed = name_state(replace(WANTED, conclusion="failure"), "closed")
    assert closed.conclusion == "failure"
    assert closed.title == f"The pull request was closed before: {WANTED.title}"


def test_a_run_that_measures_nothing_never_concludes_the_check_of_another_run() -> None:
    """A label starts it while the measurement is in progress, whose verdict must still count."""
    began = replace(WANTED, attempt=OTHER_RUN, conclusion=None)
    skipped = replace(WANTED, attempt=OTHER_RUN, conclusion="skipped")
    open_check = _measured(7, FIRST, None)
    assert plan_check([open_check], began) == KeepCheck()
    assert plan_check([open_check], skipped, only_open=True) == KeepCheck()
    assert plan_check([_measured(7, OTHER_RUN, None)], skipped, only_open=True) == UpdateCheck(7)
    assert plan_check([open_check], replace(WANTED, attempt=FIRST)) == UpdateCheck(7)


def test_a_check_of_another_suite_is_not_touched() -> None:
    """The key of a check contains its suite."""
    nightly = replace(WANTED, suite="nightly")
    assert plan_check([OPEN, DONE], nightly) == BeginCheck()
    longer = _check_run(9, "in_progress").model_copy(update={"external_id": "bench:pr-long:1.1.1"})
    assert plan_check([longer], WANTED) == BeginCheck()

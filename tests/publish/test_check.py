from dataclasses import replace

import pytest

from bench.core.report.not_measured import explain_failure
from bench.core.report.suite import judge_suite
from bench.publish.check import (
    BeginCheck,
    Check,
    CheckAction,
    CheckRun,
    KeepCheck,
    UpdateCheck,
    check_of,
    plan_check,
)
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


@pytest.mark.parametrize(
    ("checks", "action"), [([], KeepCheck()), ([OPEN], UpdateCheck(7)), ([OTHER], KeepCheck())]
)
def test_an_open_check_can_be_concluded_without_creating_one(
    checks: list[CheckRun], action: CheckAction
) -> None:
    """`only_open` never creates a check."""
    assert plan_check(checks, WANTED, only_open=True) == action


def test_a_check_of_another_suite_is_not_touched() -> None:
    """The key of a check contains its suite."""
    nightly = replace(WANTED, suite="nightly")
    assert plan_check([OPEN, DONE], nightly) == BeginCheck()

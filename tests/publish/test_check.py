import pytest

from bench.core.report.suite import judge_suite
from bench.publish.check import check_of
from tests.render.reports import reports

REPORTS = reports()


@pytest.mark.parametrize(
    ("kind", "conclusion", "levels"),
    [
        ("pass", "success", []),
        ("regression", "failure", ["failure"]),
        ("no-baseline", "neutral", ["notice"]),
        ("interrupted", "neutral", ["warning"]),
    ],
)
def test_what_came_of_a_suite_is_its_checks_conclusion(kind: str, conclusion: str, levels: list[str]) -> None:
    """What is inconclusive or invalid is neither good nor bad, and what passed needs no annotation."""
    check = check_of(judge_suite([REPORTS[kind]]), "pr", "In Markdown.")
    assert check.conclusion == conclusion
    assert [each.level for each in check.annotations] == levels

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from bench.core.config.scenario import Scenario
from bench.core.report.report import Report, make_report
from bench.core.report.suite import SuiteReport, judge_suite
from bench.render.comment import LIMIT, Origin, marker, render_comment
from tests.render.reports import HOSTILE, reports, suites

Golden = Callable[[str, str], None]
REPORTS, SUITES = reports(), suites()
ORIGIN = Origin("pr", "a" * 40, "https://github.com/owner/name/actions/runs/1")


@cache
def many(kind: str, count: int, detail: str = "") -> SuiteReport:
    """Return a suite of `count` scenarios with the same report and this detail of their failures."""
    report = REPORTS[kind]
    made: list[Report] = []
    for number in range(count):
        scenario = report.result.scenario.model_copy(update={"name": f"{kind}-{number}"})
        errors = tuple(each.model_copy(update={"detail": detail}) for each in report.result.summary.errors)
        summary = report.result.summary.model_copy(update={"errors": errors})
        run = report.result.model_copy(update={"scenario": scenario, "summary": summary})
        made.append(make_report(run, report.comparison))
    return judge_suite(made)


@pytest.mark.parametrize("name", SUITES)
def test_a_comment_looks_as_it_was_approved(name: str, golden: Golden) -> None:
    """The judgement comes first, then the deciding metrics, the passed scenarios, and the next step."""
    golden(f"comment-{name}.md", render_comment(SUITES[name], ORIGIN))


@pytest.mark.parametrize("name", REPORTS)
def test_a_comment_on_one_scenario_looks_as_it_was_approved(name: str, golden: Golden) -> None:
    """A comment on one scenario of each kind equals the approved file."""
    golden(f"comment-{name}.md", render_comment(judge_suite([REPORTS[name]]), ORIGIN))


@pytest.mark.parametrize("name", [*REPORTS])
def test_a_comment_is_found_by_its_first_line(name: str) -> None:
    """The marker of the suite is the first line, and occurs once."""
    text = render_comment(judge_suite([REPORTS[name]]), ORIGIN)
    assert text.startswith(f"{marker('pr')}\n## ")
    assert text.count("<!--") == 1


@pytest.mark.parametrize(
    ("kind", "count", "detail"),
    [
        ("pass", 1, ""),
        ("regression", 5, ""),
        ("regression", 20, ""),
        ("regression", 200, ""),
        ("errors", 200, "x" * 10_000),
        ("regression", 900, ""),
        ("pass", 900, ""),
    ],
)
def test_a_comment_is_never_longer_than_allowed(kind: str, count: int, detail: str) -> None:
    """A long comment keeps its judgement, closes its folds and links the rest."""
    text = render_comment(many(kind, count, detail), ORIGIN)
    assert len(text) <= LIMIT
    assert text.count("<details>") == text.count("</details>")
    cut = text.rstrip().endswith("the rest is omitted: https://github.com/owner/name/actions/runs/1")
    assert cut == (count == 900)


def test_long_names_do_not_exceed_the_limit() -> None:
    """Two hundred names of ten kilobytes each make no comment that GitHub refuses."""
    renamed = [
        each.model_copy(update={"result": each.result.model_copy(update={"scenario": _named(each, number)})})
        for number, each in enumerate(many("regression", 200).reports)
    ]
    text = render_comment(judge_suite(renamed), ORIGIN)
    assert len(text) <= LIMIT
    assert text.startswith(f"{marker('pr')}\n## 🔴 0-🏋🏋🏋")
    assert "200 of 200 scenarios failed" in text


def _named(report: Report, number: int) -> Scenario:
    return report.result.scenario.model_copy(update={"name": f"{number}-{'🏋' * 10_000}"})


def test_details_are_dropped_first() -> None:
    """A long comment loses the details of its last scenarios, and no deciding table."""
    text = render_comment(many("regression", 25), ORIGIN)
    assert 0 < text.count("<details>") < 25
    assert text.count("**Compared with the baseline**") == 25
    assert text.index("**Latencies") < text.index("### regression-1:")
    assert "more did not pass" not in text


def test_a_longer_comment_lists_one_line_per_scenario() -> None:
    """If the tables do not fit either, each scenario that did not pass keeps a line with its judgement."""
    suite = many("regression", 200)
    lines = render_comment(suite, ORIGIN).splitlines()
    text = "\n".join(lines)
    assert "<details>" not in text
    headings = [line for line in lines if line.startswith("### ")]
    full = len(headings)
    assert 0 < full < 200
    for number, heading in enumerate(headings):
        assert heading.startswith(f"### regression-{number}: Responses are 27 % slower ")
    assert text.count("**Compared with the baseline**") == text.count("**Where the time goes**") == full
    start = lines.index(f"**{200 - full} more did not pass, see [the run]({ORIGIN.run_url})**")
    assert lines[start + 1 : start + 4] == ["", "| scenario | result |", "| :--- | :--- |"]
    listed = lines[start + 4 : start + 4 + 200 - full]
    for number, line in enumerate(listed, full):
        assert line.startswith(f"| regression-{number} | Responses are 27 % slower ")
        assert len(re.findall(r"(?<!\\)\|", line)) == 3
    footer = lines[start + 4 + 200 - full :]
    assert footer[:2] == ["", "---"]
    assert footer[2].startswith(f"Commit `{'a' * 9}` compared with the baseline: 10 runs of the level of ")
    assert footer[3].startswith("Machine: ")
    assert footer[4] == "To reproduce this result: `bench check regression-0 --stack embedded`."
    assert footer[5].startswith(
        f"To accept it, comment `/bench baseline accept {'a' * 9} <reason>`; [the run]("
    )
    assert len(footer) == 6
    # One more line would not fit.
    shorter = sum(map(len, lines)) + len(lines)
    assert LIMIT - 2 * shorter / full < shorter <= LIMIT


def test_hostile_text_stays_text() -> None:
    """HTML, links, mentions and tables in a target's text have no effect in the comment."""
    text = render_comment(judge_suite([REPORTS["hostile"]]), ORIGIN)
    assert HOSTILE not in text
    assert not re.search(r"(?<!\\)(<(img|script)|\]\(http://evil)|@everyone|http://evil", text)


def test_without_a_workflow_run_there_is_no_link() -> None:
    """A comment that is rendered on a laptop names no workflow run."""
    text = render_comment(SUITES["suite-failed"], Origin("pr", "a" * 40))
    assert "artifacts" not in text
    listed = render_comment(many("errors", 200), Origin("pr", "a" * 40))
    assert " more did not pass**" in listed
    cut = render_comment(many("regression", 900), Origin("pr", "a" * 40))
    assert cut.rstrip().endswith("the rest is omitted: see the run")


@pytest.mark.parametrize(
    "wrong",
    [
        {"suite": "--> <b>"},
        {"head_sha": "main"},
        {"run_url": "javascript:alert(1)"},
        {"run_url": "https://a.b/)[x](http://c"},
        {"suite": "pr\n"},
        {"page_url": "data:text/html,x"},
        {"people": {"prefill": ["octo](http://c)"]}},
    ],
)
def test_an_invalid_origin_is_refused(wrong: dict[str, Any]) -> None:
    """Values that are not escaped must match their pattern."""
    with pytest.raises(ValueError, match="does not match"):
        Origin(**({"suite": "pr", "head_sha": "a" * 40} | wrong))

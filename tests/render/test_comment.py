import re
from collections.abc import Callable

import pytest

from bench.core.config.scenario import Scenario
from bench.core.report.report import Report, make_report
from bench.core.report.suite import SuiteReport, judge_suite
from bench.render.comment import LIMIT, Origin, marker, render_comment
from tests.render.reports import HOSTILE, reports, suites

Golden = Callable[[str, str], None]
REPORTS, SUITES = reports(), suites()
ORIGIN = Origin("pr", "a" * 40, "https://github.com/owner/name/actions/runs/1")


def many(kind: str, count: int, detail: str = "") -> SuiteReport:
    """A suite of so many scenarios that all went like that, their failures described like this."""
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
    """The judgement first, then what decided it, what passed folded, and how to go on."""
    golden(f"comment-{name}.md", render_comment(SUITES[name], ORIGIN))


@pytest.mark.parametrize("name", REPORTS)
def test_a_comment_on_one_scenario_looks_as_it_was_approved(name: str, golden: Golden) -> None:
    """Every kind of report as a comment."""
    golden(f"comment-{name}.md", render_comment(judge_suite([REPORTS[name]]), ORIGIN))


@pytest.mark.parametrize("name", [*REPORTS])
def test_a_comment_is_found_by_its_first_line(name: str) -> None:
    """Whatever is said, the marker of the suite stands first and once."""
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
    """However much there is to say: the judgement stays, folds are closed, and the rest is linked."""
    text = render_comment(many(kind, count, detail), ORIGIN)
    assert len(text) <= LIMIT
    assert text.count("<details>") == text.count("</details>")
    cut = text.rstrip().endswith("the rest is omitted: https://github.com/owner/name/actions/runs/1")
    assert cut == (count == 900)


def test_two_hundred_scenarios_with_names_of_ten_kilobytes_are_no_longer() -> None:
    """No name that gets past the models makes the comment one that GitHub refuses."""
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


def test_what_is_folded_goes_first() -> None:
    """A comment that would be too long loses details of its last scenarios, and none of what decided it."""
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
        assert heading.startswith(f"### regression-{number}: Response time regressed: ")
    assert text.count("**Compared with the baseline**") == text.count("**Where the time goes**") == full
    start = lines.index(f"**{200 - full} more did not pass, see [the run]({ORIGIN.run_url})**")
    assert lines[start + 1 : start + 4] == ["", "| scenario | result |", "| :--- | :--- |"]
    listed = lines[start + 4 : start + 4 + 200 - full]
    for number, line in enumerate(listed, full):
        assert line.startswith(f"| regression-{number} | Response time regressed: ")
        assert len(re.findall(r"(?<!\\)\|", line)) == 3
    footer = lines[start + 4 + 200 - full :]
    assert footer[:2] == ["", "---"]
    assert footer[2].startswith(f"Commit `{'a' * 9}` compared with the baseline: 10 runs, newest of commit ")
    assert footer[3].startswith("Machine: ")
    assert footer[4] == "To reproduce this result: `bench check regression-0 --stack embedded`."
    assert footer[5].startswith(
        f"To accept it, comment `/bench baseline accept {'a' * 9} <reason>`; [the run]("
    )
    assert len(footer) == 6
    # One more line would not fit.
    shorter = sum(map(len, lines)) + len(lines)
    assert LIMIT - 2 * shorter / full < shorter <= LIMIT


def test_what_a_target_writes_stays_text() -> None:
    """HTML, links, mentions and tables in a target's words are none in the comment."""
    text = render_comment(judge_suite([REPORTS["hostile"]]), ORIGIN)
    assert HOSTILE not in text
    assert not re.search(r"(?<!\\)(<(img|script)|\]\(http://evil)|@everyone|http://evil", text)


def test_without_a_run_there_is_no_link() -> None:
    """Rendered on a laptop, a comment names no workflow run."""
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
    ],
)
def test_what_is_no_name_is_refused(wrong: dict[str, str]) -> None:
    """What is written as it is can only be what it should be."""
    with pytest.raises(ValueError, match="does not match"):
        Origin(**({"suite": "pr", "head_sha": "a" * 40} | wrong))

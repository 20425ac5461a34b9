import re
from collections.abc import Callable
from functools import cache, partial
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from bench.core.report.endings import Ending, describe_ending
from bench.core.report.not_measured import NotMeasured
from bench.core.report.report import Report, make_report
from bench.core.report.suite import SuiteReport, judge_suite
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from bench.publish.check import check_of
from bench.render.comment import LIMIT, Origin, marker, render_comment, render_ending
from bench.render.markdown import suite_markdown
from tests.core.report.compared_rows import compared, comparison, tier
from tests.factories import run_at
from tests.lazily import Lazily
from tests.render.random_comparisons import random_comparisons
from tests.render.reports import HOSTILE, reports, suites

Golden = Callable[[str, str], None]
REPORTS, SUITES = reports(), suites()
SHA = "a" * 40
RUN_URL = "https://github.com/owner/name/actions/runs/1"
ORIGIN = Origin(
    "pr",
    SHA,
    RUN_URL,
    pull=7,
    minutes=6.4,
    people={"decode": ("tess", "sam"), "prefill": ("kim", "dependabot[bot]")},
)
CRASHED = NotMeasured(
    scenario="chat-stream",
    reason="service 'agent' ended before it was ready",
    service="agent",
    exit_code=1,
    log=(
        "Traceback (most recent call last):",
        '  File "/home/runner/work/name/name/agent/main.py", line 3, in <module>',
        "KeyError: '```OLLAMA_URL' <img src=//evil.example> @everyone \u202e",
    ),
)
ALONE = ("long-messages", "tolerated", "improvement", "too-noisy", "no-baseline", "hostile")


def _suite(name: str) -> SuiteReport:
    """Return the suite of an approved comment."""
    if name in SUITES:
        return SUITES[name]
    if name == "not-measured":
        return judge_suite([REPORTS["pass"]], failed=[CRASHED])
    return judge_suite([REPORTS[name]])


APPROVED = Lazily({name: partial(_suite, name) for name in (*SUITES, "not-measured", *ALONE)})
RIGHT_TO_LEFT = "שלום עולם"
WORDS = {
    Decision.FAIL: ("Worse",),
    Decision.PASS: ("No change", "Slower, within tolerance", "Worse, within tolerance", "Faster", "Better"),
    Decision.INCONCLUSIVE: ("Cannot tell",),
    Decision.INVALID: ("Invalid", "Not measured"),
}


class Page(HTMLParser):
    """The elements and links of a comment, as GitHub's own reader of Markdown makes them."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.html = cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE)
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the name of an element, and its link."""
        self.elements.append(tag)
        for name, value in attrs:
            if name in {"href", "src"}:
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data


def headline_of(text: str) -> str:
    """Return the first line that a reader sees, without its icon and escapes."""
    (line,) = [line for line in text.splitlines() if line.startswith("### ")]
    return re.sub(r"[\\\u200b\u2068\u2069]|<span>|</span>", "", line.removeprefix("### ")).split(" ", 1)[1]


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of the rows of changes, which stand above the first fold."""
    lines = text.partition("<details")[0].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]


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


@pytest.mark.parametrize("name", APPROVED)
def test_a_comment_looks_as_it_was_approved(name: str, golden: Golden) -> None:
    """The verdict comes first, then at most five changes, the links, and the folds."""
    golden(f"comment-{name}.md", render_comment(APPROVED[name], ORIGIN))


@pytest.mark.parametrize("name", [*REPORTS])
def test_every_comment_is_short_until_its_first_fold(name: str) -> None:
    """A reader sees the verdict, at most five rows, and no more than forty lines before a fold."""
    suite = judge_suite([REPORTS[name]])
    text = render_comment(suite, ORIGIN)
    assert text.startswith(f"{marker('pr')}\n### ")
    assert text.count("<!--") == 1
    assert len(rows_of(text)) <= 5
    assert len(text.partition("<details")[0].splitlines()) <= 40
    assert "Committed baseline: " in text
    assert headline_of(text).startswith(WORDS[suite.decision])


@pytest.mark.parametrize("seed", range(3))
def test_the_first_line_agrees_with_the_verdict_and_the_first_row(seed: int) -> None:
    """The word is that of the decision; the size, the values and the certainty are those of the first row."""
    for random in random_comparisons(seed, 25):
        suite = judge_suite([make_report(run_at(), random)])
        text = render_comment(suite, ORIGIN)
        first_line = headline_of(text)
        assert first_line == re.sub(r"[\\]", "", suite.headline)
        assert first_line.startswith(WORDS[suite.decision])
        rows = rows_of(text)
        certainty = re.search(r"([\d.]+ %) certain\.$", first_line)
        if suite.decision is Decision.FAIL and certainty:
            assert rows[0][3].endswith(f"({certainty[1]})"), (first_line, rows)
            values = re.search(r"\(([^()]* → [^(),;]*)", first_line)
            assert values is not None
            assert values[1].strip() in rows[0][2].replace("\\", ""), (first_line, rows)


def test_the_changes_are_sorted_over_all_scenarios() -> None:
    """The first row is the one of the first line; worse comes before cannot tell, tolerated and better."""
    icons = [row[0][0] for row in rows_of(render_comment(SUITES["suite-failed"], ORIGIN))]
    assert len(icons) == 5
    assert icons == sorted(icons, key="🔴🟣🟠🟢".index)
    first = rows_of(render_comment(SUITES["suite-failed"], ORIGIN))[0]
    assert "greeting** of heavy: worse" in first[0]


def test_check_summary_annotation_and_comment_have_the_same_words() -> None:
    """The title of the check, the heading of the job summary and the first line of the comment are equal."""
    for name, suite in APPROVED.items():
        comment = render_comment(suite, ORIGIN)
        first_line = headline_of(comment)
        assert check_of(suite, "pr", comment).title.replace("\\", "") == first_line, name
        assert suite_markdown(suite).splitlines()[0] in f"# {comment.splitlines()[1].removeprefix('### ')}"
    (annotation,) = check_of(APPROVED["long-messages"], "pr", "").annotations
    assert annotation.message == APPROVED["long-messages"].headline


def _approved(name: str) -> SuiteReport:
    """Return the suite of an approved comment."""
    if name in SUITES:
        return SUITES[name]
    if name == "not-measured":
        return judge_suite([REPORTS["pass"]], failed=[CRASHED])
    return judge_suite([REPORTS[name]])


@pytest.mark.parametrize("name", APPROVED)
def test_every_link_and_element_is_our_own(name: str) -> None:
    """GitHub's reader finds links to the repository's server only, no picture and no script."""
    page = Page(render_comment(APPROVED[name], ORIGIN))
    assert page.links
    assert {urlsplit(link).hostname for link in page.links} == {"github.com"}
    allowed = {
        "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "strong", "br", "code", "pre", "a",
        "ul", "li", "details", "summary", "sub", "span",
    }  # fmt: skip
    assert set(page.elements) <= allowed
    assert not re.search(r"(?<![\w`])[@#]\w", page.text.replace(CRASHED.log[2], "").partition("Traceback")[0])


def test_a_comment_links_the_page_the_logs_the_commit_and_the_people() -> None:
    """The commit is the one of the pull request; people are named without a mention."""
    text = render_comment(APPROVED["long-messages"], ORIGIN)
    page = Page(text)
    assert page.links == [
        f"{RUN_URL}#artifacts",
        RUN_URL,
        f"https://github.com/owner/name/pull/7/commits/{SHA}",
        "https://github.com/kim",
    ]
    assert "prefill was changed here by kim and dependabot[bot]" in page.text
    assert "@kim" not in text
    other = Origin("pr", SHA, RUN_URL, page_url="https://owner.github.io/name/pr-7.html")
    assert "(https://owner.github.io/name/pr-7.html)" in render_comment(APPROVED["long-messages"], other)
    assert "was changed here" not in render_comment(APPROVED["long-messages"], other)


def test_a_reader_can_copy_the_commands() -> None:
    """The comment has the command that repeats the pairs, and the one that accepts the commit."""
    text = render_comment(APPROVED["long-messages"], ORIGIN)
    fetch = "git fetch origin pull/7/merge && git switch --detach FETCH_HEAD && "
    assert f"\n{fetch}bench check --suite pr --against HEAD^1 --stack embedded\n" in text
    assert f"\n/bench baseline accept {SHA} <reason>\n" in text
    digest = Origin("pr", SHA, RUN_URL, digest=f"sha256:{'b' * 32}")
    assert f"`sha256:{'b' * 32}`" in render_comment(APPROVED["long-messages"], digest)
    assert "/bench baseline accept" not in render_comment(APPROVED["suite-passed"], ORIGIN)
    assert f"{fetch}bench check quick --stack embedded\n" in render_comment(APPROVED["tolerated"], ORIGIN)


def test_a_name_that_a_shell_would_run_is_in_no_command() -> None:
    """The name of a scenario comes from a result file, and readers copy the command."""
    run = REPORTS["regression"].result
    scenario = run.scenario.model_copy(update={"name": "quick; rm -rf ~"})
    report = make_report(run.model_copy(update={"scenario": scenario}), REPORTS["regression"].comparison)
    assert "bench check" not in render_comment(judge_suite([report]), ORIGIN)


def test_a_changed_tier_has_one_bar_for_each_version() -> None:
    """A screen reader reads the times, and skips the bars."""
    text = render_comment(APPROVED["long-messages"], ORIGIN)
    assert text.count('<code aria-hidden="true">') == 2
    assert "`prefill` 30 → 78 ms (+48 ms)<br>" in text
    assert "mermaid" not in text


def test_an_accepted_change_is_named_in_the_first_line_and_below_the_baseline() -> None:
    """A reader understands why a slower version is green, and who decided it; the reason is text."""
    sentence = f"Ada accepted response time +28 %: {HOSTILE}"
    row = compared("e2e_ms", Verdict.UNCHANGED, 780.0, 0.004)
    accepted = comparison(Decision.PASS, row, accepted=sentence)
    text = render_comment(judge_suite([make_report(run_at(), accepted)]), ORIGIN)
    assert headline_of(text).endswith("; compared with the accepted level.")
    line = text.index("Accepted on this branch: quick: Ada accepted response time +28 %: ")
    assert text.index("Committed baseline: ") < line < text.index("Reproduce it")
    assert not {"img", "script"} & set(Page(text).elements)
    invalid = comparison(Decision.INVALID, row, accepted=sentence)
    assert "accepted level" not in headline_of(
        render_comment(judge_suite([make_report(run_at(), invalid)]), ORIGIN)
    )
    assert "Accepted on this branch" not in render_comment(APPROVED["suite-failed"], ORIGIN)


def test_a_scenario_that_was_not_measured_shows_its_log() -> None:
    """The fold with the service, the exit code and the log is open; no path of the runner is left."""
    text = render_comment(APPROVED["not-measured"], ORIGIN)
    assert headline_of(text) == (
        "Not measured: chat-stream (1 of 2 scenarios): "
        "service 'agent' ended before it was ready (exit code 1)."
    )
    assert "<details open><summary>agent, exit code 1: the last 3 lines of its log</summary>" in text
    assert '  File "…/agent/main.py", line 3, in <module>' in text
    assert "/home/runner" not in text
    assert "\u202e" not in text
    assert "<code class" not in Page(text).html.partition("</details>")[0].partition("KeyError")[2]


@pytest.mark.parametrize("name", [*REPORTS])
def test_no_comment_names_a_file_of_the_runner(name: str) -> None:
    """A result folder or a path of the runner is of no use for a reader on another machine."""
    text = render_comment(judge_suite([REPORTS[name]]), ORIGIN)
    assert "results/" not in text
    assert not re.search(r"/(home|tmp|Users)/", text)


@pytest.mark.parametrize("ending", Ending)
def test_an_end_without_a_verdict_has_a_comment(ending: Ending) -> None:
    """The comment has the sentence of the check, the links and the minutes."""
    text = render_ending(ending, ORIGIN)
    assert text.startswith(f"{marker('pr')}\n### ")
    assert headline_of(text) == describe_ending(ending)
    assert f"[logs]({RUN_URL})" in text
    assert "6 minutes of GitHub Actions" in text
    assert headline_of(render_ending(ending, ORIGIN, "the label bench:skip is set")).endswith("is set.")


@pytest.mark.parametrize(
    ("kind", "count", "detail"),
    [("regression", 5, ""), ("regression", 60, ""), ("errors", 60, "x" * 10_000), ("pass", 100, "")],
)
def test_a_comment_is_never_longer_than_allowed(kind: str, count: int, detail: str) -> None:
    """A long comment keeps its verdict, its links and its commands, and closes its folds."""
    text = render_comment(many(kind, count, detail), ORIGIN)
    assert len(text) <= LIMIT
    assert text.count("<details") == text.count("</details>")
    assert "git fetch origin pull/7/merge" in text
    assert text.endswith("</sub>\n")
    folds = text.count("<details><summary>🔴")
    assert (folds < count) == (count > 5)
    if kind == "regression" and count > 5:
        assert f"<summary>{count - folds} more scenarios</summary>" in text
        fold = text.index("<summary>🔴")
        assert len(text) > LIMIT - 2 * (text.index("<summary>🔴", fold + 1) - fold)


def _named(report: Report, name: str) -> Report:
    """Return a report with this name in every place that a result file can set."""
    rows = [
        compared("e2e_ms", report.comparison.metrics[0].verdict, 609.0, 0.2),
        tier(name, report.comparison.metrics[0].verdict, 48.0),
    ]
    scenario = report.result.scenario.model_copy(update={"name": name})
    run = report.result.model_copy(update={"scenario": scenario})
    more = {"vanished_messages": (name,) * 20}
    return make_report(run, comparison(Decision.FAIL, *rows, **more))


@pytest.mark.parametrize(
    "name", [HOSTILE, f"{RIGHT_TO_LEFT} 12 {RIGHT_TO_LEFT}", "🏋" * 10_000, "[x](http://evil.example)", "`"]
)
def test_hostile_names_stay_short_text(name: str) -> None:
    """Names of scenarios, messages and tiers are cut, have no effect, and keep the order of numbers."""
    suite = judge_suite(
        [_named(REPORTS["long-messages"], f"{number}{name}") for number in range(20)],
        failed=[NotMeasured(scenario=name[:200], reason=name[:400], service=name[:200], log=(name[:400],))],
    )
    text = render_comment(suite, ORIGIN)
    assert len(text) <= LIMIT
    assert len(headline_of(text)) < 500
    page = Page(text)
    assert {urlsplit(link).hostname for link in page.links} == {"github.com"}
    assert not {"img", "script", "iframe"} & set(page.elements)
    visible = re.sub(r"<pre.*?</pre>", "", page.html, flags=re.DOTALL)
    assert not re.search(r"@\w", visible)
    for match in re.finditer(RIGHT_TO_LEFT, text.partition("````")[0].partition("```")[0]):
        assert text[match.start() - 1] == "\u2068"
        assert text[match.end()] == "\u2069"


def test_without_a_workflow_run_there_is_no_link() -> None:
    """A comment that is rendered on a laptop names no workflow run."""
    text = render_comment(SUITES["suite-failed"], Origin("pr", SHA, people={"decode": ("tess",)}))
    assert Page(text).links == []
    assert "`decode` was changed here by tess" in text


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
        {"digest": "sha256:x"},
    ],
)
def test_an_invalid_origin_is_refused(wrong: dict[str, Any]) -> None:
    """Values that are not escaped must match their pattern."""
    with pytest.raises(ValueError, match="does not match"):
        Origin(**({"suite": "pr", "head_sha": SHA} | wrong))

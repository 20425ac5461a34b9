"""The pages of runs and suites. `tests/pages` opens them in a browser; `make pictures` takes pictures."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bench.core.report.report import Report
from bench.core.report.series import RunSeries, make_series
from bench.core.report.words import SIGNS, Word
from bench.core.verdict.verdict import MetricComparison
from bench.render.document.document import Document, make_document, split_headline
from bench.render.document.table import Table
from bench.render.html.assets import Assets, content_security_policy, embed_json, load_assets
from bench.render.html.charts import format_value
from bench.render.html.figures import make_intervals
from bench.render.html.page import render_page, render_suite_page
from bench.render.html.parts import code, ends_in_numbers
from bench.render.html.run.section import make_section
from tests.render.drawn import HOSTILE, hostile, many, no_data, passed, regressed
from tests.render.parsed_page import Element, charts_of, check_page, facts_of, table_of
from tests.render.reports import reports, suites

REPORTS = reports()
ASSETS = Assets(style="/* the style */", script="/* the library, and the script */")
POLICY = content_security_policy(ASSETS)
Drawn = tuple[Report, RunSeries]
KINDS: dict[str, Callable[[], Drawn]] = {
    "pass": passed,
    "regression": regressed,
    "no-data": no_data,
    "hostile": hostile,
}
FIGURES = {
    "pass": {
        "response time": "434 ms 10 baseline runsthis run −0.4 % from 436 ms",  # noqa: RUF001 - minus
        "p95 response time": "645 ms 10 baseline runsthis run too few requests to be reliable",
        "success": "100 % 10 baseline runsthis run of 100, baseline 100 % of 1,000",
        "throughput, answers": "3.23/s 10 baseline runsthis run 0 % from 3.23/s",
    },
    "regression": {
        "response time": "608 ms 10 baseline runsthis run +39 % from 436 ms",
        "p95 response time": "904 ms 10 baseline runsthis run too few requests to be reliable",
        "success": "97 % 10 baseline runsthis run of 100, baseline 100 % of 1,000",
        "throughput, answers": "3.13/s 10 baseline runsthis run −3.0 % from 3.23/s",  # noqa: RUF001 - minus
    },
    "no-data": {
        "success": "0 % of 100 requests",
        "throughput, answers": "0/s 100 requests in 31 s",
    },
}


def parsed(drawn: Drawn) -> Element:
    """Return the page of a run, whose structure is checked."""
    return check_page(render_page(*drawn, ASSETS), POLICY)


def heading_of(word: Word, headline: str) -> str:
    """Return the heading of a judgement: its sign, the decision in capitals, and the rest of the headline."""
    return f"{SIGNS[word.tone]} {''.join(split_headline(word, headline))}"


def heading_of_run(document: Document) -> str:
    """Return the heading of a run: a reason after the decision begins with a capital."""
    decision, rest = split_headline(document.word, document.headline)
    if rest.startswith(": "):
        rest = f": {rest[2:3].upper()}{rest[3:]}"
    return f"{SIGNS[document.word.tone]} {decision}{rest}"


def page_of(name: str) -> Element:
    """Return the page of a report without stored requests, whose structure is checked."""
    report = REPORTS[name]
    return parsed((report, make_series(report.result)))


def shown(text: str) -> str:
    """Return a text of a report as a page shows it: invisible characters and runs of spaces are one space."""
    visible = re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]", " ", text[:1_000])
    return " ".join((visible if len(text) <= 1_000 else f"{visible}…").replace("`", "").split())


def cells(table: Table) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return heads and rows of a table as a page shows them."""
    rows = []
    for row in table.rows:
        rows.append(tuple("no change detected" if text == "~" else " ".join(text.split()) for text in row))
    return table.columns, rows


def without_ticks(table: Table) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return heads and rows with the characters that a page shows."""
    columns, rows = cells(table)
    return tuple(map(visible, columns)), [tuple(map(visible, row)) for row in rows]


def visible(text: str) -> str:
    """Return a cell without invisible characters."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]", " ", text).split())


def list_ids(element: Element) -> Iterator[str]:
    """Yield the ids of an element and of its descendants, in the order of the page."""
    if "id" in element.attributes:
        yield element.attributes["id"]
    for child in element.children:
        if isinstance(child, Element):
            yield from list_ids(child)


@pytest.mark.parametrize("kind", KINDS)
def test_the_contents_lead_to_the_parts_of_the_page_in_order(kind: str) -> None:
    """Each entry of the contents leads to one element, and the elements have the order of the entries."""
    page = parsed(KINDS[kind]())
    links = page.find("nav").find_all("a")
    targets = [link.attributes["href"].removeprefix("#") for link in links]
    assert [name for name in list_ids(page) if name in targets] == targets
    assert targets[0] == "run-headline"
    assert {"run-compared", "run-facts", "run-raw"} <= {*targets}


@pytest.mark.parametrize("kind", FIGURES)
def test_a_page_begins_with_numbers(kind: str) -> None:
    """The deciding metrics, the p95 and the number of requests stand at the top, with their changes."""
    assert facts_of(parsed(KINDS[kind]()), "figures") == FIGURES[kind]


def tables_of(document: Document) -> Iterator[Table]:
    """Yield the tables of a page."""
    yield from document.judged
    yield from document.details


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_contains_the_complete_document(name: str) -> None:
    """Decision, headline, next step, reasons, warnings, alerts, each cell of each table and each fact."""
    page = page_of(name)
    document = make_document(REPORTS[name])
    article = page.find("article")
    assert article.attributes["class"] == f"tone-{document.word.tone}"
    header = article.find("header")
    heading = heading_of_run(document)
    assert header.find("h1").text == shown(heading)
    steps = [step.text for step in header.find_all("p", class_="next")]
    assert " ".join(steps) == shown(document.next_step)
    reasons = []
    for each in header.find_all("ul", class_="reasons"):
        reasons += [item.text for item in each.find_all("li")]
    assert sorted(reasons) == sorted(shown(reason) for reason in document.reasons)
    notes = [f"Alert: {text}" for text in document.alerts]
    notes += [f"Finding: {text}" for text in document.findings]
    notes += [f"Warning: {text}" for text in document.warnings]
    assert [note.text.replace("`", "") for note in article.find_all("p", class_="warning")] == [
        shown(note) for note in notes
    ]
    for table in tables_of(document):
        assert table_of(page, table.title) == without_ticks(table)
    assert facts_of(page, "facts") == {label: visible(text) for label, text in document.facts}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_contains_each_chart_as_data_and_as_a_table(kind: str) -> None:
    """The script gets each chart, and the reader without the script gets its values."""
    report, series = KINDS[kind]()
    page = parsed((report, series))
    charts = make_section("run", report, series).charts
    assert list(charts_of(page)) == list(charts)
    for name, chart in charts.items():
        figure = page.find("figure", id=name)
        assert figure.find(id=f"{name}-title").text == visible(chart.title)
        assert figure.find(id=f"{name}-text").text == visible(chart.text)
        if not chart.is_small:
            assert table_of(figure, chart.table.title) == without_ticks(chart.table)
        data = charts_of(page)[name]
        assert (data["across"], data["unit"], data["end"]) == (chart.across, chart.unit, chart.end)
        assert [phase[:2] for phase in data["phases"]] == [
            [phase.start_s, phase.end_s] for phase in chart.phases
        ]
        assert [span[:3] for span in data["spans"]] == [
            [span.start, span.end, span.tone] for span in chart.spans
        ]
        for layer, drawn in zip(chart.layers, data["layers"], strict=True):
            assert drawn["at"] == list(layer.at)
            assert [line["values"] for line in drawn["lines"]] == [list(line.values) for line in layer.lines]
            assert [(line["tone"], line["look"]) for line in drawn["lines"]] == [
                (line.tone, line.look) for line in layer.lines
            ]


def test_a_page_draws_intervals() -> None:
    """Each compared row has its interval."""
    report, series = regressed()
    page = parsed((report, series))
    for table in make_document(report).judged:
        if not table.compared:
            continue
        drawn = [row.find_all("svg") for row in _rows(page, table.title)]
        for interval, svg in zip(make_intervals(table.compared), drawn, strict=True):
            if interval is None:
                assert svg == []
                continue
            assert svg[0].attributes["class"] == interval.tone
            assert svg[0].find("circle").attributes["cx"] == f"{interval.middle}%"
            reach = svg[0].find("line", class_="reach").attributes
            assert (reach["x1"], reach["x2"]) == (f"{interval.low}%", f"{interval.high}%")
            assert svg[0].find("rect").attributes["width"] == f"{2 * interval.tolerated}%"


def _rows(page: Element, title: str) -> list[Element]:
    (table,) = [table for table in page.find_all("table") if table.find("caption").text == title]
    return table.find("tbody").find_all("tr")


def test_the_complete_report_can_be_copied() -> None:
    """The text area contains the report as JSON."""
    report, series = regressed()
    area = parsed((report, series)).find("textarea")
    assert Report.model_validate_json(area.raw_text) == report
    assert area.attributes["aria-label"] == "The complete report as JSON"


def test_every_suite_has_a_page() -> None:
    """A page of several runs begins with the decision on all of them and links to each run."""
    for suite in suites().values():
        series = [make_series(report.result) for report in suite.reports]
        page = check_page(render_suite_page(suite, series, ASSETS), POLICY)
        heading = heading_of(suite.word, suite.headline)
        assert page.find("h1").text == shown(heading)
        header = page.find("header", class_="suite")
        reasons = [
            item.text for item in header.find_all("ul", class_="reasons") for item in item.find_all("li")
        ]
        assert reasons == [shown(reason) for reason in suite.reasons]
        links = header.find("nav").find_all("a")
        names = [report.result.scenario.name for report in suite.reports]
        assert [link.text for link in links] == names
        assert [link.attributes["href"] for link in links] == [
            f"#run{number}-headline" for number in range(1, len(names) + 1)
        ]
        articles = page.find_all("article")
        for report, article in zip(suite.reports, articles, strict=True):
            document = make_document(report)
            heading = heading_of_run(document)
            assert article.find_all("h2")[0].text == shown(heading)
            for table in tables_of(document):
                assert table_of(article, table.title) == without_ticks(table)


def test_hostile_text_stays_text() -> None:
    """Names, warnings and errors from outside start no element, attribute or comment; nor does data."""
    text = render_page(*hostile(), ASSETS)
    page = check_page(text, POLICY)
    assert text.count("<script") == text.count("</script") == 3
    assert "<img" not in text
    assert "<!--" not in text
    assert "{{" in text
    assert "49" not in re.findall(r"{{.*?}}", text)
    about = page.find("p", class_="about").text
    assert about.startswith(visible(HOSTILE))


def test_embedded_data_is_read_back() -> None:
    """JSON in a page has its value, and no character of it can end its element."""
    value = {"text": HOSTILE, "number": 1.5, "none": None}
    text = str(embed_json(value))
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_numbers_that_json_lacks_are_refused() -> None:
    """NaN must be None before it comes to a page."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        embed_json({"value": float("nan")})


def test_only_the_pages_own_script_may_run() -> None:
    """The policy names script and style by their digests and allows no address."""
    assert POLICY.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert content_security_policy(replace(ASSETS, script="/* another */")) != POLICY


def test_the_packages_script_can_stand_in_a_page() -> None:
    """Neither the library nor our own script contains an end of its element or loads anything."""
    assets = load_assets()
    assert "</script" not in assets.script.lower()
    assert "<!--" not in assets.script
    assert "</style" not in assets.style.lower()
    assert "url(" not in assets.style.replace("url(#hatch", "")  # a pattern of the page
    assert "@import" not in assets.style
    assert "eval(" not in assets.script
    assert "uPlot" in assets.script


def test_an_older_browser_loses_no_sign_and_no_rule() -> None:
    """A sign stands without its alternative text too, and `:has()` never shares a rule with another selector.

    A browser that does not know the newer form ignores the declaration, or the rule with all its selectors.
    """
    style = load_assets("site", "side_by_side").style
    signs = re.findall(r'content: ("[^"]+") / "";', style)
    assert '"✕ "' in signs
    for sign in signs:
        assert style.count(f'content: {sign}; content: {sign} / "";') == signs.count(sign)
    shared = []
    for selector in re.findall(r"[^{};]*:has\([^{]*(?={)", style):
        if "," in re.sub(r"\([^()]*\)", "", selector):
            shared.append(selector)
    assert shared == []


def test_a_page_does_not_grow_with_its_requests() -> None:
    """The page of a hundred thousand requests is less than twice as large as that of a hundred."""
    few = render_page(*passed())
    lots = render_page(*many())
    assert len(lots) < 400_000
    assert len(lots) < 2 * len(few)
    assert "http://" not in lots.replace("http://www.w3.org", "")


def test_without_requests_the_page_explains_why() -> None:
    """The page of a result without stored requests has no charts over time, and gives the reason."""
    reason = "There are no charts over time, because the requests of this run are not stored."
    page = parsed(no_data())
    assert page.find_all("div", class_="panels")[0].find("p", class_="panel").text == reason
    assert page.find_all("div", class_="plot") == []
    assert reason not in parsed(passed()).text


def test_a_name_is_code_and_a_unit_stays_with_its_number() -> None:
    """Names in backticks become code, other text is escaped, and no line ends between number and unit."""
    assert code("a <b> in `decode` (+156 ms).") == "a &lt;b&gt; in <code>decode</code> (+156\u00a0ms)."
    assert code("`<i>`") == "`&lt;i&gt;`"
    assert code("10 sets") == "10 sets"


def test_a_long_text_is_cut() -> None:
    """A text of ten kilobytes is cut to a thousand characters."""
    report, series = passed()
    text = render_page(report.model_copy(update={"next_step": "x" * 10_000}), series, ASSETS)
    assert "x" * 1_001 not in re.sub(r"<textarea.*?</textarea>", "", text, flags=re.DOTALL)


def test_a_column_of_numbers_is_aligned_as_such() -> None:
    """A last column of numbers is aligned like other numbers, one with a word is not."""
    assert ends_in_numbers(Table("", ("a", "b"), (("x", "1 ms"), ("y", "–"))))  # noqa: RUF001
    assert not ends_in_numbers(Table("", ("a", "b"), (("x", "1 ms"), ("y", "kept"))))


def test_intervals_share_a_scale() -> None:
    """The larger of two changes in a table reaches further, and an unknown interval is not drawn."""
    rows = REPORTS["regression"].comparison.metrics
    drawn = dict(zip((row.key for row in rows), make_intervals(rows), strict=True))
    decode = drawn["tier.decode_ms"]
    queue = drawn["tier.queue_ms"]
    assert decode is not None
    assert queue is not None
    assert decode.tone == "bad"
    assert queue.tone == "quiet"
    assert 50 < decode.low < decode.middle < decode.high <= 100
    assert abs(queue.middle - 50) < 1
    assert drawn["success_ratio"] is None


def test_an_improvement_is_drawn_to_the_left() -> None:
    """A lower value is on the left of no change, in the colour of an improvement."""
    rows = [row for row in REPORTS["improvement"].comparison.metrics if row.key == "e2e_ms"]
    (drawn,) = make_intervals(rows)
    assert drawn is not None
    assert drawn.high < 50
    assert drawn.tone == "good"


def test_rows_without_a_change_have_no_interval() -> None:
    """A row whose change is unknown has no interval, and an empty table has none either."""
    row = MetricComparison.model_validate({"key": "e2e_ms", "verdict": "new", "part": "decides", "head": 3.0})
    assert make_intervals([row]) == (None,)
    assert make_intervals([]) == ()


def test_alerts_stand_above_the_deciding_metrics() -> None:
    """The reader sees the number of alerts and the first one before the tables, and all of them below."""
    page = page_of("watched")
    alerts = make_document(REPORTS["watched"]).alerts
    strip = page.find("article").find("header").find("ul", class_="strip")
    assert f"{len(alerts)} alerts: {shown(alerts[0])}" in strip.text
    assert [link.attributes["href"] for link in strip.find_all("a")] == ["#run-notes", "#run-notes"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ms", "–"),  # noqa: RUF001
        (12.5, "s", "12.5 s"),
        (0.25, "share", "25 %"),
        (101.2, "pct", "101 %"),
        (5e7, "bytes", "50 MB"),
        (1.666, "rps", "1.67/s"),
        (3.0, "1", "3"),
    ],
)
def test_values_of_charts_have_their_units(value: float | None, unit: str, text: str) -> None:
    """A value of a chart's table is written like one of another table."""
    assert format_value(value, unit) == text

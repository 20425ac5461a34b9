import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest

from bench.core.report.report import Report, make_report
from bench.core.report.series import RunSeries, make_series
from bench.core.report.timeline import timeline
from bench.core.run.bottleneck import Bottleneck, LoadBand
from bench.core.samples.sample import HOST
from bench.core.values.escape import escape_html
from bench.core.verdict.compare import compare
from bench.core.verdict.verdict import MetricComparison
from bench.render.document.document import make_document
from bench.render.document.table import Table
from bench.render.html.charts import against_load, course, written
from bench.render.html.figures import intervals, where_time_goes
from bench.render.html.page import policy, render_page, render_suite_page
from bench.render.html.parts import Parts, code, embedded, ends_in_numbers, shipped
from tests.factories import make_recording, make_run, make_sample
from tests.render.drawn import HOSTILE, hostile, many, no_data, passed, regressed
from tests.render.reports import reports, suites, watched_recording

REPORTS = reports()
# The style and the script are files of their own: what is made of a report stands between them.
PARTS = Parts(style="/* the style */", script="/* the library, and the script */")
Drawn = tuple[Report, RunSeries]


@pytest.mark.parametrize(
    ("name", "drawn"), [("pass", passed), ("regression", regressed), ("no-data", no_data)]
)
def test_a_page_looks_as_it_was_approved(
    name: str, drawn: Callable[[], Drawn], golden: Callable[[str, str], None]
) -> None:
    """A page of each kind is made, but for its library and the JSON in it, as it was last approved."""
    text = render_page(*drawn(), PARTS)
    golden(
        f"page-{name}.html", re.sub(r"(<textarea[^>]*>\n).*?(?=</textarea>)", r"\1", text, flags=re.DOTALL)
    )


def test_the_whole_report_can_be_copied() -> None:
    """What stands to be copied is the report, and reads back as it was."""
    report, series = regressed()
    (raw,) = re.findall(
        r"<textarea[^>]*>(.*?)</textarea>", render_page(report, series, PARTS), flags=re.DOTALL
    )
    assert Report.model_validate_json(unescape(raw)) == report


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_says_what_every_format_says(name: str) -> None:
    """Every table, label and judgement of a report stands in its page, each table with its heading."""
    report = REPORTS[name]
    text = render_page(report, make_series(report.result), PARTS)
    document = make_document(report)
    for table in (*document.judged, *document.details):
        assert f"<caption>{escape_html(table.title)}</caption>" in text
    assert text.count('<th scope="row">') >= sum(len(table.rows) for table in document.judged)
    assert f'<span class="decision">{document.decision.upper()}</span>' in text
    for label, _ in document.facts:
        assert f"<dt>{label}</dt>" in text


def test_every_suite_has_a_page() -> None:
    """A page of several runs begins with the decision on all of them, and links to each."""
    for suite in suites().values():
        text = render_suite_page(suite, [make_series(each.result) for each in suite.reports], PARTS)
        assert text.index(suite.headline) < text.index('<article class="')
        for number in range(1, len(suite.reports) + 1):
            assert f'href="#run{number}-headline"' in text
            assert f'id="run{number}-headline"' in text
        ids = re.findall(r' id="([^"]+)"', text)
        assert len(ids) == len(set(ids))


def test_hostile_text_stays_text() -> None:
    """No element, attribute or comment comes out of a name, a warning or an error, nor out of data."""
    text = render_page(*hostile(), PARTS)
    assert text.count("<script") == 2
    assert text.count("</script") == 2
    assert "<img" not in text
    assert "<!--" not in text
    assert "49" not in re.findall(r"{{.*?}}", text)
    assert not set("\u2028\u2029\u202e\x1b") & set(text)


def test_embedded_data_is_read_back_whole() -> None:
    """JSON in a page says what was put in, and no character of it can end its element."""
    value = {"text": HOSTILE, "number": 1.5, "none": None}
    text = str(embedded(value))
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_numbers_that_json_lacks_are_refused() -> None:
    """What is no number is None before it comes to a page."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded({"value": float("nan")})


def test_only_the_pages_own_script_may_run() -> None:
    """The policy names script and style by their digests and allows no address."""
    said = policy(PARTS)
    assert said.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in said
    assert "http" not in said
    assert said != policy(replace(PARTS, script="/* another */"))


def test_the_shipped_script_can_stand_in_a_page() -> None:
    """The library and our own script have nothing that would end their element, and load nothing."""
    parts = shipped()
    assert "</script" not in parts.script.lower()
    assert "<!--" not in parts.script
    assert "</style" not in parts.style.lower()
    assert "url(" not in parts.style
    assert "@import" not in parts.style
    assert "eval(" not in parts.script
    assert "uPlot" in parts.script


def test_a_page_does_not_grow_with_its_requests() -> None:
    """A hundred thousand requests make a page of the size of a hundred's, which loads nothing."""
    few, lots = render_page(*passed()), render_page(*many())
    assert len(lots) < 400_000
    assert len(lots) < 2 * len(few)
    assert "http://" not in lots.replace("http://www.w3.org", "")


def test_without_requests_the_page_says_so() -> None:
    """A result alone has a page without charts over time, which says why."""
    text = render_page(*no_data(), PARTS)
    assert "nothing can be drawn over time" in text
    assert 'class="plot"' not in text
    assert "nothing can be drawn over time" not in render_page(*passed(), PARTS)


def test_a_name_is_code_and_a_unit_stays_with_its_number() -> None:
    """Names in backticks become code, all else is escaped, and no line ends between number and unit."""
    assert code("a <b> in `decode` (+156 ms).") == "a &lt;b&gt; in <code>decode</code> (+156\u00a0ms)."
    assert code("`<i>`") == "`&lt;i&gt;`"
    assert code("10 sets") == "10 sets"


def test_a_long_text_is_cut() -> None:
    """Ten kilobytes of somebody's words do not make a page that nobody can read."""
    report, series = passed()
    text = render_page(report.model_copy(update={"next_step": "x" * 10_000}), series, PARTS)
    assert "x" * 1_001 not in re.sub(r"<textarea.*?</textarea>", "", text, flags=re.DOTALL)


def test_words_are_told_from_numbers() -> None:
    """A last column of numbers is set like the others, one with a word is not."""
    assert ends_in_numbers(Table("", ("a", "b"), (("x", "1 ms"), ("y", "–"))))  # noqa: RUF001
    assert not ends_in_numbers(Table("", ("a", "b"), (("x", "1 ms"), ("y", "kept"))))


def test_intervals_share_a_scale() -> None:
    """Of two changes in a table the larger reaches further, and what is not known is not drawn."""
    rows = REPORTS["regression"].comparison.metrics
    drawn = dict(zip((each.key for each in rows), intervals(rows), strict=True))
    decode, queue = drawn["tier.decode_ms"], drawn["tier.queue_ms"]
    assert decode is not None
    assert queue is not None
    assert decode.tone == "bad"
    assert queue.tone == "quiet"
    assert 50 < decode.low < decode.middle < decode.high <= 100
    assert abs(queue.middle - 50) < 1
    assert drawn["success_ratio"] is None


def test_what_improved_is_drawn_to_the_left() -> None:
    """Less is on the left of no change, in the tone of what is good."""
    rows = [each for each in REPORTS["improvement"].comparison.metrics if each.key == "e2e_ms"]
    (drawn,) = intervals(rows)
    assert drawn is not None
    assert drawn.high < 50
    assert drawn.tone == "good"


def test_no_change_at_all_has_no_scale() -> None:
    """Rows without any known change have no interval, and an empty table none either."""
    nothing = MetricComparison.model_validate(
        {"key": "e2e_ms", "verdict": "new", "part": "decides", "head": 3.0}
    )
    assert intervals([nothing]) == (None,)
    assert intervals([]) == ()


def test_the_time_is_shown_beside_the_baselines() -> None:
    """Two bars on one scale where there is a baseline, one where there is none, none without tiers."""
    both = where_time_goes(REPORTS["regression"])
    assert [bar.label for bar in both] == ["baseline", "this run"]
    assert max(part.start + part.width for part in both[1].segments) == pytest.approx(100, abs=0.1)
    assert both[0].segments[-1].start < both[1].segments[-1].start
    assert [bar.label for bar in where_time_goes(REPORTS["no-baseline"])] == ["this run"]
    assert [bar.label for bar in where_time_goes(REPORTS["all-failed"])] == ["baseline"]
    silent = make_run(make_recording([make_sample(0, tier_times={})]))
    assert where_time_goes(make_report(silent, compare(silent, None))) == ()


def band(users: tuple[int, int], p50_ms: float | None) -> LoadBand:
    """What a load did, of which only the waiting is told."""
    return LoadBand(vus=users, requests=50, p50_ms=p50_ms, p95_ms=None, success_ratio=1.0, requests_rps=None)


def by_load(*bands: LoadBand) -> Bottleneck:
    """A run by load."""
    return Bottleneck(load_unit="vus", bands=bands, planned_vus=40, limit_count=0)


def test_waiting_is_drawn_against_users() -> None:
    """A run of several loads has a chart with a place for each of them."""
    (chart,) = against_load(by_load(band((1, 10), 300.0), band((11, 40), 700.0)))
    assert list(chart.layers[0].at) == [5.5, 25.5]
    assert chart.table.rows == (("5.5", "300 ms", "–"), ("25.5", "700 ms", "–"))  # noqa: RUF001
    assert "VUs" in chart.title


def test_what_has_one_load_has_no_chart_of_loads() -> None:
    """Neither has a run without answers, nor one in which no load has enough of them."""
    assert against_load(None) == ()
    assert against_load(by_load(band((1, 10), 300.0))) == ()
    assert against_load(by_load(band((1, 10), None), band((11, 40), None))) == ()


def test_alerts_are_said_at_the_top() -> None:
    """What somebody should look at stands before what decided it."""
    report = REPORTS["watched"]
    text = render_page(report, make_series(report.result), PARTS)
    assert 0 < text.index("Alert:") < text.index("What decided it")


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
    """A value of a chart's table reads like one of any other table."""
    assert written(value, unit) == text


def test_the_machines_per_cent_is_said_to_be_of_all_its_cores() -> None:
    """In one chart with services, of which it is of one core; without the machine nothing is said of it."""
    recording = watched_recording()
    without = replace(recording, resources=tuple(each for each in recording.resources if each.source != HOST))
    for seen, said in (
        (recording, "Per cent of one core, by service; of the machine, of all its cores."),
        (without, "Per cent of one core, by service."),
    ):
        charts = course(RunSeries(timeline=timeline(seen, make_run(seen).scenario.phases)))
        assert next(each.text for each in charts if each.title == "CPU") == said

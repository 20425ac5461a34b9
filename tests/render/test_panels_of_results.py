"""The panels of messages, compared metrics, loads and failures on a page."""

import pytest

from bench.core.limits.judge import ThresholdResult
from bench.core.report.report import Report, make_report
from bench.core.report.series import make_series
from bench.core.run.bottleneck import Bottleneck, LoadBand
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from bench.render.document.document import make_document
from bench.render.html.parts import DrawnTable, draw_intervals
from bench.render.html.run.band_curves import draw_bands, find_limit
from bench.render.html.run.compared import make_compared
from bench.render.html.run.failures import make_failures
from bench.render.html.run.messages import MessagePanel, make_messages
from tests.core.report.compared_rows import compared, comparison, message
from tests.factories import make_recording, make_run, make_sample, make_scenario, run_at
from tests.render import drawn
from tests.render.parsed_page import Element, table_of
from tests.render.reports import reports
from tests.render.run_pages import page_of, parse_run

REPORTS = reports()


def judged_of(report: Report) -> tuple[DrawnTable, ...]:
    """Return the tables that decide a run."""
    return tuple(map(draw_intervals, make_document(report).judged))


def messages_of(report: Report) -> MessagePanel:
    """Return the panel of messages of a report that has one."""
    panel = make_messages(report, judged_of(report))
    assert panel is not None
    return panel


def test_messages_are_sorted_by_change_classes_first_and_few_stay_open() -> None:
    """All messages are in the fold, with their intervals."""
    panel = messages_of(REPORTS["long-messages"])
    names = [row.name for row in panel.rows.rows]
    assert names[:3] == ["long (3 messages)", "short (10 messages)", "summary"]
    assert [row.is_group for row in panel.rows.rows] == [True] * 2 + [False] * 5
    assert panel.complete is not None
    assert len(panel.complete.table.rows) == 15
    assert [word.text for word in panel.tones] == ["worse", "no change", "cannot tell"]


def test_a_verdict_without_a_word_is_read_out() -> None:
    """Signs stand for verdicts, so each row has the word for those who cannot see it."""
    figure = page_of("long-messages").find("figure", id="run-messages")
    rows = figure.find_all("table")[0].find("tbody").find_all("tr")
    changes = [row.find("td", class_="change").text for row in rows]
    assert changes[:2] == ["+48 %, worse", "+1.0 %, no change"]
    key = figure.find("p", class_="signs")
    assert "✕ worse" in key.text


def test_without_a_baseline_messages_are_sorted_by_time() -> None:
    """The longest message has the longest bar, and of many messages the first fifty have a row."""
    samples = [make_sample(seq, prompt=f"message-{seq:03}", latency_ms=100.0 + seq) for seq in range(80)]
    run = make_run(make_recording(samples))
    panel = messages_of(make_report(run, REPORTS["no-baseline"].comparison))
    rows = panel.rows.rows
    assert [row.name for row in rows[:2]] == ["message-079", "message-078"]
    assert [row.bar for row in rows] == sorted([row.bar or 0.0 for row in rows], reverse=True)
    assert rows[0].bar == 100.0
    assert panel.more is not None
    assert (len(rows) + len(panel.more.rows), panel.left_out) == (50, 30)


def test_one_message_has_no_panel() -> None:
    """It is the whole run."""
    run = make_run(make_recording([make_sample(0)]))
    assert make_messages(make_report(run, REPORTS["no-baseline"].comparison), ()) is None


def test_compared_metrics_are_those_that_decide_and_what_changed() -> None:
    """A cost without a change is in the fold only."""
    rows = [
        compared("e2e_ms", Verdict.WORSE, 600.0, 0.3),
        compared("requests_rps", Verdict.WITHIN_TOLERANCE, 8.0, -0.05),
        compared("service.agent.cpu_ms", Verdict.UNCHANGED, 5.0, 0.0),
    ]
    report = make_report(run_at(), comparison(Decision.FAIL, *rows))
    panel = make_compared(report, judged_of(report))
    assert panel is not None
    assert panel.rows is not None
    assert [row.name for row in panel.rows.rows] == ["response time", "throughput"]
    titles = [table.table.title for table in panel.complete]
    assert titles == ["Compared with the baseline", "Throughput and resources", "Thresholds"]


def test_drift_since_the_pinned_baseline_stays_open() -> None:
    """The reader must not open a fold to find why a run failed."""
    report = REPORTS["drifted"]
    panel = make_compared(report, judged_of(report))
    assert panel is not None
    assert panel.rows is not None
    assert "response time, since the pinned baseline" in [row.name for row in panel.rows.rows]


@pytest.mark.parametrize("name", ["pass", "crossed", "no-baseline"])
def test_thresholds_are_chips_with_sign_limit_word_and_value(name: str) -> None:
    """A crossed threshold differs by its sign and its word, not by its colour only."""
    chips = page_of(name).find("ul", class_="chips").find_all("li")
    thresholds = REPORTS[name].result.thresholds
    for chip, threshold in zip(chips, thresholds, strict=True):
        sign, word = ("✕", "crossed") if threshold.crossed else ("✓", "kept")
        assert chip.text.startswith(sign)
        assert chip.find("b").text == word
        assert chip.text.endswith(threshold.measured)


def band(vus: int, p95_ms: float | None, **more: object) -> LoadBand:
    """Return the results at a load."""
    fields = {
        "vus": (vus, vus), "requests": 50, "p50_ms": 100.0, "p95_ms": p95_ms,
        "success_ratio": 1.0, "requests_rps": vus / 2,
    }  # fmt: skip
    return LoadBand.model_validate(fields | more)


def by_load(*bands: LoadBand, limits: int = 1) -> Bottleneck:
    """Return a run by load."""
    return Bottleneck(load_unit="vus", bands=bands, planned_vus=40, limit_count=limits)


LIMITED = make_scenario(objectives={"e2e_ms": 10_000}, thresholds={})


def crossed_limits() -> tuple[ThresholdResult, ...]:
    """Return the limits that the highest load of a run crosses."""
    bottleneck = REPORTS["loads"].result.summary.bottleneck
    assert bottleneck is not None
    return bottleneck.bands[-1].crossed


def test_a_run_of_several_loads_has_the_drawing_of_a_search() -> None:
    """Ranges are met, not certain or broken, and the objective is a line."""
    times, rates = draw_bands(
        by_load(
            band(1, 1_000.0, certain=False),
            band(10, 1_500.0),
            band(20, 2_000.0),
            band(30, 11_000.0, crossed=crossed_limits()),
        ),
        LIMITED,
    )
    assert [zone.text for zone in times.zones] == ["likely met: 1 VU", "met: 10 to 20 VUs", "broken: 30 VUs"]
    assert [zone.tone for zone in times.zones] == ["unsure", "good", "bad"]
    ends = [zone.start + zone.width for zone in times.zones]
    assert [zone.start for zone in times.zones[1:]] == pytest.approx(ends[:-1], abs=0.02)
    assert times.limit is not None
    assert times.limit.label == "objective: p95 at most 10 s"
    assert "30 VUs: p95 11 s, broken" in [point.text for point in times.points]
    assert rates.zones == times.zones
    assert "30 VUs: 15 responses/s" in [point.text for point in rates.points]


def test_a_time_beyond_the_drawing_is_an_arrow_and_an_open_time_has_a_line_to_the_top() -> None:
    """The limit stays visible."""
    bands = by_load(
        band(1, 1_000.0), band(10, 90_000.0, crossed=crossed_limits(), lower_bounds=("p95",)), band(20, None)
    )
    points = {point.text: point for point in draw_bands(bands, LIMITED)[0].points}
    far = points["10 VUs: p95 > 90 s, broken"]
    assert far.over == "90 s"
    assert far.low == far.height
    assert not any("20 VUs: p95" in text for text in points)


def test_one_load_has_no_drawing_and_a_run_without_limits_has_no_ranges() -> None:
    """A range is only shaded if something limits it."""
    assert draw_bands(None, LIMITED) == ()
    assert draw_bands(by_load(band(10, 300.0)), LIMITED) == ()
    unlimited = make_scenario(thresholds={})
    times, _ = draw_bands(by_load(band(1, 300.0), band(10, 400.0), limits=0), unlimited)
    assert (times.zones, times.limit) == ((), None)
    assert find_limit(unlimited) is None
    assert find_limit(make_scenario()) == 5_000.0


def test_the_page_shows_the_ranges_once_and_the_numbers_in_a_fold() -> None:
    """Both drawings share a legend."""
    page = page_of("loads")
    panel = page.find("figure", id="run-load")
    texts = [key.text for key in panel.find("p", class_="ranges").find_all("span", class_="key")]
    assert [text.partition(":")[0] for text in texts] == ["likely met", "met", "broken"]
    assert len(panel.find_all("figure", class_="curve")) == 2
    heads, rows = table_of(panel, "At each load (?: too few requests for a reliable value)")
    assert heads[0] == "VUs"
    assert len(rows) == 5


def failures_of(page: Element) -> Element:
    """Return the panel of the failed requests."""
    return page.find("figure", id="run-failures")


def test_failures_show_the_servers_words_times_culprit_and_messages() -> None:
    """The first part of the details groups the failed requests."""
    report, series = drawn.regressed()
    page = parse_run(report, series)
    panel = failures_of(page)
    assert panel.find("figcaption").find("p").text == "3 requests failed: 3 % of 100 requests."
    heads, (row,) = table_of(panel, "Failed requests by their words")
    cells = dict(zip(heads, row, strict=True))
    assert cells["outcome"] == "http_error 500"
    assert cells["the server's words"] == "injected"
    assert (cells["requests"], cells["culprit"]) == ("3", "target")
    assert cells["load"] == "10 VUs, 15 s (3)"
    assert len(panel.find_all("rect")) == 2
    details = page.find("section", class_="details")
    assert details.find_all("figure")[0] is panel


def test_a_run_without_a_failure_says_so() -> None:
    """There is no table then."""
    panel = failures_of(page_of("pass"))
    assert panel.find("p").text == "No request failed."
    assert panel.find_all("table") == []


def test_long_words_are_shortened_and_complete_in_a_fold() -> None:
    """Words from outside are text."""
    report, series = drawn.hostile()
    (row,) = make_failures(series, None).rows
    assert row.detail.endswith("…")
    assert len(row.detail) == 140
    panel = failures_of(parse_run(report, series))
    fold = panel.find_all("details")[0]
    assert "<img src=//evil.example" in fold.find("span").text


def test_the_message_of_a_hostile_name_is_text() -> None:
    """A name of a message starts no element."""
    rows = [message("<img src=x>" * 20, Verdict.WORSE, 100.0, 0.5), message("b", Verdict.UNCHANGED, 1.0, 0.0)]
    report = make_report(run_at(), comparison(Decision.FAIL, *rows))
    page = parse_run(report, make_series(report.result))
    assert "<img src=x>" in page.find("figure", id="run-messages").text

"""The charts of a run's page as data: events, distributions and small multiples."""

import pytest

from bench.core.report.report import Report
from bench.core.report.run_events import EventKind, RunEvent
from bench.core.report.series import RunSeries
from bench.core.report.timeline import timeline
from bench.core.run.recording import Recording
from bench.core.samples.sample import HOST, GaugeSample, ResourceSample
from bench.render.html.page import render_page
from bench.render.html.run.distributions import make_distributions
from bench.render.html.run.over_time import OverTime, make_over_time
from bench.render.html.run.resources import Resources, make_resources
from tests.factories import make_recording, make_run, make_use
from tests.render.drawn import judge, no_data, passed, recording, regressed
from tests.render.parsed_page import parse_page
from tests.render.reports import watched_recording

SECONDS = [number + 0.5 for number in range(30)]


def over_time(drawn: tuple[Report, RunSeries]) -> OverTime:
    """Return the panels over time of a run that has them."""
    panels = make_over_time(drawn[1])
    assert panels is not None
    return panels


def resources_of(watched: Recording) -> Resources:
    """Return the small charts of a recording that has them."""
    panels = make_resources(RunSeries(timeline=timeline(watched, make_run(watched).scenario.phases)), rows=2)
    assert panels is not None
    return panels


def use(source: str, cpu_pct: float, growth: float = 0.0) -> list[ResourceSample]:
    """Return a process with constant CPU, whose memory grows by a share."""
    return [
        make_use(source, at_s, cpu_pct=cpu_pct, memory_bytes=round(1e8 * (1 + growth * at_s / 30)))
        for at_s in SECONDS
    ]


def watch(*uses: list[ResourceSample], gauges: tuple[GaugeSample, ...] = ()) -> Recording:
    """Return a recording of some processes."""
    return make_recording(resources=tuple(sample for used in uses for sample in used), gauges=gauges)


def test_events_are_marked_and_explained() -> None:
    """The outage of the agent is a span of each chart over time, and a sentence below the latency."""
    panels = over_time(passed())
    assert [note.text for note in panels.events] == ["Agent down 12.5 to 15.5 s: its health check failed."]
    for chart in panels.charts:
        assert [(span.start, span.end, span.label) for span in chart.spans] == [(12.5, 15.5, "agent down")]
    assert panels.stages.startswith("Stages, shaded alternately: 10 VUs, 15 s from 0 s; 20 VUs, 15 s from ")


def test_the_page_explains_events_without_its_script() -> None:
    """The sentences of the events, and of the stages, are texts of the page."""
    page = parse_page(render_page(*passed()))
    figure = page.find("figure", id="run-time1")
    assert [item.text for item in figure.find_all("li")] == [
        "Agent down 12.5 to 15.5 s: its health check failed."
    ]
    assert figure.find_all("p", class_="note")[0].text.startswith("Stages, shaded alternately: ")


def test_many_events_are_folded() -> None:
    """A long list of events stays below the chart, folded."""
    report, series = passed()
    line = series.timeline
    assert line is not None
    events = tuple(
        RunEvent(kind=EventKind.STALL, label="stall", start_s=at, end_s=at + 1, effect="3 requests waited")
        for at in range(9)
    )
    crowded = series.model_copy(update={"timeline": line.model_copy(update={"events": events})})
    panels = over_time((report, crowded))
    assert len(panels.events) + len(panels.more_events) == 9
    page = parse_page(render_page(report, crowded))
    assert len(page.find("figure", id="run-time1").find_all("li")) == 9


@pytest.mark.parametrize(("failed", "look"), [((7, 40), "crosses"), (range(0, 100_000, 30), "counts")])
def test_failed_requests_are_crosses(failed: tuple[int, ...], look: str) -> None:
    """Failed requests are marked one by one, or else by slice at the top of the chart."""
    kept = recording(requests=100 if look == "crosses" else 100_000, failed=failed)
    chart = over_time(judge(kept)).latency
    marks = [line for layer in chart.layers for line in layer.lines if line.look in {"crosses", "counts"}]
    assert [(line.look, line.tone) for line in marks] == [(look, "bad")]


def test_the_latency_has_the_typical_time_of_the_baseline() -> None:
    """A dotted line has the median of the baseline's runs; a band would look like a limit."""
    report, series = regressed()
    lines = over_time((report, series)).latency.layers[-1].lines
    (response,) = series.distributions
    assert [set(line.values) for line in lines if line.look == "dotted"] == [{response.typical.middle_ms}]
    assert not [line for line in lines if line.look == "edge"]


def test_a_run_without_requests_has_no_charts_over_time() -> None:
    """Neither panels over time nor resources."""
    assert make_over_time(no_data()[1]) is None
    assert make_resources(no_data()[1], rows=2) is None


def test_the_response_time_comes_first() -> None:
    """The response time has the two panels of the overview; other latencies are for the details."""
    panels = make_distributions(passed()[1])
    assert [chart.title for chart in panels.main] == [
        "Response time: distribution",
        "Response time: percentiles",
    ]
    assert panels.others == ()


def test_the_distribution_marks_the_typical_times() -> None:
    """A line for this run, a band for its baseline, and a sentence with both."""
    _, series = regressed()
    (chart, _) = make_distributions(series).main
    (response,) = series.distributions
    assert [mark.at for mark in chart.marks] == [response.typical.run_ms]
    assert [(span.start, span.end) for span in chart.spans] == [
        (response.typical.lowest_ms, response.typical.highest_ms)
    ]
    assert chart.text == "Line: the typical time, 609 ms. Band: 430 ms to 442 ms in 10 runs of the baseline."


def test_a_run_of_failures_alone_has_no_curve_of_latencies() -> None:
    """Its chart has the marks of the failed requests, and its table only the moments."""
    over_time = make_over_time(judge(recording(failed=range(100)))[1])
    assert over_time is not None
    assert [line.look for layer in over_time.latency.layers for line in layer.lines] == ["crosses"]
    assert over_time.latency.table.rows


def test_each_process_has_its_own_axis() -> None:
    """Each small chart has one line, and its text has the mean and the maximum."""
    panels = resources_of(watched_recording())
    assert all(len(layer.lines) == 1 for chart in panels.charts for layer in chart.layers)
    texts = {chart.title: chart.text for chart in panels.charts}
    assert texts["machine: CPU"] == "mean 24 %, max 38 % of all cores"
    assert texts["agent: CPU"].endswith("% of one core")
    assert len(texts) == len(panels.charts)


def test_the_mean_of_negative_values_keeps_its_digits() -> None:
    """Only a value near zero has one digit."""
    values = (-123.4, -125.6)
    gauges = tuple(
        GaugeSample(at_s=float(at_s), service="agent", name="balance", value=value)
        for at_s, value in enumerate(values)
    )
    (chart,) = resources_of(watch(gauges=gauges)).charts
    assert chart.text.startswith("mean -124")


def test_idle_processes_and_flat_values_are_folded() -> None:
    """A busy process is open, whatever its name; an idle one with constant memory is folded."""
    for busy, idle in (("agent", HOST), (HOST, "agent")):
        panels = resources_of(watch(use(busy, 60.0), use(idle, 3.0)))
        names = {"agent": "agent", HOST: "machine"}
        assert [chart.title for chart in panels.shown] == [f"{names[busy]}: CPU"]
        assert {chart.title for chart in panels.folded} == {
            f"{names[idle]}: CPU",
            f"{names[busy]}: memory",
            f"{names[idle]}: memory",
        }
        assert panels.label == "3 more charts: idle processes and flat values"


def test_growing_memory_is_open() -> None:
    """A process that uses no CPU but more and more memory did something."""
    panels = resources_of(watch(use("agent", 1.0, growth=0.5)))
    assert [chart.title for chart in panels.shown] == ["agent: memory"]


def test_two_rows_are_open_at_most() -> None:
    """Twelve busy processes leave room for a gauge and for memory; the others are folded and counted."""
    uses = [use(f"service-{number}", 20.0 + number, growth=0.5) for number in range(12)]
    gauges = tuple(
        GaugeSample(at_s=at_s, service="model", name="queue_depth", value=at_s) for at_s in SECONDS
    )
    panels = resources_of(watch(*uses, gauges=gauges))
    assert len(panels.shown) == 6
    titles = [chart.title for chart in panels.shown]
    assert titles[0] == "service-11: CPU"
    assert "model: queue_depth" in titles
    assert sum(title.endswith(": memory") for title in titles) >= 2
    assert panels.label == "19 more charts"
    assert len(panels.charts) == 25


def test_a_table_has_the_values_of_all_processes() -> None:
    """Each small chart is a column of a table, also if it is folded."""
    panels = resources_of(watch(use("agent", 60.0), use("model", 3.0)))
    assert [table.columns for table in panels.tables] == [("at", "agent", "model"), ("at", "agent", "model")]


def test_a_process_without_memory_has_a_chart_of_its_cpu() -> None:
    """A container whose memory cannot be read has no chart of it."""
    uses = [replace_memory(sample) for sample in use("agent", 60.0)]
    assert [chart.title for chart in resources_of(watch(uses)).charts] == ["agent: CPU"]


def replace_memory(sample: ResourceSample) -> ResourceSample:
    """Return a reading without memory."""
    return sample.model_copy(update={"memory_bytes": None})

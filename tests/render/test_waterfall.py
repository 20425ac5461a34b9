import json
import random
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from bench.core.config.executors import ConstantVus
from bench.core.report.report import Report
from bench.core.report.request_words import (
    change_text,
    describe_difference,
    describe_slowest,
    time_text,
)
from bench.core.report.series import RunSeries
from bench.core.report.waterfall import waterfall
from bench.core.run.recording import Recording
from bench.core.samples.metrics import tier_key
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.tiers.request_trace import RequestTrace, TierPeriod
from bench.core.tiers.trace_ids import RequestKey
from bench.core.tiers.traced_loads import TracedLoad, list_traced
from bench.render.html.page import render_page
from bench.render.html.run.waterfall import WaterfallView, end_of_axis, make_waterfall
from tests.core.samples.test_samples import MANY
from tests.factories import TIER_TIMES, make_recording, make_sample
from tests.render import capacities
from tests.render.drawn import HOSTILE, judge, many, no_data, passed, recording, regressed
from tests.render.parsed_page import check_page
from tests.render.test_page import ASSETS, POLICY, shown

REPORT, _ = passed()
_TOLERANCE = 0.03
"""Places are rounded to hundredths of a per cent."""


def view_of(drawn: tuple[Report, RunSeries]) -> WaterfallView:
    """Return the waterfall of a run that has one."""
    view = make_waterfall(*drawn)
    assert view is not None
    return view


def check_bars(view: WaterfallView) -> None:
    """Check that no part of a bar is outside of it, and that parts do not overlap."""
    for group in view.groups:
        for row in group.rows:
            assert row.end <= 100.0
            for parts in (row.timings, row.tiers):
                reached = 0.0
                for part in parts:
                    assert part.start >= reached - _TOLERANCE
                    reached = part.start + part.width
                assert reached <= row.end + _TOLERANCE
            for mark in (row.first_byte, row.first_token):
                assert mark is None or 0.0 <= mark <= row.end + _TOLERANCE


@pytest.mark.parametrize("make", [passed, regressed, many, capacities.hostile_capacity])
def test_no_part_is_outside_of_its_bar(make: Any) -> None:
    """Timings and tiers end before their request does."""
    check_bars(view_of(make()))


@given(MANY)
def test_no_part_is_outside_of_its_bar_whatever_a_file_contains(rows: list[RequestSample]) -> None:
    """Requests whose times contradict each other, and whose tiers worked at the same time, have bars, too."""
    parallel = make_sample(0, latency_ms=100.0, tier_times={"agent": 90.0, "model": 80.0})
    phases = [ConstantVus(executor="constant-vus", vus=10, duration_s=30)] * 10
    requests = waterfall(make_recording([*rows, parallel]), phases, ["tier.agent_ms", "tier.model_ms"])
    check_bars(view_of((REPORT, RunSeries(waterfall=requests))))


def test_timings_fill_the_bar() -> None:
    """Without the parts that are too narrow, the timings are as long as the request."""
    for group in view_of(passed()).groups:
        for row in group.rows:
            assert sum(part.width for part in row.timings) == pytest.approx(row.end, abs=0.3)


@pytest.mark.parametrize("longest_ms", [0.0, 0.3, 1.0, 3.0, 999.0, 1_000.0, 2_245.0, 30_000.0, 7e8])
def test_an_axis_is_long_enough_and_not_too_long(longest_ms: float) -> None:
    """It ends at most a third after the longest request."""
    end_ms = end_of_axis(longest_ms)
    assert max(longest_ms, 1.0) <= end_ms <= max(1.34 * longest_ms, 4.0)


def test_times_have_one_decimal_below_ten_milliseconds() -> None:
    """A difference has a sign."""
    assert [*map(time_text, (0.0, 0.4, 9.96, 640.0, 2_245.3, 12_400.0))] == [
        "0.0 ms",
        "0.4 ms",
        "10 ms",
        "640 ms",
        "2,245 ms",
        "12.4 s",
    ]
    assert [*map(change_text, (1_204.0, -3.0))] == ["+1,204 ms", "−3.0 ms"]  # noqa: RUF001 - minus


def test_a_difference_names_the_tiers_that_lost_the_time() -> None:
    """The largest is first; those of less than a tenth of the difference are left out."""
    samples = [make_sample(seq, prompt="greeting") for seq in range(40)]
    slow = samples[20]
    times = dict(slow.tier_times)
    for tier, by_ms in {"queue": 900.0, "decode": 300.0, "auth": 4.0}.items():
        times[tier] += by_ms
    samples[20] = slow._replace(finished_s=slow.finished_s + 1.204, tier_times=times)
    _, series = judge(make_recording(samples))
    assert series.waterfall is not None
    request = series.waterfall.requests[series.waterfall.slowest[0]]
    assert describe_difference(request, series.waterfall) == "+1,204 ms: queue +900 ms, decode +300 ms"
    assert describe_slowest(series.waterfall) == "1,704 ms greeting at 6.0 s, VU 0 (10 VUs, 15 s)"
    assert describe_slowest(None) is None


def test_a_failed_request_states_its_outcome_and_the_servers_words() -> None:
    """Its sign is that of a failure."""
    view = view_of(regressed())
    failed = view.groups[-1]
    assert failed.title == "Failed"
    assert {row.note for row in failed.rows} == {"http_error, status 500, injected"}
    assert all(row.failed for row in failed.rows)


def test_a_request_that_was_ended_while_it_waited_has_an_open_end() -> None:
    """Its time is a lower bound."""
    kept = recording()
    waiting = make_sample(7, outcome=Outcome.TIMEOUT, first_byte_s=None, status=None, tier_times={},
                          detail="too late", latency_ms=30_000.0)  # fmt: skip
    view = view_of(judge(replace(kept, samples=Samples.of([*kept.samples, waiting]))))
    (row,) = view.groups[-1].rows
    assert (row.total, row.is_open, row.first_byte) == ("> 30.0 s", True, None)


def test_without_stored_requests_there_is_no_waterfall() -> None:
    """The page has no such part."""
    assert make_waterfall(*no_data()) is None
    assert 'id="run-slowest"' not in render_page(*no_data(), ASSETS)


def test_each_row_has_all_its_numbers_as_text() -> None:
    """A bar is an image whose name is the text with the numbers."""
    drawn = regressed()
    page = check_page(render_page(*drawn, ASSETS), POLICY)
    rows = [row for group in view_of(drawn).groups for row in group.rows]
    bars = page.find_all("svg", class_="request")
    assert [page.find(id=bar.attributes["aria-labelledby"]).text for bar in bars] == [
        shown(row.text) for row in rows
    ]
    for row in rows:
        assert row.total in row.text
        assert row.failed or "decode " in row.text


def test_hostile_messages_and_tiers_are_text() -> None:
    """Names from outside cannot leave their element, nor the data of the script."""
    samples = []
    for sample in recording(failed=(3, 4)).samples:
        detail = sample.detail and HOSTILE
        samples.append(sample._replace(prompt=HOSTILE, detail=detail, tier_times={HOSTILE: 3.0 + sample.vu}))
    drawn = judge(make_recording(samples))
    text = render_page(*drawn, ASSETS)
    page = check_page(text, POLICY)
    slowest, *_ = page.find_all("ol", class_="requests")
    assert shown(HOSTILE) in [name.text.replace("`", "") for name in slowest.find_all("b")]
    data = json.loads(page.find("script", id="requests").raw_text)
    assert data["run"]["tiers"][0][1].startswith("</script>")


def test_trace_ids_can_be_copied() -> None:
    """Each request of a run with spans has a field with its trace id; other runs have none."""
    load = TracedLoad(prefix="0123456789")
    page = render_page(*judge(replace(recording(), traced_loads=(load,))), ASSETS)
    ids = re.findall(r'value="([0-9a-f]{32})" readonly', page)
    assert len(ids) == 11
    assert all(trace.startswith("0123456789") for trace in ids)
    assert "no trace id" not in page
    assert "no trace id" in render_page(*passed(), ASSETS)


def random_run(count: int) -> Recording:
    """Return a run whose requests differ in everything, and have spans."""
    dice = random.Random(3)
    samples: list[RequestSample] = []
    for seq in range(count):
        at_s = 300.0 * seq / count
        length_s = dice.uniform(0.5, 4.0)
        moments = sorted(at_s + length_s * dice.random() for _ in range(3))
        samples.append(
            make_sample(
                seq,
                at_s=at_s,
                vu=seq,
                iteration=0,
                sent_s=at_s + 0.001 * dice.random(),
                first_byte_s=moments[0],
                first_token_s=moments[1],
                last_token_s=moments[2],
                finished_s=at_s + length_s,
                tokens=dice.randrange(2_000),
                tier_times={tier: 70.0 * dice.random() for tier in TIER_TIMES},
            )
        )
    traces: dict[RequestKey, RequestTrace] = {}
    for sample in sorted(samples, key=lambda sample: sample.scheduled_s - sample.finished_s)[:1_000]:
        periods = [TierPeriod(dice.choice([*TIER_TIMES]), 25.0 * number, 25.0) for number in range(20)]
        length_ms = 1_000.0 * (sample.finished_s - sample.scheduled_s)
        traces[RequestKey(0, sample.vu, 0, 0)] = RequestTrace({}, {}, length_ms, tuple(periods))
    load = TracedLoad(prefix="0123456789", requests=list_traced(traces))
    return make_recording(samples, elapsed_s=305.0, traced_loads=(load,))


@pytest.mark.parametrize(("count", "most_bytes"), [(1_000, 140_000), (100_000, 80_000)])
def test_a_waterfall_takes_little_of_the_page(count: int, most_bytes: int) -> None:
    """Its part of the page is bounded, also if each request differs from the others and has many spans."""
    kept = random_run(count)
    phases = [ConstantVus(executor="constant-vus", vus=10, duration_s=300)]
    requests = waterfall(kept, phases, [*map(tier_key, TIER_TIMES)])
    page = render_page(REPORT, RunSeries(waterfall=requests), ASSETS)
    start = page.index('<section class="panel waterfall"')
    html = page[start : page.index("</section>", start)]
    start = page.index('id="requests">')
    data = page[start : page.index("</script>", start)]
    assert len(html) + len(data) < most_bytes, (len(html), len(data))


def test_the_difference_of_a_request_has_a_heading() -> None:
    """A bare `+10 ms` does not state from what."""
    report, series = regressed()
    view = make_waterfall(report, series)
    assert view is not None
    notes = [row.note for group in view.groups for row in group.rows if row.note and not row.failed]
    assert notes
    for note in notes:
        assert note.startswith("Compared with typical: ")

import csv

import pytest

from bench.core.report.report import Report, make_report
from bench.core.report.series import make_series
from bench.core.run.recording import Recording
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.verdict.compare import compare
from bench.render.html.page import render_page
from bench.render.junit import run_junit
from bench.render.markdown import run_markdown
from bench.render.samples_csv import render_samples
from bench.render.text import run_text
from tests.factories import make_recording, make_run, make_sample, make_spec

SENTENCE = "6 of 14 requests were cut off by the end of the run: longer than 33.6 s"


def _samples() -> list[RequestSample]:
    """Eight quick answers, and six requests that waited 33.6 s."""
    samples = [make_sample(seq, at_s=0.0) for seq in range(8)]
    for seq in range(8, 14):
        cut_off = make_sample(seq, at_s=0.0, outcome=Outcome.CUT_OFF, detail="the phase ended")
        samples.append(cut_off._replace(finished_s=33.6, tier_times={}))
    return samples


def _recording() -> Recording:
    return make_recording(_samples(), elapsed_s=33.6)


def _report() -> Report:
    result = make_run(_recording(), spec=make_spec())
    return make_report(result, compare(result, None))


def test_every_format_shows_the_requests_without_an_answer() -> None:
    """The number of requests that were cut off, their wait and the denominator are in each report."""
    report = _report()
    text = run_text(report, width=200, colour=False)
    assert f"warning: {SENTENCE}" in text
    assert "> 33.6 s" in text
    assert "8 of 14 requests in 33.6 s" in text
    assert "57.1 % of 14 requests" in text
    assert SENTENCE in run_markdown(report)
    assert SENTENCE in run_junit(report)
    assert SENTENCE in render_page(report, make_series(report.result, _recording()))
    row = report.model_dump(mode="json")["result"]["summary"]["metrics"]["e2e_ms"]
    assert (row["count"], row["censored"]) == (14, 6)
    assert "p90" in row["lower_bounds"]
    assert "p50" not in row["lower_bounds"]


def test_a_table_of_requests_has_the_waits() -> None:
    """A request that was cut off has no response time, but the time that it is longer than."""
    recording = _recording()
    table = "".join(render_samples([recording.samples], recording.samples.tiers))
    rows = list(csv.DictReader(table.splitlines()))
    assert [row["longer_than_ms"] for row in rows[:8]] == [""] * 8
    for row in rows[8:]:
        assert row["e2e_ms"] == ""
        assert float(row["longer_than_ms"]) == pytest.approx(33_600.0)


def test_requests_that_did_not_end_are_in_the_distribution() -> None:
    """The distribution of a run counts requests that were ended while they waited, with their wait."""
    report = _report()
    (response, *_) = make_series(report.result, _recording()).distributions
    assert response.unfinished == 6
    assert sum(response.counts) + response.longer == 14

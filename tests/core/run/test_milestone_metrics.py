"""Milestones of answers as metrics: summarised, compared and written like the time to first token."""

import csv
import io
from typing import Any

import numpy as np
import pytest

from bench.core.limits.metric_names import require_metric
from bench.core.run.figures import ALL, check_compared, figures_of
from bench.core.run.recording import request_line
from bench.core.run.result import RunResult
from bench.core.run.summary import summarise
from bench.core.samples.metric import Part
from bench.core.samples.metrics import (
    metric,
    metric_of_tail,
    milestone_key,
    milestone_name,
    request_metrics,
    tail_key,
)
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.verdict.compare import compare
from bench.core.verdict.levels import accept
from bench.core.verdict.verdict import Verdict
from bench.render.samples_csv import render_samples
from tests.factories import NOON, make_provenance, make_recording, make_run, make_sample, make_spec

KEY = "milestone.first_document_ms"
NDJSON = {
    "kind": "ndjson",
    "text": "text",
    "done": "done",
    "milestones": {"first_document": {"type": "documents"}, "tool": {"type": "tool"}},
}


def sample(seq: int, time_ms: float | None, **changes: Any) -> RequestSample:
    """Return a streamed request that reached its milestone after this time."""
    times = {} if time_ms is None else {"first_document": time_ms}
    return make_sample(seq, milestone_times=times, **changes)


def test_a_milestones_metric_decides_like_the_first_token() -> None:
    """It has a 95th percentile, and its label is the name in words."""
    assert milestone_name(milestone_key("first_document")) == "first_document"
    row = metric(KEY)
    first_token = metric("ttft_ms")
    assert row.label == "time to first document"
    assert (row.part, row.kind, row.resolution) == (
        Part.DECIDES,
        first_token.kind,
        first_token.resolution,
    )
    assert metric_of_tail(tail_key(KEY)) == KEY
    assert metric(tail_key(KEY)).part is Part.TAILS
    assert request_metrics(["tier.a_ms", KEY, "ttft_ms"]) == ["ttft_ms", KEY]
    require_metric(KEY)
    check_compared(KEY)


def test_a_request_that_ended_before_its_milestone_is_a_lower_bound() -> None:
    """A request that waits for its milestone counts with its wait; one without a milestone does not count."""
    samples = Samples.of(
        [
            sample(0, 80.0),
            sample(1, None),
            sample(2, None, outcome=Outcome.CUT_OFF, latency_ms=900.0),
            sample(3, 70.0, outcome=Outcome.CUT_OFF, latency_ms=900.0),
            sample(4, 1.0, outcome=Outcome.HTTP_ERROR),
        ]
    )
    observed, present = metric(KEY).observe(samples)
    assert observed.values == pytest.approx([80.0, 900.0, 70.0])
    assert observed.is_bound.tolist() == [False, True, False]
    assert present.tolist() == [True, False, True, True, False]
    nowhere = Samples.of([sample(0, None, outcome=Outcome.CUT_OFF)])
    assert not len(metric(KEY).observe(nowhere)[0])


def test_a_run_summarises_and_compares_milestones() -> None:
    """The figures of a run hold the milestone by message, and its 95th percentile."""
    recording = make_recording([sample(seq, 80.0 + seq % 7) for seq in range(120)])
    summary = summarise(recording)
    assert summary.metrics[KEY].count == 120
    figures = figures_of(summary)
    assert all(80.0 <= value <= 87.0 for value in figures[KEY].values())
    assert figures[tail_key(KEY)].keys() == {ALL}


def test_a_later_milestone_is_a_regression() -> None:
    """A baseline of runs judges it, although the response time is the same."""

    def run(number: int, time_ms: float) -> RunResult:
        times = np.random.default_rng(number).normal(time_ms, 1.0, 100)
        samples = [sample(seq, float(time)) for seq, time in enumerate(times)]
        provenance = make_provenance(f"20260105T12{number:02}00Z-quick-0000")
        return make_run(make_recording(samples), provenance=provenance)

    baseline = None
    for number in range(8):
        baseline = accept(baseline, run(number, 80.0), reason="usual", by="Tess Ter", at=NOON)
    same = compare(run(20, 80.0), baseline)
    worse = compare(run(21, 160.0), baseline)
    assert {row.key: row.verdict for row in worse.metrics}[KEY] is Verdict.WORSE
    assert {row.key: row.verdict for row in same.metrics}[KEY] is not Verdict.WORSE


def test_a_milestone_is_a_column_and_a_field() -> None:
    """Milestones that no request reached take no space in files."""
    samples = Samples.of([sample(0, 80.5), sample(1, None)])
    text = "".join(render_samples([samples], [], samples.milestones))
    first, second = csv.DictReader(io.StringIO(text))
    assert (first[KEY], second[KEY]) == ("80.500", "")
    lines = [request_line(row) for row in samples]
    assert lines[0]["milestone_times"] == {"first_document": 80.5}
    assert "milestone_times" not in lines[1]


def test_a_milestone_that_no_answer_reached_is_a_warning() -> None:
    """A wrong value in a target is visible in the first run; an answer that is not streamed shows nothing."""
    spec = make_spec(answer=NDJSON)
    rows = [sample(seq, 80.0, first_token_s=seq * 0.3 + 0.1) for seq in range(10)]
    result = make_run(make_recording(rows), spec=spec)
    assert [warning for warning in result.warnings if "milestone" in warning] == [
        "no answer reached the milestone `tool`: check its values in target chat"
    ]
    document = make_run(make_recording([make_sample(0)]), spec=spec)
    assert not [warning for warning in document.warnings if "milestone" in warning]

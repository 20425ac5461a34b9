"""Each step of a journey is measured, limited and compared by itself; the headline covers the messages."""

from bench.core.run.result import RunResult
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.levels import accept
from bench.render.document.document import step_table
from tests.factories import NOON, make_provenance, make_recording, make_run, make_sample
from tests.journeys import ASK, CLOSE, OPEN, make_journey

UPLOAD = {"name": "upload", "request": {"method": "POST", "path": "/files"}, "tags": {"area": "files"}}
THRESHOLDS = {
    "e2e_ms": ["p(95)<200"],
    "e2e_ms{step:upload}": ["p(95)<200"],
    "success_ratio": ["rate>0.9"],
    "success_ratio{area:files}": ["rate>0.9"],
    "success_ratio{scenario:visit}": ["rate>0.9"],
}
TIMES_MS = {"open-session": 20.0, "ask": 100.0, "upload": 500.0, "close": 10.0}


def requests_of(number: int, upload_factor: float, broken: int) -> list[RequestSample]:
    """Return the requests of 40 iterations; the first uploads fail."""
    samples = []
    for iteration in range(40):
        for position, (step, usual_ms) in enumerate(TIMES_MS.items()):
            factor = upload_factor if step == "upload" else 1.0
            is_broken = step == "upload" and iteration < broken
            samples.append(
                make_sample(
                    4 * iteration + position,
                    prompt=("short", "long")[iteration % 2] if step == "ask" else step,
                    step=step,
                    latency_ms=usual_ms * factor * (1 + 0.002 * ((7 * iteration + number) % 5)),
                    tier_times={},
                    outcome=Outcome.HTTP_ERROR if is_broken else Outcome.OK,
                )
            )
    return samples


def run_of(number: int = 0, upload_factor: float = 1.0, broken: int = 0) -> RunResult:
    """Return a run of the journey."""
    spec = make_journey(OPEN, ASK, UPLOAD, CLOSE, thresholds=THRESHOLDS)
    recording = make_recording(requests_of(number, upload_factor, broken), elapsed_s=60.0)
    provenance = make_provenance(f"20260105T1200{number:02}Z-visit-0000")
    return make_run(recording, spec=spec, provenance=provenance)


def baseline_of(runs: int = 8) -> Baseline:
    """Return a baseline of usual runs."""
    baseline: Baseline | None = None
    for number in range(runs):
        baseline = accept(baseline, run_of(number), reason="usual", by="test", at=NOON)
    assert baseline is not None
    return baseline


def test_the_headline_covers_messages_and_success_all_steps() -> None:
    """An upload of half a second does not hide an answer of a tenth."""
    summary = run_of(broken=20).summary
    assert summary.requests == 160
    assert summary.metrics["success_ratio"].count == 160
    assert summary.metrics["success_ratio"].mean == 140 / 160
    assert summary.metrics["e2e_ms"].count == 40
    assert set(summary.metrics["e2e_ms"].figures) == {"short", "long"}
    assert summary.requests_rps == 40 / 60
    assert {step: (of.requests, of.ok) for step, of in summary.steps.items()} == {
        "open-session": (40, 40),
        "ask": (40, 40),
        "upload": (40, 20),
        "close": (40, 40),
    }


def test_thresholds_of_steps_and_tags_cover_their_requests_only() -> None:
    """The slow and broken uploads cross their own limits."""
    crossed = {f"{limit.metric} {limit.measured}" for limit in run_of(broken=20).thresholds if limit.crossed}
    assert {text.partition(" ")[0] for text in crossed} == {
        "e2e_ms{step:upload}",
        "success_ratio",
        "success_ratio{area:files}",
        "success_ratio{scenario:visit}",
    }
    assert "success_ratio{area:files} 50 % of 40 requests" in crossed


def test_a_slower_step_fails_although_the_messages_are_as_fast_as_before() -> None:
    """The reason names the step, and no other metric changed."""
    comparison = compare(run_of(99 % 60, upload_factor=1.5), baseline_of())
    regressed = [row.key for row in comparison.metrics if row.regressed]
    assert regressed == ["e2e_ms{step:upload}"]
    assert comparison.decision is Decision.FAIL
    assert "response time of upload is worse" in comparison.reasons


def test_an_unchanged_journey_passes_apart_from_its_limits() -> None:
    """No step looks worse by chance."""
    comparison = compare(run_of(30), baseline_of())
    assert not [row for row in comparison.metrics if row.regressed]


def test_the_table_of_steps_has_a_row_per_step() -> None:
    """The rows are in the order of the steps."""
    table = step_table(run_of(broken=20).summary)
    assert [row[:3] for row in table.rows] == [
        ("open-session", "40", "100 % of 40"),
        ("ask", "40", "100 % of 40"),
        ("upload", "40", "50 % of 40"),
        ("close", "40", "100 % of 40"),
    ]

import pytest
from pydantic import TypeAdapter

from bench.core.config.executors import Phase
from bench.core.run.join_recordings import join_recordings
from bench.core.run.result import RunResult
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.sample import GaugeSample, Outcome
from bench.core.samples.samples import Samples
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.baseline import Baseline, baseline_json
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.levels import accept, pin
from bench.core.watch.work import Work, WorkChange, changed_work, sum_work, work_between, work_per_message
from tests.factories import NOON, make_recording, make_run, make_sample


def make_counters(**counters: float) -> list[GaugeSample]:
    """Return counter readings by `SERVICE__NAME`."""
    return [
        GaugeSample(at_s=0.0, service=service, name=name, value=value)
        for service, _, name, value in ((*key.partition("__"), value) for key, value in counters.items())
    ]


def run(number: int = 0, *, requests: int = 60, **work: float) -> RunResult:
    """Return a run whose services counted this work in total."""
    result = make_run(make_recording([make_sample(n) for n in range(requests)], work=work))
    provenance = result.provenance.model_copy(update={"run_id": f"run-{number}"})
    return result.model_copy(update={"provenance": provenance})


def baseline_of(*runs: RunResult) -> Baseline:
    """Return a baseline of these runs."""
    baseline: Baseline | None = None
    for accepted_run in runs:
        baseline = accept(baseline, accepted_run, reason="usual", by="Tess Ter", at=NOON)
    assert baseline is not None
    return baseline


def test_work_is_the_difference_of_two_readings() -> None:
    """Services are added up; a new series starts at 0, and a series that restarted is ignored."""
    before = make_counters(backend__operations=10, model__calls=5, agent__anew=7, backend__anew=1)
    after = make_counters(
        backend__operations=30, agent__operations=4, model__calls=6, agent__anew=2, backend__anew=9
    )
    assert work_between(before, after) == {"calls": 1.0, "operations": 24.0}
    assert work_between(before, []) == {}


@pytest.mark.parametrize("outcome", [Outcome.HTTP_ERROR, Outcome.CANCELLED, Outcome.DROPPED])
def test_work_needs_a_response_to_every_request(outcome: Outcome) -> None:
    """A single unanswered request makes the work of a run unknown."""
    answered = [make_sample(number) for number in range(4)]
    assert work_per_message({"calls": 4, "bytes": 10}, Samples.of(answered)) == {"calls": 1.0, "bytes": 2.5}
    assert work_per_message({"calls": 5}, Samples.of([*answered, make_sample(4, outcome=outcome)])) == {}
    assert work_per_message({"calls": 0}, Samples.of([])) == {}


def test_a_run_with_warm_up_has_no_work() -> None:
    """Services also count the requests of the warm-up, so the work of the measured requests is unknown."""
    load = {"executor": "constant-arrival-rate", "rate": 1.0, "duration_s": 10.0}
    adapter: TypeAdapter[Phase] = TypeAdapter(Phase)
    phases = [adapter.validate_python(load | {"warm_up": warm}) for warm in (True, False)]
    recording = make_recording([make_sample(0), make_sample(1, phase=1)], work={"calls": 2})
    assert drop_warm_up(recording, phases).work == {}
    assert drop_warm_up(recording, phases[1:]).work == {"calls": 2}


def test_work_changed_only_if_all_runs_agree() -> None:
    """Work is not reported if a run lacks it, if it varies, or if it is unchanged."""
    base = [Work(50, {"calls": 1.0, "varied": float(number), "same": 3.0, "gone": 1.0}) for number in (1, 2)]
    head = Work(50, {"calls": 2.0, "varied": 7.0, "same": 3.0, "new": 1.0})
    assert changed_work([head], base) == (WorkChange(key="calls", base=1.0, head=2.0),)
    assert changed_work([head, Work(50, {"calls": 3.0})], base) == ()
    assert changed_work([head], [*base, Work(50, {})]) == ()
    assert changed_work([Work(50, {})], base) == ()


def test_bytes_are_compared_for_equal_numbers_of_messages_only() -> None:
    """Calls are always compared, bytes only if both runs sent the same number of messages."""
    base = [Work(50, {"bytes": 412.34, "calls": 1.0})] * 5
    assert changed_work([Work(49, {"bytes": 410.0, "calls": 1.0})], base) == ()
    (change,) = changed_work([Work(50, {"bytes": 412.36, "calls": 1.0})], base)
    assert str(change) == "bytes per message: 412.34 → 412.36"
    (change,) = changed_work([Work(49, {"bytes": 410.0, "calls": 1.25})], base)
    assert str(change) == "calls per message: 1 → 1.25"


def test_more_work_per_message_fails_a_run() -> None:
    """A run that calls the model twice as often at the same speed fails, and the reasons name the change."""
    baseline = baseline_of(*(run(number, model_calls=60) for number in range(5)))
    comparison = compare(run(model_calls=120), baseline)
    assert comparison.decision is Decision.FAIL
    assert comparison.reasons == ("model calls per message is worse", "model calls per message: 1 → 2")
    assert comparison.work == (WorkChange(key="model_calls", base=1.0, head=2.0),)
    assert compare(run(model_calls=60), baseline).reasons == ()


def test_a_baseline_without_work_is_still_readable() -> None:
    """Runs without counters keep their JSON form and have no work to compare."""
    old = baseline_of(*(run(number) for number in range(5)))
    assert '"work"' not in baseline_json(old)
    assert Baseline.model_validate_json(baseline_json(old)) == old
    mixed = baseline_of(*(run(number) for number in range(5)), run(5, model_calls=60))
    assert baseline_json(mixed).count('"work"') == 1
    again = pin(mixed, reason="release", by="Tess Ter", at=NOON)
    assert again.pinned is not None
    again = again.model_copy(update={"pinned": again.pinned.model_copy(update={"runs": old.runs})})
    assert baseline_json(again).count('"work"') == 1
    assert Baseline.model_validate_json(baseline_json(again)) == again
    assert compare(run(model_calls=120), mixed).work == ()


def test_interleaved_runs_compare_their_work() -> None:
    """An A/B comparison compares the work per message, and joins the runs of each version."""
    base, head = ([run(model_calls=60 * calls) for _ in range(6)] for calls in (1, 2))
    recordings = [make_recording([make_sample(0)], work={"model_calls": 2}) for _ in range(6)]
    joined = make_run(join_recordings(recordings))
    assert joined.summary.work == {"model_calls": 2.0}
    assert "model calls per message: 1 → 2" in compare_pairs(base, head, joined, "main").reasons
    assert sum_work([{"a": 1.0, "b": 2.0}, {"a": 3.0}]) == {"a": 4.0}

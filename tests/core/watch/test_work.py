import pytest
from pydantic import TypeAdapter

from bench.core.config.executors import Phase
from bench.core.run.result import RunResult
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.sample import GaugeSample, Outcome
from bench.core.samples.samples import Samples
from bench.core.verdict.ab import compare_pairs, join_recordings
from bench.core.verdict.baseline import Baseline, accept, baseline_json, pin
from bench.core.verdict.compare import Decision, compare
from bench.core.watch.work import Work, WorkChange, changed_work, sum_work, work_between, work_per_message
from tests.factories import NOON, make_recording, make_run, make_sample


def said(**counted: float) -> list[GaugeSample]:
    """What services say, by `SERVICE__NAME`."""
    return [
        GaugeSample(at_s=0.0, service=service, name=name, value=value)
        for service, _, name, value in ((*key.partition("__"), value) for key, value in counted.items())
    ]


def run(number: int = 0, *, requests: int = 60, **work: float) -> RunResult:
    """A run whose messages made the services do so much in all."""
    made = make_run(make_recording([make_sample(n) for n in range(requests)], work=work))
    named = made.provenance.model_copy(update={"run_id": f"run-{number}"})
    return made.model_copy(update={"provenance": named})


def baseline_of(*runs: RunResult) -> Baseline:
    """A baseline of these runs."""
    baseline: Baseline | None = None
    for each in runs:
        baseline = accept(baseline, each, reason="usual", by="Tess Ter", at=NOON)
    assert baseline is not None
    return baseline


def test_work_is_what_was_counted_between_two_readings() -> None:
    """Services are added up; a series that was not there began at 0, and one that began anew is none."""
    before = said(backend__operations=10, model__calls=5, agent__anew=7, backend__anew=1)
    after = said(backend__operations=30, agent__operations=4, model__calls=6, agent__anew=2, backend__anew=9)
    assert work_between(before, after) == {"calls": 1.0, "operations": 24.0}
    assert work_between(before, []) == {}


@pytest.mark.parametrize("outcome", [Outcome.HTTP_ERROR, Outcome.CANCELLED, Outcome.DROPPED])
def test_work_is_exact_only_where_every_request_was_answered(outcome: Outcome) -> None:
    """Half an answer is half the work, so one request that was not answered leaves nothing to compare."""
    whole = [make_sample(number) for number in range(4)]
    assert work_per_message({"calls": 4, "bytes": 10}, Samples.of(whole)) == {"calls": 1.0, "bytes": 2.5}
    assert work_per_message({"calls": 5}, Samples.of([*whole, make_sample(4, outcome=outcome)])) == {}
    assert work_per_message({"calls": 0}, Samples.of([])) == {}


def test_warm_up_is_work_that_nobody_can_take_apart() -> None:
    """Services count the requests of a warm-up as well, so there is no work of the others alone."""
    load = {"executor": "constant-arrival-rate", "rate": 1.0, "duration_s": 10.0}
    adapter: TypeAdapter[Phase] = TypeAdapter(Phase)
    phases = [adapter.validate_python(load | {"warm_up": warm}) for warm in (True, False)]
    recording = make_recording([make_sample(0), make_sample(1, phase=1)], work={"calls": 2})
    assert drop_warm_up(recording, phases).work == {}
    assert drop_warm_up(recording, phases[1:]).work == {"calls": 2}


def test_a_change_is_said_where_all_runs_agree() -> None:
    """Nothing is said of what some run lacks, of what varied, or of what is as ever; and of nothing twice."""
    base = [Work(50, {"calls": 1.0, "varied": float(number), "same": 3.0, "gone": 1.0}) for number in (1, 2)]
    head = Work(50, {"calls": 2.0, "varied": 7.0, "same": 3.0, "new": 1.0})
    assert changed_work([head], base) == (WorkChange(key="calls", base=1.0, head=2.0),)
    assert changed_work([head, Work(50, {"calls": 3.0})], base) == ()
    assert changed_work([head], [*base, Work(50, {})]) == ()
    assert changed_work([Work(50, {})], base) == ()


def test_a_mean_over_other_messages_is_another_mean() -> None:
    """Bytes per message are compared where as many were sent, for then they were the same; calls always."""
    base = [Work(50, {"bytes": 412.34, "calls": 1.0})] * 5
    assert changed_work([Work(49, {"bytes": 410.0, "calls": 1.0})], base) == ()
    (change,) = changed_work([Work(50, {"bytes": 412.36, "calls": 1.0})], base)
    assert str(change) == "bytes per message: 412.34 → 412.36"
    (change,) = changed_work([Work(49, {"bytes": 410.0, "calls": 1.25})], base)
    assert str(change) == "calls per message: 1 → 1.25"


def test_work_that_changed_fails_nobody() -> None:
    """A run that is as fast as ever and asks the model twice passes, and says so."""
    baseline = baseline_of(*(run(number, model_calls=60) for number in range(5)))
    comparison = compare(run(model_calls=120), baseline)
    assert comparison.decision is Decision.PASS
    assert comparison.reasons == ("model calls per message: 1 → 2",)
    assert comparison.work == (WorkChange(key="model_calls", base=1.0, head=2.0),)
    assert compare(run(model_calls=60), baseline).reasons == ()


def test_an_older_baseline_has_nothing_to_say() -> None:
    """A run without counters is read, is written as it was, and leaves nothing to compare."""
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


def test_in_turns_both_sides_are_exact() -> None:
    """Runs in turns are compared by what each message made the services do, and count together as one."""
    base, head = ([run(model_calls=60 * calls) for _ in range(6)] for calls in (1, 2))
    recordings = [make_recording([make_sample(0)], work={"model_calls": 2}) for _ in range(6)]
    whole = make_run(join_recordings(recordings))
    assert whole.summary.work == {"model_calls": 2.0}
    assert "model calls per message: 1 → 2" in compare_pairs(base, head, whole, "main").reasons
    assert sum_work([{"a": 1.0, "b": 2.0}, {"a": 3.0}]) == {"a": 4.0}

import pytest

from bench.core.run.counters import CounterChange, changed_counters, counters_of
from bench.core.samples.samples import Samples
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.levels import accept
from tests.factories import NOON, make_recording, make_run, make_sample


def counted(*tokens: tuple[str, int | None]) -> Samples:
    """Requests of these prompts with this number of tokens."""
    return Samples.of([make_sample(n, prompt=name, tokens=count) for n, (name, count) in enumerate(tokens)])


def test_a_counter_is_equal_in_all_requests() -> None:
    """A prompt whose requests made different numbers of tokens has no exact counter."""
    samples = counted(("a", 12), ("b", 7), ("a", 12), ("b", 8), ("c", None))
    assert counters_of(samples) == {"tokens": {"a": 12.0}}
    assert counters_of(counted(("a", None))) == {}


def test_a_change_of_one_token_is_reported() -> None:
    """A constant counter that differs is a change; a varying or new counter is not."""
    base = [{"tokens": {"a": 12.0, "b": 7.0, "c": float(number)}} for number in range(3)]
    head = {"tokens": {"a": 13.0, "b": 7.0, "c": 9.0, "d": 4.0}}
    assert changed_counters(head, base) == (
        CounterChange(key="tokens", changed=1, messages=2, base=19.0, head=20.0),
    )


@pytest.mark.parametrize("head", [{}, {"tokens": {"a": 12.0}}, {"tokens": {"z": 1.0}}])
def test_equal_counters_are_no_change(head: dict[str, dict[str, float]]) -> None:
    """Equal counters, absent ones, and those of other prompts are not reported."""
    assert changed_counters(head, [{"tokens": {"a": 12.0}}, {"tokens": {"a": 12.0}}]) == ()


def test_a_changed_counter_does_not_fail_a_run() -> None:
    """A run with unchanged times and more tokens passes and reports the change."""
    baseline: Baseline | None = None
    for number in range(6):
        run = make_run(make_recording([make_sample(n, tokens=20) for n in range(60)]))
        made = run.provenance.model_copy(update={"run_id": f"run-{number}"})
        run = run.model_copy(update={"provenance": made})
        baseline = accept(baseline, run, reason="usual", by="Tess Ter", at=NOON)
    longer = make_run(make_recording([make_sample(n, tokens=21) for n in range(60)]))
    comparison = compare(longer, baseline)
    assert comparison.decision is Decision.PASS
    assert comparison.reasons == ("output tokens of 4 of 4 messages changed: 80 → 84",)
    (change,) = comparison.counters
    assert (change.changed, change.messages, change.base, change.head) == (4, 4, 80.0, 84.0)

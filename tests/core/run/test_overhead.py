import pytest

from bench.core.run.overhead import overhead, overheads, select_target
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.factories import make_recording, make_run, make_sample, make_scenario, make_spec


def pair(number: int, target_ms: float, other_ms: float, **compare_with: object) -> list[RequestSample]:
    """One message of one VU to both targets; the service time is 1 ms less than the latency."""
    usual = {"vu": 0, "prompt": "greeting", "at_s": float(number)}
    first = make_sample(2 * number, iteration=2 * number, arm=0, latency_ms=target_ms + 1, **usual)
    other = make_sample(
        2 * number + 1, iteration=2 * number + 1, arm=1, latency_ms=other_ms + 1, **usual | compare_with
    )
    return [first, other]


def test_the_overhead_is_the_mean_difference_of_pairs() -> None:
    """Each message is compared with itself; the interval is Student's."""
    measured = overhead(Samples.of([*pair(0, 110, 100), *pair(1, 230, 200), *pair(2, 320, 300)]), "ollama")
    assert measured is not None
    assert (measured.compare_with, measured.pairs) == ("ollama", 3)
    assert measured.mean_ms == pytest.approx(20.0)
    assert measured.ratio == pytest.approx(0.1)
    # sd 10, of the mean 5.774, times t(0.95, 2) = 2.920
    assert (measured.low_ms, measured.high_ms) == pytest.approx((20 - 16.86, 20 + 16.86), abs=0.01)


def test_an_unanswered_message_is_no_pair() -> None:
    """A message that failed on one side is left out."""
    failed = pair(1, 500, 1, outcome=Outcome.TIMEOUT)
    measured = overhead(Samples.of([*pair(0, 110, 100), *failed]), "ollama")
    assert measured is not None
    assert (measured.pairs, measured.low_ms, measured.high_ms) == (1, None, None)
    assert overhead(Samples.of(failed), "ollama") is None


def test_a_target_without_time_gives_no_ratio() -> None:
    """A ratio to 0 is unknown."""
    measured = overhead(Samples.of(pair(0, 10, 0)), "ollama")
    assert measured is not None
    assert measured.ratio is None


def test_each_metric_has_an_overhead_of_its_own() -> None:
    """The median over messages: one pause of a target changes it little. A metric without values has none."""
    samples = Samples.of([*pair(0, 110, 100), *pair(1, 230, 200), *pair(2, 900, 300)])
    measured = overheads(samples)
    assert measured.keys() == {"e2e_ms"}
    assert measured["e2e_ms"].pairs == 3
    assert measured["e2e_ms"].median == pytest.approx(30.0)
    assert measured["e2e_ms"].compared == pytest.approx(201.0)
    assert overheads(Samples.of(pair(1, 500, 1, outcome=Outcome.TIMEOUT))) == {}


def test_figures_are_of_the_target_only() -> None:
    """Latencies and counts of a run exclude the compared target; the overhead is separate."""
    recording = make_recording([*pair(0, 110, 100), *pair(1, 120, 100)])
    run = make_run(recording, spec=make_spec(make_scenario(compare_with="ollama")))
    assert run.summary.requests == 2
    assert run.summary.overhead is not None
    assert run.summary.overhead.mean_ms == pytest.approx(15.0)
    alone = make_recording()
    assert select_target(alone.samples) is alone.samples

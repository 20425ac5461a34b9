import pytest

from bench.core.run.layers import ALONE, layer_metrics, own_times
from bench.core.samples.metrics import tier_key
from tests.factories import make_recording, make_run, make_sample

ROUNDS = [
    {"backend": 620.0, "agent": 610.0, "model": 600.0},
    {"backend": 622.0, "agent": 611.0, "model": 605.0},
]


def silent(layers: list[dict[str, float]]) -> set[str]:
    """The tiers of a run whose answers say nothing of them."""
    samples = [make_sample(seq, tier_times={}) for seq in range(20)]
    return {
        key
        for key in make_run(make_recording(samples, layers=layers)).summary.metrics
        if key.startswith("tier.")
    }


def test_a_tiers_own_time_is_what_it_takes_beyond_the_one_below() -> None:
    """In each round the outer takes what the inner does and its own; the innermost is all its own."""
    assert own_times(ROUNDS) == {"backend": [10.0, 11.0], "agent": [10.0, 6.0], "model": [600.0, 605.0]}


def test_own_times_add_up_to_the_whole() -> None:
    """The tiers of a round together took what the outermost did."""
    own = own_times(ROUNDS)
    for number, each in enumerate(ROUNDS):
        assert sum(times_ms[number] for times_ms in own.values()) == each["backend"]


def test_no_tier_takes_less_than_nothing() -> None:
    """An inner answer that happened to be slower than the outer one leaves the outer nothing."""
    assert own_times([{"agent": 600.0, "model": 605.0}]) == {"agent": [0.0], "model": [605.0]}


def test_the_tiers_are_metrics_like_any_others() -> None:
    """Each has a typical value, which a comparison pairs by, and its count."""
    found = layer_metrics(ROUNDS)
    agent = found[tier_key("agent")]
    assert (agent.count, agent.mean) == (2, 8.0)
    assert agent.figures == {ALONE: pytest.approx(7.9, abs=0.1)}
    assert layer_metrics([]) == {}


def test_what_answers_say_themselves_goes_first() -> None:
    """Tiers that were asked by themselves are used only where no answer has tiers of its own."""
    assert silent(ROUNDS) == {"tier.backend_ms", "tier.agent_ms", "tier.model_ms"}
    assert silent([]) == set()
    telling = make_run(make_recording([make_sample(0)], layers=ROUNDS)).summary.metrics
    assert "tier.model_ms" not in telling

import pytest

from bench.core.run.layers import ALONE, layer_metrics, own_times
from bench.core.samples.metrics import tier_key
from tests.factories import make_recording, make_run, make_sample

ROUNDS = [
    {"backend": 620.0, "agent": 610.0, "model": 600.0},
    {"backend": 622.0, "agent": 611.0, "model": 605.0},
]


def silent(layers: list[dict[str, float]]) -> set[str]:
    """The tiers of a run whose responses do not report tier times."""
    samples = [make_sample(seq, tier_times={}) for seq in range(20)]
    return {
        key
        for key in make_run(make_recording(samples, layers=layers)).summary.metrics
        if key.startswith("tier.")
    }


def test_own_time_is_total_minus_inner_time() -> None:
    """In each round, the own time of a tier excludes the tier below; the innermost keeps its whole time."""
    assert own_times(ROUNDS) == {"backend": [10.0, 11.0], "agent": [10.0, 6.0], "model": [600.0, 605.0]}


def test_own_times_add_up_to_the_total() -> None:
    """The own times of a round add up to the time of the outermost tier."""
    own = own_times(ROUNDS)
    for number, row in enumerate(ROUNDS):
        assert sum(times_ms[number] for times_ms in own.values()) == row["backend"]


def test_own_time_is_never_negative() -> None:
    """If the inner call is slower than the outer one, the outer own time is 0."""
    assert own_times([{"agent": 600.0, "model": 605.0}]) == {"agent": [0.0], "model": [605.0]}


def test_layers_are_metrics_like_reported_tiers() -> None:
    """Each tier has a count and a typical value, which a comparison pairs by."""
    measured = layer_metrics(ROUNDS)
    agent = measured[tier_key("agent")]
    assert (agent.count, agent.mean) == (2, 8.0)
    assert agent.figures == {ALONE: pytest.approx(7.75, abs=0.1)}
    assert layer_metrics([]) == {}


def test_reported_tier_times_have_priority() -> None:
    """Direct calls are used only if no response reports tier times."""
    assert silent(ROUNDS) == {"tier.backend_ms", "tier.agent_ms", "tier.model_ms"}
    assert silent([]) == set()
    telling = make_run(make_recording([make_sample(0)], layers=ROUNDS)).summary.metrics
    assert "tier.model_ms" not in telling

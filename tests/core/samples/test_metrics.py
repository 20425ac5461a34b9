from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.samples.metric import Better, MetricKind, Part
from bench.core.samples.metrics import METRICS, UNATTRIBUTED, metric, tier_key, tier_name
from bench.core.samples.sample import Outcome
from tests.factories import TIER_TIMES, make_sample, value

FAILURES = [outcome for outcome in Outcome if outcome is not Outcome.OK]
# With the digits of a stored time.
_TIER_MS = st.integers(0, 16_000_000).map(lambda microseconds: microseconds / 1000)
# Planned at 10 s, connected for 20 ms, sent 30 ms late, first byte at 10.4 s, over at 10.6 s.
TIMES: dict[str, Any] = {
    "scheduled_s": 10.0,
    "connect_s": 0.020,
    "sent_s": 10.030,
    "first_token_s": 10.4,
    "finished_s": 10.6,
}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("e2e_ms", 600.0),
        ("service_ms", 570.0),
        ("ttft_ms", 400.0),
        ("send_lag_ms", 10.0),
        ("success_ratio", 1.0),
        ("requests", 1.0),
    ],
)
def test_each_metric_is_its_formula(key: str, expected: float) -> None:
    """Latencies count from the planned time; send lag excludes connecting."""
    assert value(key, make_sample(**TIMES)) == pytest.approx(expected)


def test_send_lag_over_an_open_connection_excludes_no_time() -> None:
    """Without connecting, the send lag is the complete delay."""
    assert value("send_lag_ms", make_sample(**TIMES | {"connect_s": None})) == pytest.approx(30.0)


@pytest.mark.parametrize("outcome", FAILURES)
@pytest.mark.parametrize("key", ["e2e_ms", "service_ms", "ttft_ms", "tier.auth_ms", "tier.unattributed_ms"])
def test_a_request_that_did_not_succeed_has_no_latency(key: str, outcome: Outcome) -> None:
    """A refusal is fast, so the latencies of a failure are None, not 0."""
    assert value(key, make_sample(outcome=outcome)) is None


@pytest.mark.parametrize("outcome", FAILURES)
def test_a_failed_request_counts_as_a_request(outcome: Outcome) -> None:
    """Success is 0 for each other outcome, and the request is counted."""
    sample = make_sample(outcome=outcome)
    assert value("success_ratio", sample) == 0.0
    assert value("requests", sample) == 1.0


@pytest.mark.parametrize("key", ["service_ms", "send_lag_ms", "tier.unattributed_ms"])
def test_an_unsent_request_has_no_time_since_sending(key: str) -> None:
    """Without the time of sending, these metrics are None, not 0."""
    assert value(key, make_sample(sent_s=None)) is None


def test_a_response_without_a_first_token_has_no_ttft() -> None:
    """Without a first token, the time to first token is None."""
    assert value("ttft_ms", make_sample(first_token_s=None)) is None


def test_a_tier_without_a_report_has_no_time() -> None:
    """A tier that is not reported is None; without any tier, so is the unattributed time."""
    sample = make_sample(tier_times={})
    assert value(tier_key("auth"), sample) is None
    assert value(tier_key(UNATTRIBUTED), sample) is None


@pytest.mark.parametrize("name", sorted(TIER_TIMES))
def test_a_tier_has_its_reported_time(name: str) -> None:
    """A tier's metric is the time in the header."""
    assert value(tier_key(name), make_sample()) == TIER_TIMES[name]


def test_unattributed_time_is_the_rest_of_service_time() -> None:
    """Service time minus the times of the tiers is the unattributed time."""
    sample = make_sample(**TIMES, tier_times={"agent": 70.0, "model": 400.0})
    assert value(tier_key(UNATTRIBUTED), sample) == pytest.approx(100.0)


@given(st.dictionaries(st.sampled_from("abc"), _TIER_MS, min_size=1), st.floats(1.0, 1e5))
def test_unattributed_time_is_never_negative(tier_times: dict[str, float], latency_ms: float) -> None:
    """If tiers report more than the service time, the rest is 0; otherwise all parts add up."""
    sample = make_sample(latency_ms=latency_ms, tier_times=tier_times)
    network_ms = value(tier_key(UNATTRIBUTED), sample)
    service_ms = value("service_ms", sample)
    assert network_ms is not None
    assert service_ms is not None
    claimed_ms = sum(tier_times.values())
    assert network_ms >= 0.0
    assert network_ms + claimed_ms == pytest.approx(max(service_ms, claimed_ms), abs=1e-6)


@given(st.text(max_size=40))
def test_a_tiers_key_leads_back_to_its_name(name: str) -> None:
    """The key of a tier contains its name, for any name."""
    assert tier_name(tier_key(name)) == name


def test_a_row_is_made_once() -> None:
    """The metrics of tiers and 95th percentiles are made once and cached."""
    assert metric(tier_key("agent")) is metric(tier_key("agent"))
    assert metric("p95.e2e_ms") is metric("p95.e2e_ms")


def test_a_tiers_key_ends_with_its_unit() -> None:
    """A tier's key has the unit at the end, as all keys have."""
    assert tier_key("backend") == "tier.backend_ms"


@pytest.mark.parametrize("key", [*METRICS, "tier.auth", "auth_ms", "tiers.auth_ms", ""])
def test_other_keys_have_no_tier(key: str) -> None:
    """A key without the prefix and the unit of tiers has no tier."""
    assert tier_name(key) is None


def test_a_tiers_metric_locates_a_regression() -> None:
    """Lower is better, and changes below ten milliseconds are not relevant."""
    row = metric("tier.agent_ms")
    assert (row.key, row.label, row.unit) == ("tier.agent_ms", "agent", "ms")
    assert (row.kind, row.better, row.part) == (MetricKind.TREND, Better.LOWER, Part.LOCATES)
    assert row.adds_up


def test_unattributed_time_only_explains() -> None:
    """The metric of unattributed time never fails a run."""
    row = metric(tier_key(UNATTRIBUTED))
    assert (row.part, row.better, row.adds_up) == (Part.EXPLAINS, Better.LOWER, True)


def test_an_unknown_metric_is_an_error() -> None:
    """An unknown key is a KeyError."""
    with pytest.raises(KeyError, match="speed"):
        metric("speed")


def test_each_key_ends_with_its_unit() -> None:
    """Each metric is stored under its own key, which ends with the unit if it has one."""
    for key, row in METRICS.items():
        assert metric(key) is row
        assert row.key == key
        assert key.endswith(f"_{row.unit}") or row.unit == "1"


def test_only_latencies_and_success_decide() -> None:
    """In a closed loop, throughput follows from response time, so only one of them decides."""
    deciding = [key for key, row in METRICS.items() if row.part is Part.DECIDES]
    assert deciding == ["e2e_ms", "success_ratio", "ttft_ms"]


def test_time_per_token_is_of_the_tokens_after_the_first() -> None:
    """There is one gap less than tokens; a single token has no gap."""
    streamed: dict[str, Any] = {"first_token_s": 1.0, "last_token_s": 1.9, "at_s": 0.0}
    assert value("tpot_ms", make_sample(tokens=10, **streamed)) == pytest.approx(100.0)
    assert value("tpot_ms", make_sample(tokens=1, **streamed)) is None
    assert value("tpot_ms", make_sample(**streamed)) is None
    assert value("tpot_ms", make_sample(tokens=10)) is None
    assert value("tpot_ms", make_sample(tokens=10, outcome=Outcome.TIMEOUT, **streamed)) is None


def test_unknown_tokens_and_interception_are_none() -> None:
    """Without a report of tokens or interception, these metrics are None, not 0."""
    assert (value("tokens", make_sample()), value("interception_ratio", make_sample())) == (None, None)
    assert value("tokens", make_sample(tokens=7)) == 7.0
    assert value("tokens", make_sample(tokens=7, outcome=Outcome.TIMEOUT)) is None
    samples = [make_sample(intercepted=intercepted) for intercepted in (True, False)]
    assert [value("interception_ratio", sample) for sample in samples] == [1.0, 0.0]

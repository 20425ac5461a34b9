from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.samples.metric import Better, MetricKind, Part
from bench.core.samples.metrics import METRICS, UNATTRIBUTED, metric, tier_key, tier_name
from bench.core.samples.sample import Outcome
from tests.factories import TIER_TIMES, make_sample, value

FAILURES = [outcome for outcome in Outcome if outcome is not Outcome.OK]
# As exactly as a tier is kept.
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
def test_each_metric_is_the_span_that_its_name_says(key: str, expected: float) -> None:
    """Waiting counts from when the plan wanted the request; connecting is the target's time, not ours."""
    assert value(key, make_sample(**TIMES)) == pytest.approx(expected)


def test_send_lag_over_an_open_connection_is_all_ours() -> None:
    """Where nothing was opened nothing is taken out."""
    assert value("send_lag_ms", make_sample(**TIMES | {"connect_s": None})) == pytest.approx(30.0)


@pytest.mark.parametrize("outcome", FAILURES)
@pytest.mark.parametrize("key", ["e2e_ms", "service_ms", "ttft_ms", "tier.auth_ms", "tier.unattributed_ms"])
def test_a_request_that_did_not_succeed_has_no_latency(key: str, outcome: Outcome) -> None:
    """A refusal is fast and says nothing about waiting: its latencies are None, not 0."""
    assert value(key, make_sample(outcome=outcome)) is None


@pytest.mark.parametrize("outcome", FAILURES)
def test_a_request_that_did_not_succeed_counts_as_no(outcome: Outcome) -> None:
    """Success is 0 for each other outcome, for it was asked and denied; it is a request all the same."""
    sample = make_sample(outcome=outcome)
    assert value("success_ratio", sample) == 0.0
    assert value("requests", sample) == 1.0


@pytest.mark.parametrize("key", ["service_ms", "send_lag_ms", "tier.unattributed_ms"])
def test_what_was_never_sent_has_no_time_since_it_was_sent(key: str) -> None:
    """Without the moment of sending there is nothing to count from: None, not 0."""
    assert value(key, make_sample(sent_s=None)) is None


def test_an_answer_without_a_first_byte_has_no_time_to_it() -> None:
    """An answer whose first byte was not seen has no time to first token."""
    assert value("ttft_ms", make_sample(first_token_s=None)) is None


def test_a_tier_that_says_nothing_has_no_time() -> None:
    """A tier that is not in the header is None, and so is the network when no tier speaks."""
    sample = make_sample(tier_times={})
    assert value(tier_key("auth"), sample) is None
    assert value(tier_key(UNATTRIBUTED), sample) is None


@pytest.mark.parametrize("name", sorted(TIER_TIMES))
def test_a_tier_has_the_time_that_it_says(name: str) -> None:
    """A tier's metric is what the tier wrote into the header."""
    assert value(tier_key(name), make_sample()) == TIER_TIMES[name]


def test_the_network_has_what_no_tier_claims() -> None:
    """Service time less the sum of the tiers is the network's."""
    sample = make_sample(**TIMES, tier_times={"agent": 70.0, "model": 400.0})
    assert value(tier_key(UNATTRIBUTED), sample) == pytest.approx(100.0)


@given(st.dictionaries(st.sampled_from("abc"), _TIER_MS, min_size=1), st.floats(1.0, 1e5))
def test_the_network_never_has_less_than_nothing(tier_times: dict[str, float], latency_ms: float) -> None:
    """Tiers that claim more than there was leave the network nothing; else all parts add up to the whole."""
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
    """The key of a tier holds its name, whatever it is."""
    assert tier_name(tier_key(name)) == name


def test_a_row_is_made_once() -> None:
    """Tiers and 95th percentiles have rows too, which nobody makes again for every request or report."""
    assert metric(tier_key("agent")) is metric(tier_key("agent"))
    assert metric("p95.e2e_ms") is metric("p95.e2e_ms")


def test_a_tiers_key_reads_like_a_metric() -> None:
    """A tier's key ends in its unit, as all do."""
    assert tier_key("backend") == "tier.backend_ms"


@pytest.mark.parametrize("key", [*METRICS, "tier.auth", "auth_ms", "tiers.auth_ms", ""])
def test_other_keys_are_no_tiers(key: str) -> None:
    """A key without the tiers' prefix and unit belongs to no tier."""
    assert tier_name(key) is None


def test_a_tiers_row_is_made_for_it() -> None:
    """A tier locates a regression: lower is better, and ten milliseconds matter to nobody."""
    row = metric("tier.agent_ms")
    assert (row.key, row.label, row.unit) == ("tier.agent_ms", "agent", "ms")
    assert (row.kind, row.better, row.part) == (MetricKind.TREND, Better.LOWER, Part.LOCATES)
    assert row.smallest_change == 10.0


def test_what_no_tier_claims_only_explains() -> None:
    """The network's row is a tier's in all but this: it never fails a run."""
    row = metric(tier_key(UNATTRIBUTED))
    assert (row.part, row.better, row.smallest_change) == (Part.EXPLAINS, Better.LOWER, 10.0)


def test_an_unknown_metric_is_an_error() -> None:
    """There is no row for a metric that does not exist."""
    with pytest.raises(KeyError, match="speed"):
        metric("speed")


def test_the_table_is_by_key_and_its_units_are_in_the_keys() -> None:
    """Each row stands under its own key, which ends in its unit when it has one."""
    for key, row in METRICS.items():
        assert metric(key) is row
        assert row.key == key
        assert key.endswith(f"_{row.unit}") or row.unit == "1"


def test_what_users_feel_decides_and_nothing_else_in_the_table() -> None:
    """In a closed loop throughput follows from response time, so only one of the two decides."""
    deciding = [key for key, row in METRICS.items() if row.part is Part.DECIDES]
    assert deciding == ["e2e_ms", "success_ratio", "ttft_ms"]


def test_time_per_token_is_of_the_tokens_after_the_first() -> None:
    """The gaps between tokens are one less than the tokens; a single token has none."""
    streamed: dict[str, Any] = {"first_token_s": 1.0, "last_token_s": 1.9, "at_s": 0.0}
    assert value("tpot_ms", make_sample(tokens=10, **streamed)) == pytest.approx(100.0)
    assert value("tpot_ms", make_sample(tokens=1, **streamed)) is None
    assert value("tpot_ms", make_sample(**streamed)) is None
    assert value("tpot_ms", make_sample(tokens=10)) is None
    assert value("tpot_ms", make_sample(tokens=10, outcome=Outcome.TIMEOUT, **streamed)) is None


def test_tokens_and_interception_are_absent_where_nobody_says() -> None:
    """A target that reports no tokens, or marks no interception, has none, not 0."""
    assert (value("tokens", make_sample()), value("interception_ratio", make_sample())) == (None, None)
    assert value("tokens", make_sample(tokens=7)) == 7.0
    assert value("tokens", make_sample(tokens=7, outcome=Outcome.TIMEOUT)) is None
    answers = [make_sample(intercepted=each) for each in (True, False)]
    assert [value("interception_ratio", each) for each in answers] == [1.0, 0.0]

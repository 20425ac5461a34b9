import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.faults.request_availability import RequestAvailability, count_nines, measure_availability
from bench.core.limits.expression import parse
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.core.faults.outage import fail, steady_requests


def measure(samples: Samples, *claims: str) -> RequestAvailability:
    """The availability of some requests."""
    availability = measure_availability(samples, map(parse, claims))
    assert availability is not None
    return availability


def lose_apart(count: int, every: int) -> Samples:
    """Requests of which single ones fail, far from each other."""
    rows = steady_requests(count / 10)
    lost: dict[str, Any] = {"outcome": Outcome.HTTP_ERROR}
    return Samples.of(
        row._replace(**lost) if seq % every == every // 2 else row for seq, row in enumerate(rows)
    )


def test_no_loss_in_400_requests_does_not_show_three_nines() -> None:
    """The exact interval begins at 99.1 %, and 3,688 requests without a loss would show 99.9 %."""
    availability = measure(Samples.of(steady_requests(40)), ">=0.999")
    assert (availability.ratio, availability.nines, availability.outages) == (1.0, None, 0)
    assert availability.low == pytest.approx(0.025 ** (1 / 400))
    assert f"{availability.low:.3f}" == "0.991"
    (claim,) = availability.claims
    assert claim.verdict == "cannot tell"
    assert claim.requests_needed == math.ceil(math.log(0.025) / math.log(0.999)) == 3688


def test_a_long_run_without_a_loss_supports_the_claim() -> None:
    """With enough requests, the complete interval is above the claim."""
    (claim,) = measure(Samples.of(steady_requests(369)), ">=0.999").claims
    assert (claim.verdict, claim.requests_needed) == ("supported", None)


def test_many_separate_losses_refute_the_claim() -> None:
    """One failure in a hundred requests, again and again, is not 99.9 %."""
    availability = measure(lose_apart(4000, 100), ">=0.999")
    assert availability.claims[0].verdict == "refuted"
    assert availability.outages == 40
    assert availability.effective_requests == pytest.approx(4000, rel=0.01)
    assert availability.nines == pytest.approx(2.0)


def test_an_outage_is_one_observation() -> None:
    """Forty failures in one outage show less about the next month than forty separate ones."""
    together = measure(fail(steady_requests(400), 100.0, 104.0), ">=0.999")
    apart = measure(lose_apart(4000, 100), ">=0.999")
    assert together.ratio == apart.ratio
    assert together.outages == 1
    assert together.effective_requests == pytest.approx(4000 / 40, rel=0.05)
    assert together.low < apart.low
    assert together.high > apart.high
    assert together.claims[0].verdict == "cannot tell"
    assert together.claims[0].requests_needed is not None


def test_nothing_but_failures_is_one_outage() -> None:
    """A dead stack has no nine, and its interval is that of a single observation."""
    availability = measure(fail(steady_requests(40), 0.0, 40.0), ">=0.999")
    assert (availability.ratio, availability.nines, availability.low) == (0.0, 0.0, 0.0)
    assert availability.effective_requests == 1.0


def test_only_lower_limits_are_claims() -> None:
    """`availability < 1` is a threshold, but claims no availability; 100 % cannot be shown by any number."""
    samples = Samples.of(steady_requests(4))
    assert not measure(samples, "<0.5", ">=1").claims
    assert measure_availability(Samples.of([])) is None


@given(failed=st.lists(st.booleans(), min_size=1, max_size=300))
def test_the_interval_contains_the_measured_share(failed: list[bool]) -> None:
    """Whatever fails, the interval contains the share, and no run shows more than its requests."""
    lost: dict[str, Any] = {"outcome": Outcome.TIMEOUT}
    rows = steady_requests(len(failed) / 10)
    samples = Samples.of(row._replace(**lost) if bad else row for row, bad in zip(rows, failed, strict=True))
    availability = measure(samples)
    assert availability.low <= availability.ratio + 1e-9
    assert availability.high >= availability.ratio - 1e-9
    assert 1.0 <= availability.effective_requests <= len(failed)


def test_nines_count_as_people_do() -> None:
    """99.9 % has three nines."""
    assert count_nines(0.999) == pytest.approx(3.0)
    assert count_nines(1.0) is None

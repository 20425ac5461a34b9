from collections import Counter

import pytest

from bench.measure.run.token_renewal import TokenRenewal, Tokens

START_S = 1000.0
LIFETIME_S = 100.0
TICK_S = 0.5


def _renew_until(renewal: TokenRenewal, end_s: float) -> list[tuple[float, list[int]]]:
    """Return the age of the run at each tick, with the numbers that are due then."""
    ticks = []
    for tick in range(1, int(end_s / TICK_S) + 1):
        elapsed_s = tick * TICK_S
        ticks.append((elapsed_s, renewal.take_due(START_S + elapsed_s)))
    return ticks


def _renewal(count: int) -> TokenRenewal:
    tokens = Tokens(mint=lambda number: f"token {number}", count=count, lifetime_s=LIFETIME_S)
    return TokenRenewal(tokens, START_S, TICK_S)


@pytest.mark.parametrize("count", [1, 10, 50, 1000])
def test_each_token_is_renewed_between_half_and_three_quarters_of_its_lifetime(count: int) -> None:
    """Not before 50 s of 100 s, and all of them by 75 s."""
    ticks = _renew_until(_renewal(count), 80.0)
    renewed_at = {number: elapsed_s for elapsed_s, due in ticks for number in due}
    assert sorted(renewed_at) == list(range(count))
    assert min(renewed_at.values()) == 0.5 * LIFETIME_S + TICK_S
    assert max(renewed_at.values()) <= 0.75 * LIFETIME_S + TICK_S


@pytest.mark.parametrize(("count", "most"), [(1, 1), (10, 1), (50, 1), (51, 2), (1000, 20)])
def test_renewals_are_spread_evenly(count: int, most: int) -> None:
    """A tick renews at most the share of its duration in a quarter of the lifetime: 50 ticks in 25 s."""
    ticks = _renew_until(_renewal(count), 80.0)
    assert max(len(due) for _, due in ticks) == most


def test_a_renewed_token_is_renewed_again_after_half_of_its_own_lifetime() -> None:
    """Its age counts from its renewal."""
    ticks = _renew_until(_renewal(2), 160.0)
    times = {number: [elapsed_s for elapsed_s, due in ticks if number in due] for number in range(2)}
    assert times == {0: [50.5, 101.0, 151.5], 1: [51.0, 101.5, 152.0]}


def test_no_token_outlives_its_lifetime() -> None:
    """Over ten lifetimes, every token is renewed again before it ends."""
    ages_s: list[float] = []
    last_s = dict.fromkeys(range(200), 0.0)
    renewals: Counter[int] = Counter()
    for elapsed_s, due in _renew_until(_renewal(200), 10 * LIFETIME_S):
        for number in due:
            ages_s.append(elapsed_s - last_s[number])
            last_s[number] = elapsed_s
            renewals[number] += 1
    assert max(ages_s) <= 0.75 * LIFETIME_S + TICK_S
    assert min(renewals.values()) >= 10

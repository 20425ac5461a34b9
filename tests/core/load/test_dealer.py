from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.load.dealer import Dealer, ZipfDealer, make_dealer
from bench.core.values.zipf import zipf_shares

DECKS = st.integers(1, 40).map(lambda size: tuple(f"m{number}" for number in range(size)))


@given(DECKS, st.integers(0, 2000), st.text(max_size=5))
def test_a_message_depends_on_its_number_only(deck: tuple[str, ...], number: int, seed: str) -> None:
    """Each deck is a sample of all messages by its own seed, whatever was dealt before."""
    dealer = Dealer(deck, seed)
    deck_number, card = divmod(number, len(deck))
    expected = Random(f"{seed}:{deck_number}").sample(deck, len(deck))[card]
    assert dealer.deal(number) == expected
    assert dealer.deal(number + 7) == Dealer(deck, seed).deal(number + 7)
    assert dealer.deal(number) == expected


@given(DECKS)
def test_without_a_seed_the_messages_keep_their_order(deck: tuple[str, ...]) -> None:
    """The first message follows the last one."""
    dealer = Dealer(deck, None)
    assert [dealer.deal(number) for number in range(2 * len(deck))] == [*deck, *deck]


def test_a_dealer_forgets_its_oldest_decks() -> None:
    """A long run needs constant memory, and a forgotten deck is shuffled as before."""
    deck = tuple(f"m{number}" for number in range(5000))
    dealer = Dealer(deck, "seed")
    first = [dealer.deal(number) for number in range(5000)]
    for number in range(100):
        dealer.deal(5000 * number)
    assert len(dealer._decks) < 100
    assert [dealer.deal(number) for number in range(5000)] == first
    assert Counter(first) == Counter(deck)


@given(DECKS, st.floats(0, 5), st.integers(0, 5000), st.text(max_size=5))
def test_a_repeated_message_depends_on_its_number_only(
    ranks: tuple[str, ...], exponent: float, number: int, seed: str
) -> None:
    """Equal numbers get equal messages, whatever was dealt before."""
    dealer = ZipfDealer(ranks, seed, exponent)
    first = dealer.deal(number)
    assert first in ranks
    dealer.deal(number + 1000)
    assert dealer.deal(number) == first == ZipfDealer(ranks, seed, exponent).deal(number)


def test_repeats_follow_zipfs_law() -> None:
    """Each rank has its share of many messages, with room for chance."""
    ranks = tuple(f"m{number}" for number in range(20))
    dealer = make_dealer(ranks, "seed", 1.0)
    draws = 50_000
    counts = Counter(dealer.deal(number) for number in range(draws))
    for rank, share in enumerate(zipf_shares(len(ranks), 1.0)):
        assert counts[f"m{rank}"] == pytest.approx(draws * share, abs=5 * (draws * share) ** 0.5)


def test_a_dealer_of_repeats_forgets_its_oldest_messages() -> None:
    """A long run needs constant memory, and a forgotten message is drawn as before."""
    dealer = ZipfDealer(("a", "b", "c"), "seed", 1.0)
    first = [dealer.deal(number) for number in range(300)]
    for number in range(0, 1_000_000, 200):
        dealer.deal(number)
    assert len(dealer._drawn) <= 256
    assert [dealer.deal(number) for number in range(300)] == first


def test_without_an_exponent_decks_are_dealt() -> None:
    """A load without repeats sends every message of a deck."""
    assert isinstance(make_dealer(("a", "b"), "seed", None), Dealer)

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bench.core.load.dealer import Dealer

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

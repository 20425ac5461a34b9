"""Deals the messages of a phase: deck after deck in a seeded order, or with repeats by Zipf's law."""

from itertools import accumulate
from random import Random

from bench.core.values.zipf import zipf_shares

_KEPT_CARDS = 65_536
"""Number of messages of shuffled decks that are kept: VUs are at different decks at the same time."""
_FEWEST_DECKS = 64
_DRAWN_AT_ONCE = 256
"""Number of messages that are drawn at once, which takes a tenth of a millisecond."""


class Dealer:
    """Deals messages by their number. Each deck holds every message as often as its weight.

    Args:
        deck: The messages, at least one.
        seed: Seed of the orders; None to keep the order of the deck.
    """

    def __init__(self, deck: tuple[str, ...], seed: str | None) -> None:
        self._deck = deck
        self._size = len(deck)
        self._seed = seed if len(deck) > 1 else None
        self._decks: dict[int, tuple[str, ...]] = {}
        self._most = max(_FEWEST_DECKS, _KEPT_CARDS // len(deck))
        self._random = Random()

    def deal(self, number: int) -> str:
        """Return the message of a number, from 0."""
        if self._seed is None:
            return self._deck[number % self._size]
        deck_number, card = divmod(number, self._size)
        deck = self._decks.get(deck_number) or self._shuffle(deck_number)
        return deck[card]

    def _shuffle(self, number: int) -> tuple[str, ...]:
        """Return a shuffled deck, and keep it: to seed its order takes several microseconds."""
        if len(self._decks) >= self._most:
            del self._decks[next(iter(self._decks))]
        self._random.seed(f"{self._seed}:{number}")
        deck = tuple(self._random.sample(self._deck, self._size))
        self._decks[number] = deck
        return deck


class ZipfDealer:
    """Deals messages by their number, with repeats: each is drawn independently of the others.

    Args:
        ranks: The messages, at least one; the first one is the most frequent.
        seed: Seed of the draws.
        exponent: Exponent of Zipf's law.
    """

    def __init__(self, ranks: tuple[str, ...], seed: str, exponent: float) -> None:
        self._ranks = ranks
        self._seed = seed
        self._cumulative = tuple(accumulate(zipf_shares(len(ranks), exponent)))
        self._drawn: dict[int, list[str]] = {}
        self._random = Random()

    def deal(self, number: int) -> str:
        """Return the message of a number, from 0."""
        block_number, place = divmod(number, _DRAWN_AT_ONCE)
        block = self._drawn.get(block_number) or self._draw(block_number)
        return block[place]

    def _draw(self, number: int) -> list[str]:
        """Draw a block of messages, and keep it."""
        if len(self._drawn) >= _KEPT_CARDS // _DRAWN_AT_ONCE:
            del self._drawn[next(iter(self._drawn))]
        self._random.seed(f"{self._seed}:{number}")
        block = self._random.choices(self._ranks, cum_weights=self._cumulative, k=_DRAWN_AT_ONCE)
        self._drawn[number] = block
        return block


def make_dealer(deck: tuple[str, ...], seed: str, zipf: float | None) -> Dealer | ZipfDealer:
    """Return a dealer with repeats if there is an exponent of Zipf's law, else one of shuffled decks."""
    return Dealer(deck, seed) if zipf is None else ZipfDealer(deck, seed, zipf)

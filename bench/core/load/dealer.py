"""Deals the messages of a phase: deck after deck, each in its own seeded order."""

from random import Random

_KEPT_CARDS = 65_536
"""Number of messages of shuffled decks that are kept: VUs are at different decks at the same time."""
_FEWEST_DECKS = 64


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

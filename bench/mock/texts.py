"""The words of the mock model, and its count of a prompt's tokens."""

from hashlib import blake2b
from random import Random

CHARACTERS_PER_TOKEN = 4
"""Models take about four characters of English for a token."""
_VOCABULARY = (
    "a about after answer are as at be because before better between but by can case change check "
    "clear cost could day detail do each early easy example fact few first for from full give good "
    "group has have help here how if important in into is it keep kind large later less like list "
    "little long made make many may model more most much need new next no not now number of often on "
    "one open or order other our out over part people place plan point problem reason result right "
    "same see short show simple small so some start step such table take than that the their then "
    "there these they thing this time to two under up use value very way we well what when where "
    "which while why will with word work would year you your "
)
_CYCLE = 1009


def _cycle() -> tuple[str, ...]:
    random = Random(1)
    words = _VOCABULARY.split()
    return tuple(" " + random.choice(words) for _ in range(_CYCLE))


_WORDS = _cycle()


def words_of(key: str, count: int) -> list[str]:
    """Return the tokens of a sentence: one word each, and the same ones for the same key.

    Args:
        key: Text that selects the words.
        count: Number of tokens, at least 1.
    """
    digest = blake2b(key.encode(errors="replace"), digest_size=8).digest()
    begin = int.from_bytes(digest) % _CYCLE
    rounds = (begin + count) // _CYCLE + 1
    tokens = list((_WORDS * rounds)[begin : begin + count])
    tokens[0] = tokens[0].strip().capitalize()
    tokens[-1] += "."
    return tokens


def slices_of(text: str, count: int) -> list[str]:
    """Return a text in this number of pieces of about the same length."""
    length = len(text)
    return [text[length * at // count : length * (at + 1) // count] for at in range(count)]


def count_tokens(text: str) -> int:
    """Return the number of tokens of a prompt: a token for four characters, at least one."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))

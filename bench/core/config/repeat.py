"""Repeated messages: how often a load sends the same message again, for services with a cache."""

from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from typing import Annotated

from pydantic import Field

from bench.core.config.message_rows import MOST_ROWS
from bench.core.config.prompts import LONG_MESSAGE, Prompt
from bench.core.values.record import Record

_LONGEST_ID = 58
"""Letters of an id that stay in front of a number."""


class Repeat(Record):
    """The share of repeated messages, by Zipf's law.

    The first message of the file is sent most often. After the last one, the file begins again, and its
    messages get a number, such as `Hello (2)`. In a message of about 1,000 characters or more, the number
    replaces the end, so that it keeps its length.
    """

    zipf: Annotated[float, Field(ge=0, le=10)]
    """Exponent s: each request draws the message of rank k with a weight of 1 / k^s. With 0, all messages are
    equally frequent; requests for web pages have 0.6 to 0.8."""
    distinct: Annotated[int, Field(ge=1, le=MOST_ROWS)]
    """Number of different messages."""


def spread_messages(prompts: Sequence[Prompt], repeat: Repeat | None) -> tuple[Prompt, ...]:
    """Return the different messages of a load by rank; without `repeat`, the messages of the file.

    A message stands in each round of the file as often as its weight.
    """
    if repeat is None or not prompts:
        return tuple(prompts)
    deck: list[Prompt] = []
    for prompt in prompts:
        deck += [prompt] * prompt.weight
    ids = {prompt.id for prompt in prompts}
    texts: set[str] = set()
    numbers = Counter[str]()
    spread: list[Prompt] = []
    for prompt in cycle(deck):
        if len(spread) == repeat.distinct:
            break
        variant = _next_variant(prompt, numbers, ids, texts)
        ids.add(variant.id)
        texts.add(variant.text)
        spread.append(variant.model_copy(update={"weight": 1}))
    return tuple(spread)


def _next_variant(prompt: Prompt, numbers: Counter[str], ids: set[str], texts: set[str]) -> Prompt:
    """Return the message itself, or its copy with the next number whose id and text are not in use."""
    while True:
        numbers[prompt.id] += 1
        number = numbers[prompt.id]
        variant = prompt if number == 1 else _number(prompt, number)
        if variant.text not in texts and (number == 1 or variant.id not in ids):
            return variant


def _number(prompt: Prompt, number: int) -> Prompt:
    """Return a copy of a message with a number, which changes neither its class nor its expectation."""
    mark = f" ({number})"
    text = prompt.text
    kept = text if len(text) + len(mark) <= LONG_MESSAGE else text[: len(text) - len(mark)]
    return prompt.model_copy(update={"id": f"{prompt.id[:_LONGEST_ID]}-{number}", "text": kept + mark})

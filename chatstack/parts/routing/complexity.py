"""The complexity of a message, by its length and its words."""

import re
from collections.abc import Collection
from enum import StrEnum

WORDS = (
    "add", "analyse", "analyze", "build", "compare", "convert", "create", "design", "draft", "extract",
    "generate", "make", "migrate", "plan", "rewrite", "summarise", "summarize", "translate", "write",
)  # fmt: skip
"""Verbs of messages that ask for a result, such as a form."""
_SENTENCE_END = re.compile(r"[.!?:;\n]+")
# Words before the verb of a request: "Hello, could you please create …".
_POLITE = (
    r"please|kindly|hello|hi|hey|now|then|and|can you|could you|would you|will you|i want you to|"
    r"i need you to|i want to|i need to|i would like to|i'd like to|help me to|help me|let us|let's"
)
_REQUEST = re.compile(rf"\W*(?:(?:{_POLITE})\b\W*)*([^\W\d_]+)")


class Complexity(StrEnum):
    """How much a message asks for."""

    SIMPLE = "simple"
    """A greeting or a question."""
    DEMANDING = "demanding"
    """A message that asks for a result."""
    LONG = "long"
    """A message above the length of a long one."""


def classify(message: str, long_characters: int, words: Collection[str] = WORDS) -> Complexity:
    """Return the complexity of a message.

    A message is demanding if one of its sentences is a request, such as "Please create a form".

    Args:
        message: Text of the message.
        long_characters: Length from which on a message is long.
        words: Verbs of requests, in lower case.
    """
    if len(message) >= long_characters:
        return Complexity.LONG
    for sentence in _SENTENCE_END.split(message.lower()):
        request = _REQUEST.match(sentence)
        if request is not None and request[1] in words:
            return Complexity.DEMANDING
    return Complexity.SIMPLE

"""Characters and phrases of messages that are refused or reported."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

# All control characters of Unicode except tab and newline. A carriage return is one only before a newline.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_ORDER = r"(?:ignore|disregard|forget|override|bypass)"
_EARLIER = r"(?:previous|prior|earlier|above|preceding|system|initial|original|all|your)"
_RULES = r"(?:instructions?|prompts?|rules?|guidelines?|directions?|context|constraints?)"
# Phrases of published prompt injections, by their name. Each quantifier is limited, so a search is linear.
_PHRASES: Mapping[str, re.Pattern[str]] = {
    "ignore-instructions": re.compile(rf"\b{_ORDER}\b(?: \w+){{0,3}} {_EARLIER}\b(?: \w+){{0,3}} {_RULES}\b"),
    "reveal-prompt": re.compile(
        r"\b(?:reveal|print|show|repeat|output|leak|tell me|what (?:is|are))\b(?: \w+){0,4} "
        r"(?:system|initial|hidden|secret) (?:prompt|instructions?|message|rules)\b"
    ),
    "new-role": re.compile(
        r"\b(?:you are now|from now on,? you|pretend (?:to be|you are)|act as if you)\b"
        r".{0,60}?\b(?:unrestricted|unfiltered|jailbroken|no (?:rules|restrictions|limits)|dan|root|admin)\b"
    ),
    "developer-mode": re.compile(r"\b(?:developer|debug|god|jailbreak|dan) mode\b"),
    "chat-markup": re.compile(
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>"
        r"|\[/?inst\]|<</?sys>>|^ ?#{2,4} ?(?:system|instruction)s? ?:?$",
        re.MULTILINE,
    ),
}
# Characters that a person does not see, but a model reads: tags of Unicode, and changes of the direction.
_HIDDEN = re.compile("[\U000e0001-\U000e007f\u202a-\u202e\u2066-\u2069]")
# A flag is made of tags too: a black flag, the letters of a region, and the end.
_REGION_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")
_ZERO_WIDTH = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\U000e0001-\U000e007f]")
_SPACES = re.compile(r"[^\S\n]+")


def find_control_character(text: str) -> str | None:
    """Return the name of the first control character, such as `U+0000`; `None` without one."""
    match = _CONTROL.search(text)
    return None if match is None else f"U+{ord(match[0]):04X}"


def find_injection_markers(message: str) -> list[str]:
    """Return the names of the prompt-injection markers of a message.

    Spelling with other cases, full-width letters, zero-width characters or more spaces makes no difference.
    """
    markers = [name for name, phrase in _PHRASES.items() if phrase.search(_plain(message))]
    if _HIDDEN.search(_REGION_FLAG.sub("", message)):
        markers.append("hidden-characters")
    return markers


def _plain(message: str) -> str:
    visible = _ZERO_WIDTH.sub("", unicodedata.normalize("NFKC", message))
    return _SPACES.sub(" ", visible).casefold()


def list_texts(content: Any, most_levels: int) -> Iterator[str]:
    """Yield each text of a JSON value: values and names.

    Raises:
        ValueError: The value has more levels of objects and lists.
    """
    level = [content]
    for _ in range(most_levels + 1):
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, str):
                yield value
            elif isinstance(value, dict):
                deeper += value.keys()
                deeper += value.values()
            elif isinstance(value, list):
                deeper += value
        level = deeper
    if level:
        raise ValueError(f"more than {most_levels} levels")

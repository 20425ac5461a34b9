"""The environment variables by which an application learns the address of its model."""

import re
from collections.abc import Iterable

_VARIABLE = re.compile(
    r"\b((?:OPENAI|ANTHROPIC|OLLAMA|LLM|LITELLM|MODEL)_(?:BASE_URL|API_BASE|API_URL|URL|HOST|ENDPOINT))\b"
)


def find_model_variables(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the variables with the address of a model that files mention, in their order."""
    names: dict[str, None] = {}
    for text in texts:
        for match in _VARIABLE.finditer(text):
            names[match[1]] = None
    return tuple(names)

"""Messages from rows of data: one message or conversation per row."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.core.config.prompts import Prompt
from bench.errors import ConfigError

FIELDS = ("message", "prompt", "text", "question", "query", "input", "content")
"""Fields of a row that may contain its message; the first one counts."""
CONVERSATION_FIELDS = ("messages", "conversations")
"""Fields of a row that may contain a conversation: texts, or messages with a role."""
MOST_ROWS = 5_000
"""A run uses at most this number of rows, because its result has numbers of each message."""
_TEXT_FIELDS = ("content", "value", "text")
_ROLE_FIELDS = ("role", "from")
_USERS = frozenset({"user", "human"})
_SYSTEM = "system"


def prompts_of_texts(texts: Sequence[str]) -> tuple[Prompt, ...]:
    """Return one message for each text."""
    return tuple(Prompt(id=f"row-{number}", text=text) for number, text in enumerate(texts, 1))


def prompts_of_rows(rows: Sequence[Mapping[str, Any]], file: str) -> tuple[Prompt, ...]:
    """Return the message, or the conversation, of each row.

    Args:
        rows: The rows.
        file: Their file, for error messages.

    Raises:
        ConfigError: A row has no message; the message names the row and its fields.
    """
    return tuple(_read_row(row, number, file) for number, row in enumerate(rows, 1))


def _read_row(row: Mapping[str, Any], number: int, file: str) -> Prompt:
    by_name = {str(name).strip().lower(): value for name, value in row.items()}
    texts: list[str] = []
    for name in CONVERSATION_FIELDS:
        texts = texts or _read_conversation(by_name.get(name))
    for name in FIELDS:
        value = by_name.get(name)
        if not texts and isinstance(value, str) and value.strip():
            texts = [value]
    if not texts and len(row) == 1:
        texts = [str(value) for value in row.values() if isinstance(value, str) and value.strip()]
    if not texts:
        fields = ", ".join(map(str, row)) or "none"
        raise ConfigError(
            f"{file}: row {number} has no message; its fields: {fields}",
            f"name the field with the message: {', '.join(FIELDS[:3])} or {CONVERSATION_FIELDS[0]}",
        )
    return Prompt(id=f"row-{number}", text=texts[0], then=tuple(texts[1:]))


def _read_conversation(value: Any) -> list[str]:
    """Return the texts of the user, in their order.

    The text of the system goes in front of the first one. Texts of the assistant are left out, because the
    service's own answers take their place.
    """
    system: list[str] = []
    texts: list[str] = []
    for message in value if isinstance(value, list) else ():
        if isinstance(message, str):
            texts.append(message)
        elif isinstance(message, Mapping):
            text = _first_text(message, _TEXT_FIELDS)
            role = _first_text(message, _ROLE_FIELDS).lower()
            if role in _USERS and text:
                texts.append(text)
            elif role == _SYSTEM and text:
                system.append(text)
    if texts and system:
        texts[0] = "\n\n".join([*system, texts[0]])
    return texts


def _first_text(message: Mapping[str, Any], fields: Sequence[str]) -> str:
    for field in fields:
        value = message.get(field)
        if isinstance(value, str) and value:
            return value
    return ""

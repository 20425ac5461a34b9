"""An answer as the cache stores it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from chatstack.chat.events import Done, Event, Piece
from chatstack.parts.facts import free_facts


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """A complete answer. A replay takes none of the times of its generation."""

    pieces: tuple[str, ...]
    """Texts of the pieces, so that a replay is a stream too."""
    tokens: int | None = None
    """Number of generated tokens."""
    prompt_tokens: int | None = None
    """Number of tokens of the prompt."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Facts about the text; a replay costs nothing."""
    tiers: tuple[str, ...] = ()
    """Tiers of the generation, in which a replay spends no time."""

    def events(self) -> Iterator[Event]:
        """Yield the events of a replay."""
        for text in self.pieces:
            yield Piece(text)
        yield Done(self.tokens, self.prompt_tokens, dict.fromkeys(self.tiers, 0.0), self.details)

    @classmethod
    def of(cls, pieces: Sequence[str], done: Done) -> "CachedAnswer":
        """Return the answer with these pieces and this end."""
        tiers = tuple(done.timing)
        return cls(tuple(pieces), done.tokens, done.prompt_tokens, free_facts(done.details), tiers)

    def to_bytes(self) -> bytes:
        """Return the answer as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "CachedAnswer | None":
        """Return an answer from its JSON; `None` if another version or program wrote the content."""
        try:
            fields = json.loads(content)
            texts = {name: tuple(fields[name]) for name in ("pieces", "tiers")}
            answer = cls(**{**fields, **texts})
        except (ValueError, TypeError, KeyError):
            return None
        texts_only = all(isinstance(text, str) for text in (*answer.pieces, *answer.tiers))
        is_valid = texts_only and isinstance(answer.details, dict)
        return answer if is_valid else None

"""The simulated times of a language model: pure and seeded, so that every run does the same work.

A prompt is read at the prefill rate, an answer is written token by token at the decode rate, and concurrent
requests slow each other down.
"""

import hashlib
from dataclasses import dataclass, replace
from random import Random

from bench.mock.texts import CHARACTERS_PER_TOKEN
from chatstack.settings import Settings

_SHORTEST = 24
_LONGEST = 64
_MOST_TOKENS = 1_000_000
_VOCABULARY = (
    "a form field label value page step rule choice table user name email phone address date file list "
    "number text button option check answer section required optional clear short simple add change save "
    "show ask keep"
)
_WORDS = tuple(_VOCABULARY.split())


@dataclass(frozen=True, slots=True)
class Latency:
    """The rates of a simulated model.

    Attributes:
        prefill_tps: Prompt tokens read per second.
        decode_tps: Output tokens written per second by a request that runs alone.
        contention: Slowdown of every token for each further running request: 0.15 is 15 %.
        slowdown: Factor on all times; 1.3 is a regression of 30 %.
        slowdown_ratio: Share of the requests with this factor, 0 to 1.
        slowdown_from: Fewest prompt tokens of these requests.
        slowdown_to: Most prompt tokens of these requests.
        delay_s: Seconds added before the first token.
        seed: Seed of the answers.
    """

    prefill_tps: float = 8_000.0
    decode_tps: float = 120.0
    contention: float = 0.15
    slowdown: float = 1.0
    slowdown_ratio: float = 1.0
    slowdown_from: int = 0
    slowdown_to: int = _MOST_TOKENS
    delay_s: float = 0.0
    seed: int = 1

    @classmethod
    def of(cls, settings: Settings) -> "Latency":
        """Read the rates from the environment."""
        return cls(
            prefill_tps=settings.number("MODEL_PREFILL_TPS", 8_000.0, low=0.001),
            decode_tps=settings.number("MODEL_DECODE_TPS", 120.0, low=0.001),
            contention=settings.number("MODEL_CONTENTION", 0.15),
            slowdown=settings.number("MODEL_SLOWDOWN", 1.0, low=0.001),
            slowdown_ratio=settings.number("MODEL_SLOWDOWN_RATIO", 1.0, high=1.0),
            slowdown_from=settings.count("MODEL_SLOWDOWN_FROM_TOKENS", 0),
            slowdown_to=settings.count("MODEL_SLOWDOWN_TO_TOKENS", _MOST_TOKENS),
            delay_s=settings.number("MODEL_DELAY_MS", 0.0) / 1000.0,
            seed=settings.count("MODEL_SEED", 1),
        )

    @property
    def unslowed(self) -> "Latency":
        """The latency of requests without the slowdown."""
        return replace(self, slowdown=1.0)

    def of_size(self, size: float) -> "Latency":
        """Return the latency of a model that takes this multiple of the time for each token."""
        if size == 1.0:
            return self
        return replace(self, prefill_tps=self.prefill_tps / size, decode_tps=self.decode_tps / size)

    def may_slow(self, prompt_tokens: int) -> bool:
        """Return whether the slowdown applies to prompts of this length."""
        return self.slowdown_from <= prompt_tokens <= self.slowdown_to

    def prefill_s(self, prompt_tokens: int) -> float:
        """Return the seconds to read a prompt."""
        return self.delay_s + self.slowdown * prompt_tokens / self.prefill_tps

    def token_s(self, running: int) -> float:
        """Return the seconds to write one token while `running` requests run, this one included."""
        return self.slowdown * (1.0 + self.contention * (running - 1)) / self.decode_tps

    def answer(self, prompt: str, limit: int | None) -> list[str]:
        """Return the tokens of an answer: the same for the same prompt, at most `limit`."""
        digest = hashlib.sha256(f"{self.seed}:{prompt}".encode(errors="replace")).digest()
        random = Random(digest)
        count = random.randint(_SHORTEST, _LONGEST)
        words = [random.choice(_WORDS) for _ in range(count)]
        tokens = [words[0].capitalize(), *(f" {word}" for word in words[1:-1]), "."]
        return tokens if limit is None else tokens[: max(1, limit)]


def tokenised(text: str) -> list[str]:
    """Split a text into pieces of a token's usual length."""
    return [text[at : at + CHARACTERS_PER_TOKEN] for at in range(0, len(text), CHARACTERS_PER_TOKEN)]

"""Prices of models, and the cost of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from chatstack.chat.events import Done
from chatstack.settings import Settings, SettingsError

_MILLION = 1_000_000
_DIGITS = 12
_EXAMPLE = "MODEL_PRICES=qwen2.5:0.5b=0.05/0.10,qwen2.5:7b=0.30/0.60"


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a model."""

    per_million_input: float
    """Price of a million tokens of prompts."""
    per_million_output: float
    """Price of a million generated tokens."""

    def cost(self, done: Done) -> float | None:
        """Return the cost of an answer; `None` if the model did not report both numbers of tokens."""
        if done.prompt_tokens is None or done.tokens is None:
            return None
        input_cost = done.prompt_tokens * self.per_million_input
        output_cost = done.tokens * self.per_million_output
        return round((input_cost + output_cost) / _MILLION, _DIGITS)


def read_prices(settings: Settings) -> Mapping[str, Price]:
    """Return MODEL_PRICES: the price of each model.

    Raises:
        SettingsError: The table is wrong.
    """
    prices: dict[str, Price] = {}
    for model, text in settings.table("MODEL_PRICES", _EXAMPLE).items():
        try:
            per_input, per_output = map(float, text.split("/"))
        except ValueError:
            raise SettingsError(f"MODEL_PRICES: {model}={text}: write it like {_EXAMPLE}") from None
        if not (0 <= per_input < float("inf") and 0 <= per_output < float("inf")):
            raise SettingsError(f"MODEL_PRICES: {model}={text}: a price must be 0 or more")
        prices[model] = Price(per_input, per_output)
    return prices

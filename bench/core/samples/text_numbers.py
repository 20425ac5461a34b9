"""The numbers that columns have instead of texts: ids of messages, details of failures, and steps."""

from array import array
from collections.abc import Collection, Sequence
from typing import Any

from bench.core.samples.columns import CHOICES, MISSING, NAN, OUTCOME_NUMBERS, column_of_numbers
from bench.core.samples.fields import Field
from bench.core.samples.sample import Outcome
from bench.core.values.escape import hide_texts
from bench.core.values.limited_names import LimitedNames

MORE_DETAILS = "(too many different details; the others are not kept)"
"""Detail of the failures with an outcome for which many other details are kept."""


class TextNumbers:
    """Gives each text of requests a number.

    Args:
        secrets: Texts that hidden details must not contain.

    Attributes:
        prompts: The number of each message's id.
        details: The number of each detail.
        steps: The number of each step of a journey.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = secrets
        self.prompts: dict[str, int] = {}
        self.details: dict[str | None, int] = {None: 0}
        self.steps: dict[str | None, int] = {None: 0}
        self._names_of_details: dict[int, LimitedNames] = {}

    def convert(self, declared: Field, values: Sequence[Any]) -> "array[Any]":
        """Return the column of a field's values."""
        code = declared.code or ""
        first = values[0]
        if values.count(first) == len(values):  # most columns of a batch have one value
            return array(code, [self._number(declared, first)]) * len(values)
        if declared.type in {int, float, bool}:
            return column_of_numbers(code, values, NAN if declared.type is float else MISSING)
        numbers = {value: self._number(declared, value) for value in dict.fromkeys(values)}
        return array(code, map(numbers.__getitem__, values))

    def _number(self, declared: Field, value: Any) -> Any:
        """Return the number that is stored for a value."""
        match declared.name:
            case "prompt":
                return self.prompt_number(value)
            case "detail":
                return self.details.setdefault(value, len(self.details))
            case "step":
                return self.step_number(value)
            case "outcome" | "culprit":
                return CHOICES[declared.name][value]
            case _:
                missing = NAN if declared.type is float else MISSING
                return missing if value is None else declared.type(value)

    def prompt_number(self, prompt: str) -> int:
        """Return the number of a message's id."""
        return self.prompts.setdefault(prompt, len(self.prompts))

    def hidden_number(self, detail: str | None, outcome: int) -> int:
        """Return the number of a detail, without secrets, of a request with an outcome of this number."""
        if detail is not None:
            detail = self._keep_detail(hide_texts(detail, self._secrets), outcome)
        return self.details.setdefault(detail, len(self.details))

    def step_number(self, step: str | None) -> int:
        """Return the number of a step."""
        return self.steps.setdefault(step, len(self.steps))

    def limit_details(
        self, details: Sequence[str | None], outcomes: Sequence[Outcome]
    ) -> Sequence[str | None]:
        """Return details without those beyond the limit of their outcome: each outcome keeps some."""
        if details.count(None) == len(details):
            return details
        kept: list[str | None] = []
        for detail, outcome in zip(details, outcomes, strict=True):
            number = OUTCOME_NUMBERS[outcome]
            kept.append(None if detail is None else self._keep_detail(detail, number))
        return kept

    def _keep_detail(self, detail: str, outcome: int) -> str:
        names = self._names_of_details.get(outcome)
        if names is None:
            names = self._names_of_details[outcome] = LimitedNames(other=MORE_DETAILS)
        return names.keep(detail)

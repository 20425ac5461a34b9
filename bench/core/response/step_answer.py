"""The answer to a request of a journey: its checks, the values that it saves, and the end of a login."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.core.config.step_request import SavedValue, StepCheck
from bench.core.response.expectation import quote, unmet_comparison
from bench.core.response.failure import STATUS_OUTCOMES, Failure, is_success
from bench.core.response.json_text import parse_json
from bench.core.response.paths import value_at
from bench.core.response.server_words import find_head_words, find_words
from bench.core.samples.sample import Outcome

_HIDDEN = "…"
_SHORTEST_SECRET = 4  # a shorter text occurs in words by chance
_JWT_PARTS = 3


@dataclass(slots=True)
class StepAnswer:
    """A complete answer to a request of a step."""

    status: int
    """HTTP status."""
    header: Callable[[str], str | None]
    """Returns the first header of a lower-case name."""
    cookie: Callable[[str], str | None]
    """Returns the value of a cookie of the user."""
    body: bytes = b""
    """Body of the answer."""
    took_ms: float = 0.0
    """Response time."""
    values: Mapping[str, Any] | None = None
    """Values at paths, if a reader of messages has found them; `None` to read the body."""
    text: str | None = None
    """Text of a message's answer; `None` to read the body."""
    _document: Any = None
    _is_parsed: bool = False

    def at(self, path: str) -> Any:
        """Return the value at a dotted path; `None` without one, and if the body is no JSON."""
        if self.values is not None:
            return self.values.get(path)
        if not self._is_parsed:
            self._is_parsed = True
            try:
                self._document = parse_json(self.body)
            except ValueError:
                self._document = None
        return value_at(self._document, path)

    @property
    def words(self) -> str:
        """The text of the answer."""
        return self.body.decode(errors="replace") if self.text is None else self.text

    def find_saved(self, place: SavedValue) -> Any:
        """Return the value at a place; `None` if the answer has none there."""
        if place.path is not None:
            return self.at(place.path)
        if place.header is not None:
            return self.header(place.header.lower())
        if place.cookie is not None:
            return self.cookie(place.cookie)
        match = re.search(place.regex or "", self.words)
        return None if match is None else match[1 if match.re.groups else 0]


def check_step(answer: StepAnswer, checks: Sequence[StepCheck], *, is_secret: bool = False) -> Failure | None:
    """Return why an answer is not the expected one; `None` if it is.

    Args:
        answer: The answer.
        checks: The checks of the step; a status of success is expected unless one names another.
        is_secret: Whether the answer holds secrets, so that its values must not be quoted.
    """
    statuses = [check.status for check in checks if check.status is not None]
    refusal = _check_status(answer, statuses)
    if refusal is not None:
        return refusal
    for check in checks:
        unmet = _check_body(answer, check, is_secret=is_secret) or _check_time(answer, check)
        if unmet is not None:
            return Outcome.WRONG_CONTENT, unmet
    return None


def save_values(
    answer: StepAnswer, places: Mapping[str, SavedValue], step: str
) -> tuple[dict[str, Any], Failure | None]:
    """Return the saved values of an answer, and why it failed if it lacks one.

    Args:
        answer: The answer.
        places: Place of each value, by its name.
        step: Name of the step, for the words of a failure.
    """
    saved: dict[str, Any] = {}
    for name, place in places.items():
        value = answer.find_saved(place)
        if value is None:
            words = f"the answer of step {step} has no value at {place.words}"
            return saved, (Outcome.WRONG_CONTENT, words)
        saved[name] = value
    return saved, None


def expiry_of_token(token: Any) -> float | None:
    """Return when a token expires, in seconds since 1970; `None` if it is no JWT, or never expires."""
    parts = str(token).split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    expiry = claims.get("exp") if isinstance(claims, dict) else None
    return float(expiry) if isinstance(expiry, int | float) and not isinstance(expiry, bool) else None


def read_seconds(value: Any) -> float | None:
    """Return a number of seconds that an answer states, also as a text; `None` if it is no such number."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if 0 < seconds < float("inf") else None


def hide(text: str, secrets: Sequence[str]) -> str:
    """Return a text in which `…` replaces secrets, such as a password that a server repeats."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _HIDDEN)
    return text


def _check_status(answer: StepAnswer, expected: Sequence[int | tuple[int, ...]]) -> Failure | None:
    accepted: set[int] = set()
    for status in expected:
        accepted |= {status} if isinstance(status, int) else {*status}
    if answer.status in accepted or (not accepted and is_success(answer.status)):
        return None
    outcome = STATUS_OUTCOMES.get(answer.status, Outcome.HTTP_ERROR)
    if is_success(answer.status):
        wanted = " or ".join(map(str, sorted(accepted)))
        return Outcome.WRONG_CONTENT, f"the status is {answer.status}, expected {wanted}"
    head_words = find_head_words(answer.header("location"), answer.header("www-authenticate"))
    words = find_words(answer.body, answer.header("content-type"))
    return outcome, ": ".join(filter(None, (head_words, words)))


def _check_body(answer: StepAnswer, check: StepCheck, *, is_secret: bool) -> str | None:
    body = "" if is_secret else f"; its body is {quote(answer.words)}"
    if check.contains is not None and check.contains not in answer.words:
        return f"the answer does not contain {quote(check.contains)}{body}"
    if check.json_path is not None:
        return _check_value(answer.at(check.json_path), check, is_secret=is_secret)
    if check.matches is not None and re.search(check.matches, answer.words) is None:
        return f"the answer does not match {quote(check.matches)}{body}"
    return None


def _check_value(value: Any, check: StepCheck, *, is_secret: bool) -> str | None:
    shown = "missing" if value is None else ("another value" if is_secret else quote(value))
    wanted = unmet_comparison(value, check)
    return None if wanted is None else f"`{check.json_path}` is {shown}, expected {wanted}"


def _check_time(answer: StepAnswer, check: StepCheck) -> str | None:
    if check.max_ms is None or answer.took_ms <= check.max_ms:
        return None
    return f"the response took {answer.took_ms:.0f} ms, expected at most {check.max_ms:g} ms"

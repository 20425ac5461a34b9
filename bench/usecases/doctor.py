"""Explain how a service answers one request, and which target reads the answer."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.core.config.choices import model_variables
from bench.core.config.placeholders import MODEL
from bench.core.config.target import Target
from bench.core.response.explanation import Explanation, explain
from bench.core.response.failure import is_success
from bench.core.response.paths import value_at
from bench.errors import BenchError, ConfigError
from bench.measure.http.route import Route, direct_route
from bench.measure.load.endpoint import check_url
from bench.measure.load.record_answer import one_request, record_answer
from bench.measure.run.conditions import Listener
from bench.measure.stacks.running_stack import placeholder_values
from bench.measure.users.auth import jwt_secret, mint, require_users
from bench.measure.users.provisioning import provision_users
from bench.store import scenarios, stacks
from bench.usecases.options import QUIET

MESSAGE = "Say hello in five words."
TIMEOUT_S = 60.0
_NOT_FOUND = {404, 405, 501}
_KEY_VARIABLE = "OPENAI_API_KEY"
_MODELS_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How a service answers, by the target that reads its answer best."""

    explanation: Explanation
    """The answer, and what the target reads of it."""
    refused: Mapping[str, str]
    """Why the other ready-made targets do not fit, by their names; empty if a target was given."""
    is_given: bool
    """Whether the target was given."""


def doctor(
    url: str,
    *,
    target: str | Path | None = None,
    model: str | None = None,
    message: str = MESSAGE,
    timeout_s: float = TIMEOUT_S,
    ca: Path | None = None,
    listener: Listener = QUIET,
) -> Diagnosis:
    """Send one request and explain its answer part by part.

    Args:
        url: Address of the service.
        target: Name or file of a target; `None` to try the ready-made targets until one reads the answer.
        model: Name of the model; `None` for the variable MODEL, or one that the server lists.
        message: The message.
        timeout_s: Longest time for the answer.
        ca: PEM file with certificates that are trusted as well as those of the system.
        listener: Receives warnings.

    Raises:
        ConfigError: The address, the target or an environment variable is wrong.
    """
    check_url(url)
    route = direct_route(ca)
    environ = {**os.environ, **model_variables(model)}
    if target is not None:
        given = scenarios.load_target(str(target), model_variables(model))
        with _token(given, listener) as token:
            answer = record_answer(one_request(given, url, message, environ, route), token, timeout_s)
        return Diagnosis(explain(given, answer), {}, is_given=True)
    if not environ.get(MODEL):
        environ |= model_variables(_find_model(url, environ, route))
    return _try_targets(url, message, environ, timeout_s, route)


def _try_targets(
    url: str, message: str, environ: Mapping[str, str], timeout_s: float, route: Route
) -> Diagnosis:
    """Return the first target that reads the answer, else the one whose answer is nearest to it."""
    best: Explanation | None = None
    refused: dict[str, str] = {}
    for candidate in _list_candidates():
        endpoint = one_request(candidate, url, message, environ, route)
        answer = record_answer(endpoint, None, timeout_s)
        explanation = explain(candidate, answer)
        if explanation.is_complete or not answer.status:
            return Diagnosis(explanation, refused, is_given=False)
        assert explanation.failure is not None  # noqa: S101 - it is incomplete
        is_other_form = is_success(answer.status)
        reason = "the answer has another form" if is_other_form else f"{answer.status} for {candidate.path}"
        refused[candidate.name] = reason
        if best is None or _rank(explanation) > _rank(best):
            best = explanation
    if best is None:
        raise ConfigError("there is no ready-made target without a test user", "name a target: --target NAME")
    del refused[best.target.name]
    return Diagnosis(best, refused, is_given=False)


def _find_model(url: str, environ: Mapping[str, str], route: Route) -> str | None:
    """Return the name of the first model that a server with OpenAI's API lists; `None` without a list."""
    headers = {"authorization": f"Bearer {environ.get(_KEY_VARIABLE) or 'none'}"}
    with suppress(httpx.HTTPError, ValueError):
        address = url.rstrip("/") + "/v1/models"
        with route.blocking_client([address], headers, _MODELS_TIMEOUT_S) as client:
            name = value_at(client.get(address).json(), "data.0.id")
        if isinstance(name, str) and name:
            return name
    return None


def _rank(explanation: Explanation) -> tuple[int, bool]:
    """Return how much of an answer is read; a refusal of the request is nearer than a missing path."""
    return explanation.read_count, explanation.answer.status not in _NOT_FOUND


def _list_candidates() -> list[Target]:
    """Return the targets that need no test user, one of each path and form."""
    candidates: dict[tuple[str, str], Target] = {}
    targets = [scenarios.load_target(name) for name in scenarios.list_targets()]
    for candidate in sorted(targets, key=_order):
        if candidate.auth == "none":
            candidates.setdefault((candidate.path, candidate.forms[0].kind), candidate)
    return [*candidates.values()]


def _order(target: Target) -> tuple[bool, bool, bool]:
    """Put model servers before agents, chats before prompts, and OpenAI's API first."""
    return target.service != "model", "chat" not in target.name, not target.path.startswith("/v1")


@contextmanager
def _token(target: Target, listener: Listener) -> Iterator[str | None]:
    """Provide the token of a test user that exists during the block; `None` if the target needs none."""
    if target.auth == "none":
        yield None
        return
    stack = stacks.load("external")
    secret = jwt_secret(os.environ, generate=False)
    run_id = f"doctor-{secrets.token_hex(3)}"
    try:
        provided = provision_users(stack, placeholder_values(secret), 1, run_id, listener.warning)
        with provided as (account,):
            yield mint(account, require_users(stack), secret)
    except BenchError as error:
        raise type(error)(f"target '{target.name}' needs a test user: {error.message}", error.hint) from error

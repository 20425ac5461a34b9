"""Recognise the interface of a service: its request by the path, and its answer by the content."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bench.core.config.target import Answer, Target
from bench.core.response.draft import draft_answer, split_body
from bench.core.response.explanation import Explanation, RecordedAnswer
from bench.core.response.failure import is_success
from bench.core.response.paths import value_at
from bench.core.values import wording

SERVICE = "model"
"""Service that an address stands for."""
PLAIN = "plain-json"
"""Name of a target for an interface that no ready-made target describes."""
DEFAULT_MODEL = "default"
"""Name of the model if the service lists none: many servers accept any name."""
_OPENAI_LIST = "/v1/models"
_OLLAMA_LIST = "/api/tags"
MODEL_LISTS = (_OPENAI_LIST, _OLLAMA_LIST)
"""Paths that list the models of a service."""
_CHATS = {_OPENAI_LIST: "/v1/chat/completions", _OLLAMA_LIST: "/api/chat"}
"""The chat of a service, by the path that lists its models."""
_PLAIN_FIELDS = ("message", "prompt", "question", "query", "input", "text", "content")
"""Fields that contain the message in the requests of common chat backends, the most common first."""
_NO_CHAT = ("embed", "rerank", "whisper", "tts", "moderation", "dall-e")
"""Parts of the names of models that do not chat."""
NO_ACCESS = frozenset({401, 403})
"""Statuses of a service that needs a key, or another one."""
TOO_MANY_REQUESTS = 429
TEMPORARY = frozenset({TOO_MANY_REQUESTS, 502, 503, 504})
"""Statuses of a service that may answer the same request a moment later."""
_OTHER_REQUEST = frozenset({400, 404, 405, 415, 422, 500, 501})
"""Statuses of a service that may accept another request."""
_NO_PATH = frozenset({404, 405, 501})
_OPTIONAL = ("stream_options", "temperature", "options")
_MISSING = frozenset({"missing", "value_error.missing"})
"""Types of FastAPI's errors of a missing field, by version of Pydantic."""
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def choose_by_path(targets: Iterable[Target], path: str) -> Target | None:
    """Return the ready-made target whose path is the end of an address's path; None if there is none."""
    without_query = path.partition("?")[0]
    fitting = [target for target in targets if without_query.endswith(target.path)]
    return max(fitting, key=lambda target: len(target.path), default=None)


def order_chats(targets: Iterable[Target], model_list: str | None) -> list[Target]:
    """Return the chats among the ready-made targets: the one of a service with this list of models first."""
    chats = [target for target in targets if "chat" in target.name]
    return sorted(chats, key=lambda target: (target.path != _CHATS.get(model_list or ""), target.name))


def list_ready_made(targets: Iterable[Target]) -> list[Target]:
    """Return the targets of model servers that need no test user, one of each path, streams first."""
    by_path: dict[str, Target] = {}
    for target in targets:
        if target.auth == "none" and target.service == SERVICE:
            other = by_path.get(target.path)
            if other is None or not _asks_stream(other):
                by_path[target.path] = target
    return [*by_path.values()]


def _asks_stream(target: Target) -> bool:
    return target.body.get("stream") is not False


def vary_request(target: Target) -> Iterator[Target]:
    """Yield a target, and then variants of its request that more servers accept.

    They lack optional fields, use the newer name of a field, or do not ask for a stream.
    """
    yield target
    body = {key: value for key, value in target.body.items() if key not in _OPTIONAL}
    yield target.model_copy(update={"body": body})
    if "max_tokens" in body:
        newer = {key: value for key, value in body.items() if key != "max_tokens"}
        newer["max_completion_tokens"] = body["max_tokens"]
        yield target.model_copy(update={"body": newer})
    if "stream" in body:
        unstreamed = {key: value for key, value in body.items() if key != "stream"}
        yield target.model_copy(update={"body": unstreamed})


def plain_target(body: Mapping[str, Any], path: str) -> Target:
    """Return a target with this request, whose answer is not known yet."""
    return Target.model_validate(
        {
            "name": PLAIN,
            "service": SERVICE,
            "path": path or "/",
            "body": body,
            "answer": {"kind": "json", "text": "message"},
        }
    )


def list_plain_bodies() -> list[dict[str, Any]]:
    """Return the requests of common chat backends, the most common first."""
    bodies: list[dict[str, Any]] = []
    for field in _PLAIN_FIELDS:
        bodies.append({field: "${message}"})
    chat = {"model": DEFAULT_MODEL, "messages": "${conversation}", "stream": True}
    return [bodies[0], chat, *bodies[1:]]


def find_missing_field(body: bytes) -> str | None:
    """Return the field that a validation error of FastAPI names as missing; None if it names none."""
    try:
        problems = value_at(json.loads(body), "detail")
    except ValueError:
        return None
    missing = []
    for problem in problems if isinstance(problems, list) else ():
        place = value_at(problem, "loc")
        if value_at(problem, "type") in _MISSING and isinstance(place, list) and place:
            missing.append(place[-1])
    return missing[0] if len(missing) == 1 and isinstance(missing[0], str) else None


def list_models(document: Any) -> list[str]:
    """Return the names in a list of models, of OpenAI's API or Ollama's; models that chat come first."""
    names: list[str] = []
    for rows, field in (("data", "id"), ("models", "name")):
        models = value_at(document, rows)
        for model in models if isinstance(models, list) else ():
            name = value_at(model, field)
            if isinstance(name, str) and name:
                names.append(name)
    return sorted(names, key=lambda name: any(part in name.lower() for part in _NO_CHAT))


def may_accept_another(answer: RecordedAnswer) -> bool:
    """Return whether a service that refused a request, or whose answer cannot be read, may accept another."""
    is_other_answer = is_success(answer.status) and answer.broken is None
    return answer.status in _OTHER_REQUEST or is_other_answer


def is_nearer(explanation: Explanation, other: Explanation) -> bool:
    """Return whether more of an answer is read than of another one; a refusal with words is near, too."""
    return _rank(explanation) > _rank(other)


def _rank(explanation: Explanation) -> tuple[int, bool, bool]:
    status = explanation.answer.status
    return explanation.read_count, status not in _NO_PATH, is_success(status)


def fit_answer(answer: RecordedAnswer, text: str | None = None) -> Answer | None:
    """Return a declaration that reads an answer; None if it has no text.

    Args:
        answer: The answer to one request.
        text: Path of the text; None to look for it.
    """
    if not is_success(answer.status) or answer.broken is not None:
        return None
    declaration = draft_answer(answer.body)
    if text is not None:
        kind = split_body(answer.body)[0]
        marks = {} if kind == "json" else {"done_with_body": True}
        declaration = {**(declaration or {"kind": kind, **marks}), "text": text}
    if declaration is None:
        return None
    try:
        return _ANSWER.validate_python(declaration)
    except ValidationError:
        return None


def describe_interface(target: Target) -> str:
    """Return how the messages are sent and the answers are read, for people."""
    forms = {
        "json": "one JSON document",
        "sse": "streamed events",
        "ndjson": "streamed lines",
        "websocket": "messages on a WebSocket",
    }
    is_stream = target.body.get("stream") is True
    answer = target.forms[0 if is_stream else -1]
    form = forms[answer.kind]
    if target.name == PLAIN:
        request = json.dumps(target.body, ensure_ascii=False)
        parts = [f"request {request}", f"answer as {form} with its text at {_describe_text(answer)}"]
    else:
        parts = [f"target {target.name}", f"answer as {form}"]
    if isinstance(target.body.get("model"), str):
        parts.append(f"model {target.body['model']}")
    limit = _token_limit(target.body)
    if limit is not None:
        parts.append(f"at most {limit} tokens")
    return ", ".join(parts)


def _describe_text(answer: Answer) -> str:
    places = answer.text_places.get("content", ())
    return wording.choice([place for place in places if isinstance(place, str)]) or "no path"


def _token_limit(body: Mapping[str, Any]) -> int | None:
    options = body.get("options")
    limits = [body.get("max_tokens"), body.get("max_completion_tokens")]
    if isinstance(options, Mapping):
        limits.append(options.get("num_predict"))
    return next((limit for limit in limits if isinstance(limit, int)), None)

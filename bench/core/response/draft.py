"""Draft the declaration of an answer from its bytes, by the places that common APIs use."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.core.config.target import Answer, WebSocketAnswer
from bench.core.response.paths import as_paths, value_at
from bench.core.response.rules import ignore_rules
from bench.core.response.server_words import BodyForm, guess_form
from bench.core.response.stream import NdjsonDecoder, SseDecoder, StreamError
from bench.core.response.unread import is_output

Draft = dict[str, Any]
"""The section `answer` of a target file."""

# Places of OpenAI's APIs, Ollama, llama.cpp, TGI, Anthropic, Gemini and Cohere.
_TEXTS: Mapping[str, Sequence[str]] = {
    "content": (
        "choices.0.delta.content", "choices.0.message.content", "choices.0.text", "message.content",
        "response",
        "content", "token.text", "generated_text", "0.generated_text", "delta.text", "content.0.text",
        "candidates.0.content.parts", "output_text", "text", "data.message", "message", "answer", "delta",
    ),
    "reasoning": (
        "choices.0.delta.reasoning_content", "choices.0.delta.reasoning",
        "choices.0.message.reasoning_content",
        "choices.0.message.reasoning", "message.thinking", "thinking", "delta.thinking",
    ),
    "refusal": ("choices.0.delta.refusal", "choices.0.message.refusal"),
    "tool_call": (
        "choices.0.delta.tool_calls", "choices.0.delta.function_call", "choices.0.message.tool_calls",
        "message.tool_calls",
    ),
    "audio": ("choices.0.delta.audio.transcript", "choices.0.message.audio.transcript"),
}  # fmt: skip
_REASONS = (
    "choices.0.finish_reason",
    "done_reason",
    "candidates.0.finishReason",
    "delta.stop_reason",
    "stop_reason",
)
_DONE = (
    "choices.0.finish_reason",
    "done",
    "stop",
    "candidates.0.finishReason",
    "delta.stop_reason",
    "finished",
)
_TOKENS = (
    "usage.completion_tokens", "usage.output_tokens", "eval_count", "tokens_predicted",
    "usageMetadata.candidatesTokenCount", "details.generated_tokens", "tokens",
)  # fmt: skip
_REASONING_TOKENS = (
    "usage.completion_tokens_details.reasoning_tokens", "usage.output_tokens_details.reasoning_tokens",
)  # fmt: skip
_DONE_EVENTS = ("done", "end", "complete", "completed", "message_stop", "response.completed", "finish")
_DEEPEST = 5
_MARK = re.compile(rb"[ -~]{1,40}")
_NO_KEY = re.compile(r"[.\s]")  # a dotted path cannot name it


def draft_answer(body: bytes) -> Draft | None:
    """Return a declaration that reads a body; `None` if it is neither events nor JSON, or has no text."""
    kind, events = split_body(body)
    if kind is None:
        return None
    documents = [document for document in map(_parse, (data for _, data in events)) if document is not None]
    texts = _draft_texts(documents)
    if not texts:
        return None
    only_content = texts["content"] if [*texts] == ["content"] else None
    draft: Draft = {"kind": kind, "text": only_content or texts}
    if kind != "json":
        draft |= _draft_marks(events, documents)
    places = {
        "finish_reason": _first(documents, _REASONS, _is_text),
        "tokens": _first(documents, _TOKENS, _is_count),
        "reasoning_tokens": _first(documents, _REASONING_TOKENS, _is_count),
    }
    return draft | {name: path for name, path in places.items() if path is not None}


def list_missing(answer: Answer, draft: Draft) -> Draft:
    """Return the parts of a draft that a declaration lacks."""
    if isinstance(answer, WebSocketAnswer):  # its recorded messages are lines, and never one document
        draft = {name: value for name, value in draft.items() if name != "done_with_body"}
    elif draft["kind"] != answer.kind:
        return draft
    missing: Draft = {}
    answer = ignore_rules(answer)
    drafted = {"content": draft["text"]} if isinstance(draft["text"], str) else draft["text"]
    texts = {str(kind): as_paths(places) for kind, places in answer.text_places.items()}
    for kind, path in drafted.items():
        if path not in texts.get(kind, ()):
            texts[kind] = (*texts.get(kind, ()), path)
            missing["text"] = {kind: _shorten(paths) for kind, paths in texts.items()}
    for name, value in draft.items():
        declared = getattr(answer, name, None)
        if name not in {"kind", "text"} and value != declared and value not in as_paths(declared):
            missing[name] = value
    is_marked = any(name.startswith("done") for name in missing) and answer.kind != "json"
    if is_marked and any(name.startswith("done") for name in draft.keys() - missing.keys()):
        missing = {name: value for name, value in missing.items() if not name.startswith("done")}
    return missing


def split_body(body: bytes) -> tuple[str | None, Sequence[tuple[str | None, bytes]]]:
    """Return the kind of a body, and its events: the name and the data of each. `None` for another kind."""
    form = guess_form(body)
    if form is BodyForm.EVENTS:
        return "sse", _decode(SseDecoder(), body)
    if form is not BodyForm.JSON:
        return None, ()
    if _parse(body) is not None:
        return "json", [(None, body)]
    lines = _decode(NdjsonDecoder(), body)
    is_lines = bool(lines) and _parse(lines[0][1]) is not None
    return ("ndjson", lines) if is_lines else (None, ())


def _decode(decoder: SseDecoder | NdjsonDecoder, body: bytes) -> list[tuple[str | None, bytes]]:
    pairs = []
    try:
        for events in (decoder.feed([body], [0.0]), decoder.end(0.0)):
            pairs += [*zip(events.names, events.data, strict=False)]
    except StreamError as error:
        pairs += [*zip(error.events.names, error.events.data, strict=False)]
    return pairs


def _parse(content: bytes) -> Any:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _draft_texts(documents: Sequence[Any]) -> dict[str, str]:
    """Return the place of each kind of text: of a common API, or else the place with the longest text."""
    texts = {}
    for kind, paths in _TEXTS.items():
        path = _first(documents, paths, _is_output)
        if path is not None:
            texts[kind] = path
    if "content" in texts or "tool_call" in texts or "refusal" in texts:
        return texts
    lengths: dict[str, int] = {}
    for document in documents:
        for path, text in _list_texts(document):
            lengths[path] = lengths.get(path, 0) + len(text)
    for path in texts.values():
        lengths.pop(path, None)
    if lengths:
        texts = {"content": max(lengths, key=lengths.__getitem__), **texts}
    return texts


def _list_texts(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the texts of a document that may be output of a model, with their paths."""
    if depth > _DEEPEST:
        return
    entries = (
        enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    )
    for key, child in entries:
        child_path = f"{path}.{key}" if path else str(key)
        if _NO_KEY.search(str(key)) or not str(key):
            continue
        if isinstance(child, str) and is_output(str(key), child):
            yield child_path, child
        elif isinstance(child, dict | list):
            yield from _list_texts(child, child_path, depth + 1)


def _draft_marks(events: Sequence[tuple[str | None, bytes]], documents: Sequence[Any]) -> Draft:
    """Return the marks that end a stream; the end of its body if it has no other."""
    marks: Draft = {}
    name, data = events[-1] if events else (None, b"")
    if name is not None and name in _DONE_EVENTS:
        marks["done_event"] = name
    elif _parse(data) is None and _MARK.fullmatch(data.strip()):
        marks["done_data"] = data.decode(errors="replace").strip()
    done = _first(documents[-3:], _DONE, _is_end)
    if done is not None:
        marks["done"] = done
    return marks or {"done_with_body": True}


def _first(documents: Sequence[Any], paths: Sequence[str], is_right: Any) -> str | None:
    """Return the first path at which a document has a right value."""
    for path in paths:
        for document in documents:
            if is_right(value_at(document, path)):
                return path
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_output(value: Any) -> bool:
    return _is_text(value) or (isinstance(value, list | dict) and bool(value))


def _is_end(value: Any) -> bool:
    return value is True or _is_text(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _shorten(paths: Sequence[str]) -> str | list[str]:
    return paths[0] if len(paths) == 1 else [*paths]

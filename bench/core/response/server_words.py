"""The server's own words: in the error of a document, and in the body of a refused request."""

import html
import json
import re
from contextlib import suppress
from enum import StrEnum
from itertools import chain, islice
from typing import Any

_LONGEST_WORDS = 500
_LARGEST_PAGE = 16_384  # characters of a page of HTML in which words are looked for
_MOST_ITEMS = 3
_DEEPEST = 5
_MOST_VALUES = 1000  # that are looked at to find whether there is an error
_BOM = b"\xef\xbb\xbf"
# Fields that explain an error, the most telling first: of OpenAI, Ollama, FastAPI, OAuth, AWS, and RFC 9457.
_EXPLAINING = (
    "message", "error_description", "error_message", "errormessage", "detail", "msg", "error", "errors",
    "reason", "title", "description", "details", "text",
)  # fmt: skip
_SSE_LINE = re.compile(rb"(data|event|id|retry)?:")
_SILENT_TAG = re.compile(r"<!--.*?(-->|$)|<(script|style|head)\b.*?(</\2\s*>|$)", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^>]*>(.*?)(</title|$)", re.DOTALL | re.IGNORECASE)
_LONGEST_META = 1024  # a page names its encoding in its first bytes
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w-]+)", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*(>|$)")


class BodyForm(StrEnum):
    """The form that a body has, whatever its header states."""

    EMPTY = "an empty body"
    JSON = "a JSON document"
    EVENTS = "an event stream"
    MARKUP = "a page of HTML"
    TEXT = "plain text"


def guess_form(body: bytes) -> BodyForm:
    """Return the form of a body, from its first characters."""
    content = body.removeprefix(_BOM).lstrip()
    if not content:
        return BodyForm.EMPTY
    if content[:1] in {b"{", b"["}:
        return BodyForm.JSON
    if content[:1] == b"<":
        return BodyForm.MARKUP
    return BodyForm.EVENTS if _SSE_LINE.match(content) else BodyForm.TEXT


def find_words(body: bytes, content_type: str | None = None) -> str:
    """Return the words with which a server explains a refusal, in JSON, HTML or plain text.

    Args:
        body: The body of the response, or its beginning.
        content_type: Its header `Content-Type`, which may name the encoding of its characters.
    """
    form = guess_form(body)
    text = _decode(body.removeprefix(_BOM), content_type or "").strip()
    if form is BodyForm.MARKUP:
        text = _strip_tags(text[:_LARGEST_PAGE]) or text
    if form is BodyForm.JSON:
        with suppress(ValueError, RecursionError):  # a body that is cut is shown as it is
            text = explain(json.loads(text)) or text
    return text[:_LONGEST_WORDS]


def explain(value: Any) -> str:
    """Return the words of an error in a document. Without any words, return the error itself as JSON."""
    words = _find_words(value, _DEEPEST)
    if not words and not is_empty(value):
        try:
            words = json.dumps(value, ensure_ascii=False)
        except RecursionError:
            words = "a deeply nested value"
    return words[:_LONGEST_WORDS]


def is_empty(value: Any) -> bool:
    """Return whether a value reports nothing: null, false, 0, a blank text, or a container of such values.

    A container of very many values, or of deep ones, reports something.
    """
    values = [value]
    for _ in range(_DEEPEST + 1):
        containers: list[Any] = []
        for item in values:
            if isinstance(item, dict | list):
                containers.append(item.values() if isinstance(item, dict) else item)
            elif item.strip() if isinstance(item, str) else item:
                return False
        if not containers:
            return True
        if sum(map(len, containers)) > _MOST_VALUES:
            return False
        values = [*chain.from_iterable(containers)]
    return False


def _decode(body: bytes, content_type: str) -> str:
    beginning = body[:_LONGEST_META].decode("latin-1") if guess_form(body) is BodyForm.MARKUP else ""
    charset = _CHARSET.search(content_type) or _CHARSET.search(beginning)
    with suppress(LookupError, ValueError):  # an unknown encoding
        return body.decode(charset.group(1) if charset else "utf-8", errors="replace")
    return body.decode(errors="replace")


def _find_words(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return value.strip()
    if depth == 0:
        return ""
    if isinstance(value, list):
        items = [_find_words(item, depth - 1) for item in value[:_MOST_ITEMS]]
        return "; ".join(filter(None, items))
    return _find_words_of_fields(value, depth - 1) if isinstance(value, dict) else ""


def _find_words_of_fields(fields: dict[str, Any], depth: int) -> str:
    """Return the words of the most telling field, with its place in the request and the single errors."""
    named = {name.lower(): value for name, value in islice(fields.items(), _MOST_VALUES)}
    words = ""
    for name in _EXPLAINING:
        words = _find_words(named.get(name), depth)
        if words:
            break
    place = named.get("loc")  # FastAPI's name for the field of the request that is wrong
    if words and isinstance(place, list):
        words = f"{'.'.join(map(str, place))}: {words}"
    single = _find_single_errors(named.get("errors"), depth)
    return f"{words}: {single}" if words and single and single != words else words


def _find_single_errors(errors: Any, depth: int) -> str:
    """Return the words of single errors: of a list, or of each field by its name."""
    words = _find_words(errors, depth)
    if words or not isinstance(errors, dict):
        return words
    of_fields = ((name, _find_words(value, depth)) for name, value in [*errors.items()][:_MOST_ITEMS])
    return "; ".join(f"{name}: {text}" for name, text in of_fields if text)


def find_head_words(location: str | None, challenge: str | None) -> str:
    """Return the words of a refusal in its headers; empty without any.

    Args:
        location: The header `Location` of a redirection, which is not followed.
        challenge: The header `WWW-Authenticate`.
    """
    return f"redirects to {location}" if location else challenge or ""


def _strip_tags(text: str) -> str:
    """Return the title and the text of a page of HTML; the title only if the text does not contain it."""
    body = _visible_text(_SILENT_TAG.sub(" ", text))
    match = _TITLE.search(text)
    title = _visible_text(match.group(1)) if match else ""
    if title.lower() in body.lower():
        return body
    return f"{title}: {body}" if body else title


def _visible_text(markup: str) -> str:
    """Return the pieces of text between tags, each once."""
    pieces = [" ".join(html.unescape(piece).split()) for piece in _TAG.sub("\0", markup).split("\0")]
    return " ".join(dict.fromkeys(filter(None, pieces)))

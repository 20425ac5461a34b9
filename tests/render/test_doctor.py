import json
from collections.abc import Sequence
from typing import Any

import pytest

from bench.core.response.explanation import BodyPart, RecordedAnswer, explain
from bench.core.samples.sample import Outcome
from bench.render.doctor import diagnosis_text
from tests.factories import make_target

ANSWER = {"kind": "sse", "text": {"content": "text", "reasoning": "thought"}, "done_data": "[DONE]"}


def _text(parts: Sequence[str], answer: Any = None, **fields: Any) -> str:
    """Return the explanation of an answer whose parts came a second apart."""
    values: dict[str, Any] = {"url": "http://x/ask", "version": "1.1", "connect_s": 0.5, "status": 200}
    body = [BodyPart(part.encode(), float(number)) for number, part in enumerate(parts, 1)]
    recorded = RecordedAnswer(parts=body, ended_s=9.0, **values | fields)
    target = make_target(answer={**ANSWER, **(answer or {})})
    return diagnosis_text(explain(target, recorded), {}, is_given=True)


def _events(*documents: Any) -> list[str]:
    texts = [document if isinstance(document, str) else json.dumps(document) for document in documents]
    return [f"data: {text}\n\n" for text in texts]


def test_the_connection_comes_first() -> None:
    """Address, target, time, version, encryption and status are shown, then the headers that matter."""
    text = _text(_events({"text": "One"}, "[DONE]"), headers=[("content-type", "a/b"), ("set-cookie", "x=1")])
    assert text.splitlines()[:4] == [
        "POST http://x/ask  (target chat)",
        "  connected in 500 ms: HTTP/1.1, no TLS",
        "  200 OK after 1,000 ms",
        "  content-type: a/b",
    ]
    assert "x=1" not in text


def test_without_a_connection_only_the_address_and_the_reason_are_shown() -> None:
    """A refused connection has neither a time nor parts."""
    text = _text([], status=0, version="", connect_s=None, broken=(Outcome.CONNECT_FAILED, "refused"))
    assert text.splitlines() == [
        "POST http://x/ask  (target chat)",
        "",
        "A run reports: connect_failed: refused",
    ]


def test_without_an_answer_the_connection_is_shown() -> None:
    """A server that accepts a connection and is silent has no version and no status."""
    lines = _text([], status=0, version="", broken=(Outcome.TIMEOUT, "no answer")).splitlines()
    assert lines[1] == "  connected in 500 ms: no answer, no TLS"
    assert not lines[2]


def test_a_status_without_a_name_is_shown_as_its_number() -> None:
    """Servers may send any number from 100 to 599."""
    assert "\n  299 after 1,000 ms\n" in _text(_events({"text": "One"}, "[DONE]"), status=299)


def test_a_long_series_of_equal_parts_is_shortened() -> None:
    """Three parts at each end are shown; the number and the bytes of the others replace them."""
    lines = _text(_events(*({"text": "x"} for _ in range(20)), "[DONE]")).splitlines()
    shown = [line for line in lines if 'content "x"' in line]
    (hidden,) = [line for line in lines if "like this" in line]
    assert len(shown) == 6
    assert hidden.split() == [
        "…",
        str(14 * len('data: {"text": "x"}\n\n')),
        "14",
        "more",
        "parts",
        "like",
        "this",
    ]


def test_a_series_that_is_hardly_too_long_is_shown() -> None:
    """Seven equal parts take as many lines as six and a remark."""
    text = _text(_events(*({"text": "x"} for _ in range(7)), "[DONE]"))
    assert text.count('content "x"') == 7
    assert "like this" not in text


def test_all_numbers_of_an_answer_are_shown() -> None:
    """Tokens, both first tokens, the end, its reason and the tiers are in one sentence."""
    text = _text(
        _events({"thought": "hm"}, {"text": "One"}, {"n": 2, "why": "stop", "took": 7}, "[DONE]"),
        answer={
            "tokens": "n",
            "finish_reason": "why",
            "durations": {"unit": "ms", "tiers": {"model": "took"}},
        },
    )
    sentence = " ".join(text.split("A run reports: ok")[1].split())
    assert sentence == (
        "2 tokens, first token after 1,000 ms, first token of the answer after 2,000 ms, "
        "end mark after 4,000 ms, finish reason stop, times of model"
    )


def test_remarks_are_sentences() -> None:
    """An observation about an answer that is read is no failure."""
    text = " ".join(_text(["what is this\n\n", *_events({"text": "One"}, "[DONE]")]).split())
    assert "The answer had lines that are not part of any event." in text


@pytest.mark.parametrize("words", ["word " * 60, "x" * 300])
def test_no_line_is_wider_than_the_page(words: str) -> None:
    """Long words of a server are folded, and a word without blanks is cut."""
    text = _text([json.dumps({"error": words})], status=500)
    assert max(map(len, text.splitlines())) <= 100


def test_hostile_text_moves_no_cursor() -> None:
    """Control characters of a server are shown as escapes."""
    text = _text(_events({"text": "\x1b[2J"}, "[DONE]"), headers=[("server", "\x1b[2J")])
    assert "\x1b" not in text

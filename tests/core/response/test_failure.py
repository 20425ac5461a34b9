from typing import Any

import pytest

from bench.core.config.prompts import Expectation
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_error import AnswerError
from bench.core.response.failure import Failure, Response, find_failure
from bench.core.samples.sample import Outcome

CUT: Failure = (Outcome.BAD_STREAM, "reset: the connection broke")
LATE: Failure = (Outcome.TIMEOUT, "no complete response within 4 s")
GOOD: dict[str, Any] = {"text": "Hello", "ended_s": 1.0}


def find(
    status: int = 200,
    broken: Failure | None = None,
    words: str = "",
    expect: dict[str, Any] | None = None,
    **content: Any,
) -> Failure | None:
    """Return why a request with this response failed; it took 100 ms."""
    response = Response(status, words, AnswerContent(**content), 100.0, broken)
    return find_failure(response, Expectation.model_validate(expect or {}))


@pytest.mark.parametrize("broken", [None, CUT, LATE])
def test_a_complete_answer_is_ok_even_if_its_connection_breaks_later(broken: Failure | None) -> None:
    """After the end mark, a cut connection or a missing end of the body does not change the answer."""
    assert find(broken=broken, **GOOD) is None


@pytest.mark.parametrize("broken", [CUT, LATE])
def test_an_exchange_that_ends_before_the_end_mark_is_a_failure(broken: Failure) -> None:
    """Without the end mark, the text that came may be a part only."""
    assert find(broken=broken, text="Hel") == broken
    assert find(status=0, broken=broken) == broken


@pytest.mark.parametrize("broken", [None, CUT, LATE])
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (None, Outcome.REPORTED_ERROR),
        (400, Outcome.HTTP_ERROR),
        (401, Outcome.UNAUTHORIZED),
        (429, Outcome.RATE_LIMITED),
        (503, Outcome.HTTP_ERROR),
    ],
)
def test_an_error_that_the_server_reports_is_the_cause_of_what_follows(
    broken: Failure | None, status: int | None, outcome: Outcome
) -> None:
    """The error wins over a reset, a time-out, a problem and a complete answer; its status is the outcome."""
    error = AnswerError("out of memory", status)
    expected = (outcome, "the server reports an error: out of memory")
    assert find(broken=broken, error=error, problem="not JSON") == expected
    assert find(broken=broken, error=error, **GOOD) == expected


@pytest.mark.parametrize("broken", [None, CUT, LATE])
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (302, Outcome.HTTP_ERROR),
        (401, Outcome.UNAUTHORIZED),
        (429, Outcome.RATE_LIMITED),
        (500, Outcome.HTTP_ERROR),
    ],
)
def test_a_refusal_keeps_its_status_and_words(status: int, outcome: Outcome, broken: Failure | None) -> None:
    """The status is known before the body, so an incomplete body does not hide it."""
    assert find(status, broken, words="Bad gateway") == (outcome, "Bad gateway")


@pytest.mark.parametrize(("status", "words"), [(403, "Forbidden"), (502, "Bad Gateway"), (599, "")])
def test_a_refusal_without_words_has_those_of_its_status(status: int, words: str) -> None:
    """A refused handshake of a WebSocket often has an empty body."""
    assert find(status) == (Outcome.HTTP_ERROR, words)


def test_an_expected_refusal_must_be_complete_and_in_time() -> None:
    """The expected status is ok; its body must end, and `max_ms` holds for it too."""
    assert find(400, expect={"status": 400}) is None
    assert find(400, CUT, expect={"status": 400}) == CUT
    assert find(400, expect={"status": 400, "max_ms": 100}) is None
    assert find(400, expect={"status": 400, "max_ms": 99}) == (
        Outcome.WRONG_CONTENT, "the response took 100 ms, expected at most 99 ms",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("expect", "content", "failure"),
    [
        ({"status": 400}, GOOD, (Outcome.WRONG_CONTENT, "the status is 200, expected 400")),
        ({}, {"problem": "not JSON"}, (Outcome.BAD_STREAM, "not JSON")),
        ({}, {"text": " "}, (Outcome.WRONG_CONTENT, "the response has no text")),
        ({"max_ms": 50}, GOOD, (Outcome.WRONG_CONTENT, "the response took 100 ms, expected at most 50 ms")),
    ],
)
def test_a_complete_answer_must_be_the_expected_one(
    expect: dict[str, Any], content: dict[str, Any], failure: Failure
) -> None:
    """The form of the answer is checked first, then its content, then its time."""
    assert find(expect=expect, **content) == failure

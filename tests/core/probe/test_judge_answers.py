"""Answers to single requests are judged by the promises, and internal errors always."""

from collections.abc import Mapping

import pytest

from bench.core.probe.exchange import Exchange, ProbeAnswer, ProbeRequest, TokenKind, show_text
from bench.core.probe.judge_answers import (
    judge_accepted,
    judge_cors,
    judge_headers,
    judge_large,
    judge_program_headers,
    judge_refused,
    judge_revoked,
    judge_unpromised,
    judge_user_data,
)
from bench.core.probe.probe_result import Judgement, ProbeStatus
from bench.core.probe.probe_rules import Severity

REQUEST = ProbeRequest("POST", "/chat", TokenKind.VALID, b"{}", 'message ""')
LATE = ProbeAnswer(None, problem="nothing within 30 s", is_late=True)
CLOSED = ProbeAnswer(None, problem="ReadError")


def answer(status: int, text: str = "", headers: Mapping[str, str] | None = None) -> ProbeAnswer:
    """Return an answer of a server."""
    return ProbeAnswer(status, tuple((headers or {}).items()), text, text)


def exchanges(*answers: ProbeAnswer | int) -> list[Exchange]:
    """Return requests with these answers."""
    answered = [answer(item) if isinstance(item, int) else item for item in answers]
    return [Exchange(REQUEST, item) for item in answered]


def outcome(judgement: Judgement) -> tuple[ProbeStatus, Severity | None, int]:
    """Return the parts of a judgement that decide."""
    return judgement.status, judgement.severity, judgement.request


@pytest.mark.parametrize(
    ("status", "answers", "expected"),
    [
        (401, [401, 401], (ProbeStatus.PASSED, None, 0)),
        (None, [403, 400], (ProbeStatus.PASSED, None, 0)),
        (401, [401, 200], (ProbeStatus.FINDING, None, 1)),
        (None, [200], (ProbeStatus.FINDING, None, 0)),
        (401, [401, 403], (ProbeStatus.FINDING, Severity.LOW, 1)),
        (401, [403, 500], (ProbeStatus.FINDING, Severity.MEDIUM, 1)),
        (None, [CLOSED], (ProbeStatus.FINDING, Severity.MEDIUM, 0)),
        (401, [401, 429], (ProbeStatus.CANNOT_TELL, None, 1)),
        (None, [LATE], (ProbeStatus.CANNOT_TELL, None, 0)),
        (429, [200, 500], (ProbeStatus.FINDING, None, 0)),
    ],
)
def test_a_request_that_must_be_refused(
    status: int | None, answers: list[ProbeAnswer | int], expected: tuple[ProbeStatus, Severity | None, int]
) -> None:
    """An answer is the finding of the rule, an internal error is medium, and a wrong status is low."""
    assert outcome(judge_refused(status)(exchanges(*answers))) == expected


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ([200], ProbeStatus.NOT_PROMISED),
        ([404, 200], ProbeStatus.NOT_PROMISED),
        ([400, 502], ProbeStatus.FINDING),
        ([400, 429], ProbeStatus.CANNOT_TELL),
    ],
)
def test_input_without_a_promise_must_not_break_the_service(
    answers: list[ProbeAnswer | int], status: ProbeStatus
) -> None:
    """Each status below 500 is right."""
    assert judge_unpromised(exchanges(*answers)).status is status


@pytest.mark.parametrize(
    ("item", "status"),
    [(200, ProbeStatus.PASSED), (400, ProbeStatus.FINDING), (429, ProbeStatus.CANNOT_TELL)],
)
def test_input_that_must_be_accepted(item: int, status: ProbeStatus) -> None:
    """A refusal is a finding, except by the rate limit."""
    assert judge_accepted(exchanges(item)).status is status


def test_a_large_body_may_close_the_connection() -> None:
    """A service need not read 10 MB to refuse them; a late answer still proves nothing."""
    judge = judge_large(judge_refused(413))
    assert judge(exchanges(CLOSED)).status is ProbeStatus.PASSED
    assert judge(exchanges(413)).status is ProbeStatus.PASSED
    assert judge(exchanges(200)).status is ProbeStatus.FINDING
    assert judge(exchanges(LATE)).status is ProbeStatus.CANNOT_TELL


def test_a_revoked_token_is_judged_only_if_it_was_revoked() -> None:
    """The finding names the request after the revocation."""
    judge = judge_revoked(401)
    assert judge(exchanges(404, 200)).status is ProbeStatus.CANNOT_TELL
    assert judge(exchanges(200, 401)).status is ProbeStatus.PASSED
    assert outcome(judge(exchanges(204, 200))) == (ProbeStatus.FINDING, None, 1)


def test_data_of_another_user_are_found_by_the_name_that_no_request_contains() -> None:
    """A refusal and the data of the user are right."""
    judge = judge_user_data("bench-other")
    assert judge(exchanges(answer(200, '{"name": "bench-other"}'))).status is ProbeStatus.FINDING
    assert judge(exchanges(answer(200, '{"name": "bench-own"}'), 404)).status is ProbeStatus.PASSED
    assert judge(exchanges(answer(404, "no bench-other"))).status is ProbeStatus.PASSED
    assert judge(exchanges(500)).status is ProbeStatus.FINDING


@pytest.mark.parametrize(
    ("headers", "actual"),
    [
        ({"cache-control": "private, No-Store"}, "all of them"),
        ({"cache-control": "max-age=60"}, "cache-control: max-age=60"),
        ({}, "no cache-control"),
    ],
)
def test_promised_headers_contain_the_promised_word(headers: dict[str, str], actual: str) -> None:
    """The case of letters does not matter."""
    judgement = judge_headers({"cache-control": "no-store"})(exchanges(answer(200, headers=headers)))
    assert judgement.actual == actual
    assert (judgement.status is ProbeStatus.PASSED) == (actual == "all of them")


def test_headers_without_a_promise_are_shown() -> None:
    """No promise is no finding, and an error shows no headers of an ordinary answer."""
    shown = judge_headers({})(exchanges(answer(200, headers={"date": "today"})))
    assert (shown.status, shown.actual) == (ProbeStatus.NOT_PROMISED, "headers: date")
    assert judge_headers({})(exchanges(200)).actual == "headers: none"
    assert judge_headers({"vary": "origin"})(exchanges(429)).status is ProbeStatus.CANNOT_TELL


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"server": "nginx"}, ProbeStatus.PASSED),
        ({"server": "nginx/1.26.2"}, ProbeStatus.FINDING),
        ({"x-powered-by": "PHP/8.3"}, ProbeStatus.FINDING),
        ({"via": "1.1 proxy"}, ProbeStatus.PASSED),
    ],
)
def test_the_version_of_a_program_is_found(headers: dict[str, str], status: ProbeStatus) -> None:
    """The name alone is no finding."""
    assert judge_program_headers(exchanges(answer(200, headers=headers))).status is status


@pytest.mark.parametrize("origin", ["*", "https://foreign.example", "null"])
def test_credentials_for_every_page_are_found(origin: str) -> None:
    """Without credentials, each origin may be allowed."""
    open_headers = {"access-control-allow-origin": origin}
    both = {**open_headers, "access-control-allow-credentials": "true"}
    assert judge_cors(exchanges(answer(200, headers=open_headers))).status is ProbeStatus.PASSED
    assert judge_cors(exchanges(answer(200, headers=both))).status is ProbeStatus.FINDING
    named = {**both, "access-control-allow-origin": "https://own.example"}
    assert judge_cors(exchanges(answer(200, headers=named))).status is ProbeStatus.PASSED


def test_a_text_for_a_report_has_one_line_and_no_secret() -> None:
    """Tokens are hidden also if the service shows only their start."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2lnbmF0dXJl"
    assert show_text(f"bad\n token {token}, key topsecret", ["topsecret"]) == "bad token …, key …"
    assert show_text(f"bad {token[:15]}", []) == "bad …"
    assert len(show_text("a" * 1_000, [])) == 120


def test_requests_and_answers_are_described_without_their_token() -> None:
    """A report has the kind of the token, the headers and the problem."""
    request = ProbeRequest("GET", "/me", TokenKind.EXPIRED, headers={"origin": "https://foreign.example"})
    assert request.describe() == "GET /me, a token that expired an hour ago, origin: https://foreign.example"
    assert CLOSED.describe() == "no answer: ReadError"
    assert answer(200).describe() == "200"

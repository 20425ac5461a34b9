"""Judge the answers to single requests: tokens, input and headers."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bench.core.probe.exchange import Exchange, ProbeAnswer
from bench.core.probe.probe_result import Judgement, ProbeStatus
from bench.core.probe.probe_rules import Severity
from bench.core.values import wording

Judge = Callable[[Sequence[Exchange]], Judgement]
"""Judges the answers to the requests of one probe."""
FOREIGN_ORIGIN = "https://foreign.example"
"""Origin of a page that no service knows."""
TOO_MANY = 429
ANSWERED = "a status from 200 to 299"
_REFUSED = "a status from 400 to 499"
_VERSION = re.compile(r"\d+\.\d+")
_PROGRAM_HEADERS = ("server", "x-powered-by", "x-aspnet-version", "x-generator")


def judge_refused(status: int | None) -> Judge:
    """Judge requests that the service must refuse.

    Args:
        status: The promised status; `None` if each refusal is right.
    """
    expected = _REFUSED if status is None else str(status)

    def judge(exchanges: Sequence[Exchange]) -> Judgement:
        for place, exchange in enumerate(exchanges):
            if exchange.answer.is_success:
                return Judgement(ProbeStatus.FINDING, expected, exchange.answer.describe(), None, place)
        fault = _find_fault(exchanges, expected)
        if fault is not None:
            return fault
        for place, exchange in enumerate(exchanges):
            if status is not None and exchange.answer.status != status:
                actual = exchange.answer.describe()
                return Judgement(ProbeStatus.FINDING, expected, actual, Severity.LOW, place)
        return Judgement(ProbeStatus.PASSED, expected, exchanges[0].answer.describe())

    return judge


def judge_unpromised(exchanges: Sequence[Exchange]) -> Judgement:
    """Judge input about which the stack promises nothing: it must not break the service."""
    expected = "no internal error"
    fault = _find_fault(exchanges, expected)
    if fault is not None:
        return fault
    return Judgement(ProbeStatus.NOT_PROMISED, expected, exchanges[0].answer.describe())


def judge_accepted(exchanges: Sequence[Exchange]) -> Judgement:
    """Judge input that the service must accept."""
    fault = _find_fault(exchanges, ANSWERED)
    if fault is not None:
        return fault
    for place, exchange in enumerate(exchanges):
        if not exchange.answer.is_success:
            return Judgement(ProbeStatus.FINDING, ANSWERED, exchange.answer.describe(), None, place)
    return Judgement(ProbeStatus.PASSED, ANSWERED, exchanges[0].answer.describe())


def judge_large(judge: Judge) -> Judge:
    """Judge a large body: a service may close the connection instead of reading it."""

    def judge_or_closed(exchanges: Sequence[Exchange]) -> Judgement:
        answer = exchanges[0].answer
        if answer.status is None and not answer.is_late:
            return Judgement(ProbeStatus.PASSED, "a refusal", "the service closed the connection")
        return judge(exchanges)

    return judge_or_closed


def judge_revoked(status: int | None) -> Judge:
    """Judge a request with a token that the request before it has revoked.

    Args:
        status: The promised status; `None` if each refusal is right.
    """
    judge_last = judge_refused(status)

    def judge(exchanges: Sequence[Exchange]) -> Judgement:
        revocation = exchanges[0].answer
        if not revocation.is_success:
            reason = f"the token was not revoked: {revocation.describe()}"
            return Judgement(ProbeStatus.CANNOT_TELL, ANSWERED, reason)
        judgement = judge_last(exchanges[1:])
        return replace(judgement, request=judgement.request + 1)

    return judge


def judge_user_data(other_name: str) -> Judge:
    """Judge requests for the data of another user.

    Args:
        other_name: Name of the other user, which no request contains.
    """
    expected = "no data of the other user"

    def judge(exchanges: Sequence[Exchange]) -> Judgement:
        for place, exchange in enumerate(exchanges):
            if exchange.answer.is_success and other_name in exchange.answer.text:
                return Judgement(ProbeStatus.FINDING, expected, "data of the other user", None, place)
        fault = _find_fault(exchanges, expected)
        return fault or Judgement(ProbeStatus.PASSED, expected, f"{exchanges[0].answer.status} without them")

    return judge


def judge_headers(promised: Mapping[str, str]) -> Judge:
    """Judge the headers of an answer to an authorised request.

    Args:
        promised: A word of the value of each promised header.
    """

    def judge(exchanges: Sequence[Exchange]) -> Judgement:
        answer = exchanges[0].answer
        if not promised:
            return Judgement(ProbeStatus.NOT_PROMISED, "no promise", _show_headers(answer))
        expected = wording.listing([f"{name}: {word}" for name, word in promised.items()])
        if not answer.is_success:
            return Judgement(ProbeStatus.CANNOT_TELL, expected, answer.describe())
        wrong: list[str] = []
        for name, word in promised.items():
            value = answer.header(name)
            if value is None or word.lower() not in value.lower():
                wrong.append(f"no {name}" if value is None else f"{name}: {value}")
        status = ProbeStatus.FINDING if wrong else ProbeStatus.PASSED
        return Judgement(status, expected, wording.listing(wrong) or "all of them")

    return judge


def judge_program_headers(exchanges: Sequence[Exchange]) -> Judgement:
    """Judge the headers that name the program of the service."""
    expected = "no version in server, x-powered-by and similar headers"
    for place, exchange in enumerate(exchanges):
        for name in _PROGRAM_HEADERS:
            value = exchange.answer.header(name)
            if value is not None and _VERSION.search(value):
                return Judgement(ProbeStatus.FINDING, expected, f"{name}: {value}", None, place)
    return Judgement(ProbeStatus.PASSED, expected, "no version")


def judge_cors(exchanges: Sequence[Exchange]) -> Judgement:
    """Judge whether a page of a foreign origin may read answers with a user's credentials."""
    answer = exchanges[0].answer
    origin = answer.header("access-control-allow-origin")
    credentials = (answer.header("access-control-allow-credentials") or "").lower()
    allows_all = origin in {"*", FOREIGN_ORIGIN, "null"}
    status = ProbeStatus.FINDING if allows_all and credentials == "true" else ProbeStatus.PASSED
    actual = "no access-control-allow-origin"
    if origin is not None:
        actual = f"access-control-allow-origin: {origin}"
    if credentials:
        actual += f", access-control-allow-credentials: {credentials}"
    return Judgement(status, f"no credentials for the origin {FOREIGN_ORIGIN}", actual)


def _find_fault(exchanges: Sequence[Exchange], expected: str) -> Judgement | None:
    """Return the judgement of an internal error, or of an answer that proves nothing; `None` without one."""
    for place, exchange in enumerate(exchanges):
        if exchange.answer.is_crash:
            actual = exchange.answer.describe()
            return Judgement(ProbeStatus.FINDING, expected, actual, Severity.MEDIUM, place)
    for place, exchange in enumerate(exchanges):
        if exchange.answer.is_late:
            return Judgement(ProbeStatus.CANNOT_TELL, expected, exchange.answer.describe(), None, place)
        if exchange.answer.status == TOO_MANY:
            reason = f"the rate limit refused the request: {exchange.answer.describe()}"
            return Judgement(ProbeStatus.CANNOT_TELL, expected, reason, None, place)
    return None


def _show_headers(answer: ProbeAnswer) -> str:
    names = sorted({name for name, _ in answer.headers})
    return f"headers: {', '.join(names) or 'none'}"

"""The answer of a step is checked, and its values are saved, with words for everything that is missing."""

import base64
import json
from typing import Any

import pytest

from bench.core.config.step_request import SavedValue, StepCheck
from bench.core.response.step_answer import (
    StepAnswer,
    check_step,
    expiry_of_token,
    hide,
    read_seconds,
    save_values,
)
from bench.core.samples.sample import Outcome


def make_answer(body: Any = None, status: int = 200, **headers: str) -> StepAnswer:
    """Return an answer; a body that is no text is JSON."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return StepAnswer(status, headers.get, {"csrf": "c1"}.get, content, took_ms=20.0)


def checks_of(**fields: Any) -> tuple[StepCheck, ...]:
    """Return one check."""
    return (StepCheck(**fields),)


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ((), None),
        (checks_of(status=200), None),
        (checks_of(status=201), "the status is 200, expected 201"),
        (checks_of(status=(200, 201)), None),
        (checks_of(contains="draft"), None),
        (checks_of(contains="final"), "the answer does not contain 'final'"),
        (checks_of(matches="dra.t"), None),
        (checks_of(matches="^x"), "the answer does not match '^x'"),
        (checks_of(json_path="id"), None),
        (checks_of(json_path="name"), "`name` is missing, expected a value"),
        (checks_of(json_path="state", equals="draft"), None),
        (checks_of(json_path="state", equals="final"), "`state` is 'draft', expected 'final'"),
        (checks_of(json_path="id", less=10), None),
        (checks_of(json_path="id", less=7), "`id` is 7, expected a number below 7"),
        (checks_of(json_path="state", matches="^f"), "`state` is 'draft', expected a match of '^f'"),
        (checks_of(max_ms=10), "the response took 20 ms, expected at most 10 ms"),
        ((*checks_of(json_path="id", less=10), *checks_of(json_path="state", equals="x")), "`state` is"),
    ],
)
def test_a_check_names_the_expected_and_the_actual_value(
    checks: tuple[StepCheck, ...], words: str | None
) -> None:
    """Every check of a list must hold; the first that does not is the failure."""
    failure = check_step(make_answer({"id": 7, "state": "draft"}), checks)
    if words is None:
        assert failure is None
    else:
        assert failure is not None
        assert failure[0] is Outcome.WRONG_CONTENT
        assert words in failure[1]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(401, Outcome.UNAUTHORIZED), (429, Outcome.RATE_LIMITED), (500, Outcome.HTTP_ERROR)],
)
def test_a_refusal_has_the_servers_words(status: int, outcome: Outcome) -> None:
    """The status decides the outcome."""
    assert check_step(make_answer({"detail": "out of order"}, status), ()) == (outcome, "out of order")


def test_an_expected_refusal_is_right() -> None:
    """A redirect after a form login, or a 404 after a deletion."""
    assert check_step(make_answer("", 302, location="/home"), checks_of(status=302)) is None
    unexpected = check_step(make_answer("", 302, location="/home"), ())
    assert unexpected is not None
    assert "/home" in unexpected[1]


def test_a_failed_login_does_not_quote_its_answer() -> None:
    """The answer may hold a token."""
    for fields in ({"contains": "x-y"}, {"matches": "^x"}, {"json_path": "token", "equals": "other"}):
        failure = check_step(make_answer({"token": "secret"}), checks_of(**fields), is_secret=True)
        assert failure is not None
        assert "secret" not in failure[1]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ({"path": "session.id"}, 7),
        ({"path": "items.1"}, "b"),
        ({"header": "Location"}, "/sessions/7"),
        ({"cookie": "csrf"}, "c1"),
        ({"regex": '"id": ([0-9]+)'}, "7"),
        ({"regex": "items"}, "items"),
    ],
)
def test_a_value_is_saved_from_its_place(place: dict[str, str], value: Any) -> None:
    """A path keeps the type; a regular expression saves its first group."""
    answer = make_answer({"session": {"id": 7}, "items": ["a", "b"]}, location="/sessions/7")
    assert save_values(answer, {"it": SavedValue(**place)}, "open") == ({"it": value}, None)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"path": "session.id"}, "session.id"),
        ({"header": "etag"}, "the header etag"),
        ({"cookie": "session"}, "the cookie session"),
        ({"regex": "id=(.)"}, "the expression id=(.)"),
    ],
)
def test_a_missing_value_is_a_failure_with_words(place: dict[str, str], words: str) -> None:
    """The words name the step and the place."""
    _, failure = save_values(make_answer("no JSON"), {"it": SavedValue(**place)}, "open-session")
    assert failure == (Outcome.WRONG_CONTENT, f"the answer of step open-session has no value at {words}")


def _token(claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.sig"


@pytest.mark.parametrize(
    ("token", "expiry_s"),
    [
        (_token({"exp": 1800000000}), 1800000000.0),
        (_token({}), None),
        (_token({"exp": True}), None),
        (_token([1]), None),
        ("a.b.c", None),
        ("opaque", None),
    ],
)
def test_the_expiry_of_a_token_is_read_from_its_claims(token: str, expiry_s: float | None) -> None:
    """A token that is no JWT has none."""
    assert expiry_of_token(token) == expiry_s


@pytest.mark.parametrize(
    ("stated", "seconds"), [(60, 60.0), ("60", 60.0), (0, None), ("soon", None), (None, None)]
)
def test_a_stated_lifetime_is_a_number_of_seconds(stated: Any, seconds: float | None) -> None:
    """Everything else counts as unknown."""
    assert read_seconds(stated) == seconds


def test_secrets_are_hidden_in_words() -> None:
    """A server may repeat a password; a text of three letters is no secret."""
    assert hide("wrong password hunter2 for ann", ["hunter2", "ann"]) == "wrong password … for ann"

"""Journeys in scenario files: wrong ones are refused with the field, and secrets stay out of results."""

from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.scenario import Scenario
from tests.journeys import ASK, CLOSE, LOGIN, OPEN, make_journey


@pytest.mark.parametrize(
    ("steps", "fields", "words"),
    [
        ([{"name": "a"}], {}, "step 'a' needs either request or messages"),
        ([{"name": "a", "messages": 1, "request": {"path": "/"}}], {}, "needs either request or messages"),
        ([OPEN, OPEN], {}, "'open-session' is the name of two steps"),
        ([{**OPEN, "name": "login"}], {}, "'login' is the name of the login"),
        ([{**OPEN, "name": "short"}, ASK], {"target": "t"}, "'short' is the id of a message"),
        ([ASK], {}, "target 'session-chat': no earlier step saves 'id'"),
        ([CLOSE], {}, "no earlier step saves 'id'"),
        ([{**ASK, "always": True}], {}, "is for requests"),
        ([{**ASK, "expect": {"status": 200}}], {}, "belongs to the messages"),
        ([OPEN], {"login": {"use": "bearer"}}, "needs a request, or a token"),
        ([OPEN], {"login": {"request": {"path": "/login"}}}, "needs the token"),
        ([OPEN], {"login": {"request": {"path": "/"}, "token": "a"}}, "cannot be combined with request"),
        ([OPEN], {"service": None}, "write service: NAME at the top"),
        ([OPEN, ASK], {"compare_with": "other"}, "cannot be combined with steps"),
        ([OPEN], {"thresholds": {"e2e_ms{step:opn}": ["avg<1"]}}, "no step has the tags {step:opn}"),
        ([OPEN], {"thresholds": {"e2e_ms{step}": ["avg<1"]}}, "write tags as {step:NAME}"),
        ([OPEN], {"thresholds": {"e2e_sec{step:open-session}": ["avg<1"]}}, "there is no metric 'e2e_sec{"),
        (
            [{"name": "a", "request": {"path": "/", "json": 1, "form": {"a": 1}}}],
            {},
            "cannot be combined with json",
        ),
        (
            [{"name": "a", "request": {"path": "/", "multipart": {"a": {}}}}],
            {},
            "needs exactly one of file, text",
        ),
        (
            [{"name": "a", "request": {"path": "/", "multipart": {"a": {"file": "${row.file}"}}}}],
            {},
            "without placeholders",
        ),
        ([{**OPEN, "save": {"id": {"regex": "("}}}], {}, "is not a regular expression"),
        ([{**OPEN, "save": {"id": {}}}], {}, "needs exactly one of path, header"),
        ([{**OPEN, "expect": {"equals": 1}}], {}, "needs json, the path of the value"),
    ],
)
def test_a_wrong_journey_is_refused(steps: list[Any], fields: dict[str, Any], words: str) -> None:
    """The message says what to do."""
    with pytest.raises(ValidationError) as raised:
        make_journey(*steps, **fields)
    assert words in str(raised.value)


def test_secrets_of_a_file_do_not_enter_a_result() -> None:
    """A literal password is replaced; a placeholder stays, because the secret is not in it."""
    login = {
        "request": {
            "path": "/login",
            "headers": {"Authorization": "Basic abc"},
            "json": {"email": "ann@example.com", "password": "hunter2", "otp": "${row.otp}"},
        },
        "save": {"token": "access_token"},
    }
    form = {"request": {"path": "/login", "multipart": {"password": "hunter2"}}, "use": "cookies"}
    for given in (login, form, {"token": "hunter2"}):
        scenario = make_journey(OPEN, login=given).scenario
        dumped = scenario.model_dump_json(by_alias=True)
        assert "hunter2" not in dumped
        assert "Basic abc" not in dumped
        assert Scenario.model_validate_json(dumped).login is not None
    assert "${row.otp}" in make_journey(OPEN, login=login).scenario.model_dump_json()


def test_rows_and_files_do_not_enter_the_representation() -> None:
    """A row may hold a password."""
    assert "secret-1" not in repr(make_journey(OPEN, login=LOGIN, files={"a": b"secret-1"}))


@pytest.mark.parametrize(("written", "seconds"), [("15m", 900.0), (60, 60.0), ("data.expires_in", None)])
def test_a_lifetime_is_a_duration_or_a_path(written: Any, seconds: float | None) -> None:
    """A number is seconds."""
    login = make_journey(OPEN, login={**LOGIN, "expires_in": written}).scenario.login
    assert login is not None
    assert login.lifetime_s == seconds


def test_the_method_follows_from_the_body() -> None:
    """A request with a body is a POST."""
    bodies: list[dict[str, Any]] = [{}, {"json": {}}, {"form": {"a": 1}}, {"method": "PATCH", "text": "a"}]
    verbs = []
    for body in bodies:
        (step,) = make_journey({"name": "a", "request": {"path": "/", **body}}).scenario.steps
        assert step.request is not None
        verbs.append(step.request.verb)
    assert verbs == ["GET", "POST", "POST", "PATCH"]

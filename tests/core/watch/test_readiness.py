from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

import pytest

from bench.core.watch.readiness import NotReady, ReadyCondition, ReadyReply, judge
from tests.factories import make_target

URL = "http://stack.example:3000/v1/models"
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
DECLARED = ReadyCondition(file="targets/mine.yaml")


def _reply(status: int, text: str = "", **headers: str) -> ReadyReply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return ReadyReply(URL, status, names, text, NOW)


def _judge(status: int, text: str = "", condition: ReadyCondition = DECLARED, **headers: str) -> NotReady:
    answer = judge(condition, _reply(status, text, **headers))
    assert answer is not None
    return answer


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_each_success_means_ready(status: int) -> None:
    """The body does not matter."""
    assert judge(DECLARED, _reply(status, "<html>")) is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 529])
def test_waiting_may_help_for_a_temporary_refusal(status: int) -> None:
    """A service that starts or has too much work has no cure, and its words are kept."""
    answer = _judge(status, '{"error":\n "Loading model"}')
    assert answer.cure is None
    assert str(status) in answer.problem
    assert '{"error":  "Loading model"}' in answer.problem.replace("\n", " ")


@pytest.mark.parametrize(
    "status", [*range(300, 309), 400, 401, 403, 404, 405, 406, 410, 421, 431, 451, 501, 505]
)
def test_waiting_cannot_help_for_another_refusal(status: int) -> None:
    """The cure names the field `ready`."""
    answer = _judge(status, "no")
    assert answer.cure is not None
    assert "`ready`" in answer.cure
    assert answer.problem.endswith(": no")


@pytest.mark.parametrize("status", [204, 302, 401, 404, 405, 429, 500, 503, 999])
def test_every_answer_means_ready_without_a_declared_path(status: int) -> None:
    """A target without `ready` only needs a service that answers."""
    undeclared = ReadyCondition.of_target(make_target(ready=None), is_external=True)
    assert judge(undeclared, _reply(status)) is None


@pytest.mark.parametrize(
    ("status", "headers", "cure"),
    [
        (404, {}, "the service is up, but has no /v1/models: set `ready` in targets/mine.yaml to a path"),
        (405, {"allow": "POST"}, "the service is up, but does not answer GET /v1/models: set `ready`"),
        (
            307,
            {"location": "/v1/models/"},
            "redirects to /v1/models/: write `ready: /v1/models/` in targets/mine",
        ),
        (301, {"location": "?page=1"}, "write `ready: /v1/models?page=1`"),
        (301, {"location": "https://stack.example/v1/models"}, "use the address https://stack.example"),
        (302, {"location": "http://[bad"}, "set `ready`"),
        (304, {}, "set `ready`"),
    ],
)
def test_the_cure_fits_the_refusal(status: int, headers: dict[str, str], cure: str) -> None:
    """It names the file, and the path or address that would answer."""
    assert cure in (_judge(status, condition=DECLARED, **headers).cure or "")


def test_a_request_without_tls_to_a_port_with_tls_names_the_scheme() -> None:
    """Web servers explain this in the body of a 400."""
    assert "write https://" in (_judge(400, "The plain HTTP request was sent to HTTPS port").cure or "")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("auth", "headers", "cure"),
    [
        (
            "none",
            {"authorization": "Bearer ${env.API_KEY}"},
            "check API_KEY, which `headers` in targets/mine.yaml",
        ),
        ("none", {}, "add the key of the service to `headers` in targets/mine.yaml"),
        ("bearer", {}, "set JWT_SECRET to the backend's secret"),
    ],
)
def test_a_refused_key_is_named(
    status: int, auth: Literal["bearer", "none"], headers: dict[str, str], cure: str
) -> None:
    """A target that sends no token of a test user is never told to change JWT_SECRET."""
    target = make_target(name="mine", auth=auth, headers=headers)
    answer = _judge(status, condition=ReadyCondition.of_target(target, is_external=True))
    assert cure in (answer.cure or "")
    assert ("JWT_SECRET" in (answer.cure or "")) == (auth == "bearer")


def _difference(ahead_s: float, **headers: str) -> str | None:
    date = format_datetime(NOW + timedelta(seconds=ahead_s), usegmt=True)
    return _reply(200, date=date, **headers).clock_difference


@pytest.mark.parametrize("ahead_s", [-5, -1, 0, 1, 4])
def test_clocks_that_nearly_agree_have_no_difference(ahead_s: float) -> None:
    """A date has whole seconds, and an answer takes time."""
    assert _difference(ahead_s) is None


def test_a_clock_that_differs_has_its_direction() -> None:
    """The sentence names the service and the size."""
    assert _difference(-40) == "the clock of stack.example:3000 is 40 s behind that of this machine"
    assert _difference(3600) == "the clock of stack.example:3000 is 3600 s ahead of that of this machine"
    refused = _judge(401, condition=ReadyCondition(auth="bearer"), date="Mon, 05 Jan 2026 11:58:00 GMT")
    assert (refused.cure or "").startswith("the clock of stack.example:3000 is 120 s behind")


@pytest.mark.parametrize(
    "headers",
    [{}, {"date": "soon"}, {"date": ""}, {"date": "Mon, 05 Jan 1970 00:00:00 GMT", "age": "60"}],
)
def test_a_date_that_shows_no_clock_gives_no_difference(headers: dict[str, Any]) -> None:
    """A cache may return an old date."""
    assert _reply(200, **headers).clock_difference is None


@pytest.mark.parametrize(
    ("text", "expected_s"), [("2", 2.0), ("9" * 400, 10.0), ("", 0.0), ("Mon, 05 Jan 2026", 0.0), ("-1", 0.0)]
)
def test_the_service_may_ask_for_a_pause(text: str, expected_s: float) -> None:
    """A pause is at most ten seconds."""
    assert _judge(429, retry_after=text).retry_after_s == expected_s


@pytest.mark.parametrize(
    ("url", "twice"),
    [
        ("http://host/v1/v1/models", "/v1"),
        ("http://host/proxy/v1/v1/models", "/v1"),
        ("http://host/a/b/a/b", "/a/b"),
    ],
)
def test_a_path_that_stands_in_address_and_target_is_named(url: str, twice: str) -> None:
    """`--url http://host/v1` with a target whose paths begin with /v1 is a common mistake."""
    reason = judge(DECLARED, replace(_reply(404), url=url))
    assert reason is not None
    assert reason.cure == f"the address and the target both have {twice}: leave it out of the address"

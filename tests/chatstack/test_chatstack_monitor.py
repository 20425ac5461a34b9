import asyncio
import json

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatstack.measures import Measures
from chatstack.parts.monitor import MonitorMiddleware
from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import (
    assert_usage_error,
    bearer,
    change,
    make_user,
    mint,
    read_gauges,
    run,
    serving,
)

CHAT = "/api/chat/ask-dynaform"


def test_slow_requests_are_lines_on_stderr_and_a_counter(stack: Stack) -> None:
    """A line has method, path, status, duration and user; the query, which may have secrets, is left out."""
    user = make_user()
    change("users", "add", [user], stack.variables)
    variables = {**stack.variables, "AGENT_URL": stack.agent.url, "MONITOR_SLOW_S": "0.001"}
    with serving("backend", {**variables, "BACKEND_DELAY_MS": "5"}) as backend:
        headers = bearer(mint(stack.secret, user))
        with httpx.Client(base_url=backend.url, timeout=60, trust_env=False) as client:
            client.post(f"{CHAT}?key=hidden", json={"message": "Hello"}, headers=headers)
            client.post(CHAT, json={"message": "Hello", "stream": True}, headers=headers)
            client.post(CHAT, json={"message": "Hello"})
            counted = read_gauges(backend.url)["chatstack_slow_requests_total"]
        _, err = backend.process.stop()
    events = [json.loads(line) for line in err.splitlines()]
    chats = [event for event in events if event["path"] == CHAT]
    assert counted >= len(chats) == 3
    assert [(event["status"], event["user"], event["complete"]) for event in chats] == [
        (200, user["_id"], True),
        (200, user["_id"], True),
        (401, None, True),
    ]
    for event in chats:
        assert (event["event"], event["level"], event["method"]) == ("slow request", "warning", "POST")
        assert event["seconds"] >= 0.005
    assert "hidden" not in err


async def _nothing() -> Message:
    raise AssertionError("not called")


async def _begin(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})


async def _begin_and_end_early(scope: Scope, receive: Receive, send: Send) -> None:
    await _begin(scope, receive, send)
    raise asyncio.CancelledError


def _observe(app: ASGIApp, slow_s: float) -> None:
    scope: Scope = {"type": "http", "method": "GET", "path": "/" + "a" * 1_000}

    async def send(message: Message) -> None:
        pass

    asyncio.run(MonitorMiddleware(app, slow_s, Measures())(scope, _nothing, send))


def test_a_fast_request_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Requests below the limit are not logged."""
    _observe(_begin, slow_s=3_600.0)
    assert capsys.readouterr().err == ""


def test_a_cancelled_request_is_reported_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A request that ended early has the status that was sent, and is not complete; a long path is cut."""
    with pytest.raises(asyncio.CancelledError):
        _observe(_begin_and_end_early, slow_s=0.0)
    event = json.loads(capsys.readouterr().err)
    assert (event["status"], event["complete"], len(event["path"])) == (200, False, 200)


@pytest.mark.parametrize("value", ["soon", "-1", "0.0"])
def test_a_wrong_limit_is_a_usage_error(store_variables: dict[str, str], value: str) -> None:
    """MONITOR_SLOW_S is a positive number of seconds."""
    variables = {**store_variables, "AGENT_URL": "http://127.0.0.1:1", "MONITOR_SLOW_S": value}
    assert_usage_error(run(["backend"], variables), "MONITOR_SLOW_S")

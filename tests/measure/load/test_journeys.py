"""Journeys against a real server: login, saved values, uploads, clean-up, expiry and failures."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from bench.core.response.remarks import Remarks
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from tests.journeys import ASK, CLOSE, LOGIN, OPEN, ROWS, make_journey, run_journey
from tests.session_chat import SessionChat, jwt, session_chat

UPLOAD: dict[str, Any] = {
    "name": "upload",
    "request": {
        "path": "/files",
        "multipart": {
            "files": [
                {"file": "contract.pdf"},
                {"text": "${row.email}", "filename": "who ${user.number}.txt"},
            ],
            "noise": {"random_bytes": 300, "type": "application/x-noise"},
            "note": "${uuid}",
        },
    },
    "expect": [{"status": 201}, {"json": "id", "less": 100}],
}

FILES = {"contract.pdf": b"%PDF" * 100}
FORM = {"method": "POST", "path": "/login", "form": {"email": "a", "password": "b"}}


@pytest.fixture
def chat() -> Iterator[SessionChat]:
    """The application."""
    with session_chat() as running:
        yield running


def labels(samples: list[RequestSample]) -> list[str]:
    """Return the names of requests, and how those that failed ended."""
    return [
        sample.prompt if sample.outcome is Outcome.OK else f"{sample.prompt} {sample.outcome}"
        for sample in samples
    ]


def test_a_journey_sends_its_steps_in_order(chat: SessionChat) -> None:
    """The login is sent once per VU; saved values stand in the paths of steps and of the target."""
    spec = make_journey(OPEN, ASK, UPLOAD, CLOSE, iterations=2, files=FILES)
    samples = run_journey(spec, chat.url)
    one = ["open-session", "message", "message", "upload", "close"]
    sent = ["message" if label in {"short", "long"} else label for label in labels(samples)]
    assert sent == ["login", *one, *one]
    assert [sample.step for sample in samples][:4] == ["login", "open-session", "ask", "ask"]
    assert [sample.iteration for sample in samples] == list(range(11))
    assert chat.logins == {"user0@example.com": 1}
    assert len(chat.closed) == 2
    assert not chat.sessions
    assert sorted(chat.files[:3]) == [("contract.pdf", 400), ("noise", 300), ("who 0.txt", 17)]


def test_messages_have_the_answer_s_text_and_status(chat: SessionChat) -> None:
    """A message step is a message like any other."""
    asked = [sample for sample in run_journey(make_journey(OPEN, ASK), chat.url) if sample.step == "ask"]
    assert {sample.prompt for sample in asked} <= {"short", "long"}
    assert all(sample.status == 200 and sample.first_byte_s is not None for sample in asked)


def test_every_vu_logs_in_with_its_own_row(chat: SessionChat) -> None:
    """Two load generators share the rows without overlap."""
    spec = make_journey(OPEN, CLOSE, vus=6, iterations=2)
    for share in ((0, 2), (1, 2)):
        run_journey(spec, chat.url, share=share)
    assert chat.logins == Counter({row["email"]: 1 for row in ROWS[:6]})


def test_an_open_loop_arrival_is_an_iteration(chat: SessionChat) -> None:
    """Users of an open loop log in once and are used again; each has a row of its own."""
    spec = make_journey(
        OPEN, CLOSE, executor="constant-arrival-rate", rate=40, duration="500ms", max_vus=len(ROWS)
    )
    samples = run_journey(spec, chat.url)
    counts = Counter(label for label in labels(samples))
    assert counts["open-session"] == counts["close"] == 20
    assert counts["login"] == len(chat.logins) == sum(chat.logins.values()) <= 20
    assert {sample.vu for sample in samples} == set(range(20))


@pytest.mark.parametrize(
    "login",
    [
        {
            "request": {"method": "POST", "path": "/login", "form": {"email": "a", "password": "b"}},
            "use": "cookies",
        },
        {
            "request": {"method": "POST", "path": "/login", "form": {"email": "a", "password": "b"}},
            "save": {"token": {"cookie": "session"}},
            "use": {"header": "Authorization", "prefix": "Bearer "},
        },
        {
            "steps": [
                {"name": "first", "request": {"path": "/login", "json": {"email": "a", "password": "b"}}},
                {
                    "name": "second",
                    "request": {"path": "/login", "json": {"email": "b", "password": "b"}},
                    "save": {"token": {"regex": '"access_token": "([^"]+)"'}},
                },
            ]
        },
    ],
    ids=["cookies", "header", "two requests"],
)
def test_a_login_may_use_cookies_headers_and_several_requests(chat: SessionChat, login: Any) -> None:
    """Each of them opens the session."""
    samples = run_journey(make_journey(OPEN, CLOSE, login=login, data=None), chat.url)
    assert {sample.outcome for sample in samples} == {Outcome.OK}


def test_a_key_needs_no_login_request(chat: SessionChat) -> None:
    """The credential is a column of the row."""
    chat.tokens["key-1"] = time.monotonic() + 60
    chat.emails["key-1"] = "key"
    login = {"token": "${row.key}", "use": {"header": "authorization", "prefix": "Bearer "}}
    samples = run_journey(make_journey(OPEN, CLOSE, login=login, rows=({"key": "key-1"},)), chat.url)
    assert labels(samples) == ["open-session", "close"]


@pytest.mark.parametrize("source", ["field", "duration", "jwt"])
def test_a_login_is_renewed_before_it_expires(chat: SessionChat, source: str) -> None:
    """A field of the answer, a declared duration, or the token itself states the lifetime."""
    chat.lifetime_s = 0.3
    login = dict(LOGIN)
    if source == "field":
        login["expires_in"] = "expires_in"
    elif source == "duration":
        login["expires_in"] = "300ms"
    else:
        chat.make_token = lambda: jwt(time.time() + chat.lifetime_s)
    spec = make_journey(OPEN, CLOSE, login=login, iterations=6, think_time="100ms")
    remarks = Remarks()
    samples = run_journey(spec, chat.url, remarks)
    assert chat.logins["user0@example.com"] >= 2
    assert {sample.outcome for sample in samples} == {Outcome.OK}
    assert not remarks.counts


def test_a_login_is_renewed_after_a_401(chat: SessionChat) -> None:
    """The request is sent once more; its response time contains the login, and a warning counts it."""
    chat.lifetime_s = 0.25
    spec = make_journey(OPEN, CLOSE, iterations=4, think_time="150ms")
    remarks = Remarks()
    samples = run_journey(spec, chat.url, remarks)
    assert {sample.outcome for sample in samples} == {Outcome.OK}
    (remark,) = remarks.counts
    assert remark == "had the status 401 after the login expired, so the VU logged in again"
    renewals = [sample for sample in samples if sample.prompt == "login"][1:]
    assert len(renewals) == remarks.counts[remark]
    for login in renewals:
        (covering,) = [
            sample
            for sample in samples
            if sample.prompt != "login"
            and sample.scheduled_s <= login.scheduled_s
            and login.finished_s <= sample.finished_s
        ]
        assert covering.outcome is Outcome.OK


def test_a_refused_login_is_a_failed_request_and_waits(chat: SessionChat) -> None:
    """Its words are the server's without the password. The VU does not flood the server."""
    chat.passwords = {"user0@example.com": "another"}
    spec = make_journey(OPEN, CLOSE, executor="constant-vus", vus=1, duration="1500ms")
    samples = run_journey(spec, chat.url)
    assert labels(samples) == ["login http_error"] * 2
    assert samples[0].detail == "wrong password … for user0@example.com"
    assert samples[1].scheduled_s - samples[0].finished_s >= 1.0


def test_a_failed_step_ends_the_iteration_but_the_clean_up_is_sent(chat: SessionChat) -> None:
    """The next iteration begins as if nothing had happened."""
    chat.broken = {"/files"}
    upload = {
        "name": "upload",
        "request": {"path": "/files", "multipart": {"a": {"text": "b", "filename": "c"}}},
    }
    samples = run_journey(make_journey(OPEN, upload, ASK, CLOSE, iterations=2), chat.url)
    one = ["open-session", "upload http_error", "close"]
    assert labels(samples) == ["login", *one, *one]
    assert not chat.sessions


def test_a_clean_up_without_its_value_is_not_sent(chat: SessionChat) -> None:
    """The session was never opened, so there is none to close."""
    opening = {**OPEN, "save": {"id": "session.key"}}
    samples = run_journey(make_journey(opening, ASK, CLOSE), chat.url)
    assert labels(samples) == ["login", "open-session wrong_content"]
    assert samples[1].detail == "the answer of step open-session has no value at session.key"


def test_the_clean_up_is_sent_after_the_end_of_a_phase(chat: SessionChat) -> None:
    """No other step begins after the end."""
    pause = {"name": "read", "request": {"path": "/none"}, "expect": {"status": 404}, "think_time": "10s"}
    spec = make_journey(OPEN, pause, CLOSE, executor="constant-vus", vus=2, duration="300ms")
    samples = run_journey(spec, chat.url)
    assert Counter(labels(samples)) == {"login": 2, "open-session": 2, "close": 2}
    assert all(sample.scheduled_s >= 0.299 for sample in samples if sample.prompt == "close")
    assert not chat.sessions


def test_the_clean_up_is_sent_after_a_request_was_cut_off(chat: SessionChat) -> None:
    """The graceful stop ends the slow request, and the session is closed all the same."""
    chat.slow_s = {"/files": 5.0}
    spec = make_journey(OPEN, UPLOAD, CLOSE, executor="constant-vus", vus=2, duration="300ms", files=FILES)
    samples = run_journey(spec, chat.url, graceful_stop_s=0.2)
    assert Counter(labels(samples)) == {"login": 2, "open-session": 2, "upload cut_off": 2, "close": 2}
    assert not chat.sessions


def test_a_value_that_http_forbids_is_a_failure(chat: SessionChat) -> None:
    """The load generator goes on."""
    step = {"name": "look", "request": {"path": "/none", "headers": {"x-name": "${row.email}"}}}
    spec = make_journey(step, login=None, rows=({"email": "two\nlines"},))
    (sample,) = run_journey(spec, chat.url)
    assert sample.outcome is Outcome.WRONG_CONTENT
    assert sample.detail is not None
    assert sample.detail.startswith("the request cannot be sent: the value of header x-name")

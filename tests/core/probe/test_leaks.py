"""Leaks of errors are found, and ordinary errors and answers are none."""

import pytest

from bench.core.probe.exchange import Exchange, ProbeAnswer, ProbeRequest, TokenKind
from bench.core.probe.leaks import LeakContext, judge_leaks
from bench.core.probe.probe_result import ProbeStatus

KEY = "a-key-of-forty-characters-0123456789"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2lnbmF0dXJl"
CONTEXT = LeakContext([KEY, "short"], "127.0.0.1:3000", {"10.9.8.7:11434"})
TRACE = "leak-stack-trace"
ADDRESS = "leak-address"
PATH = "leak-path"
SECRET = "leak-secret"


def find(text: str, status: int = 500, *, kind: TokenKind = TokenKind.VALID, header: str = "") -> set[str]:
    """Return the rules that an answer with this text breaks."""
    token = "not.a.token" if kind is TokenKind.MALFORMED else TOKEN
    answer = ProbeAnswer(status, (("x-note", header),), text)
    exchange = Exchange(ProbeRequest("POST", "/api/chat", kind), answer, token)
    judgements = judge_leaks([exchange], CONTEXT)
    assert len(judgements) == 4
    return {rule for rule, (judgement, _) in judgements.items() if judgement.status is ProbeStatus.FINDING}


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("Traceback (most recent call last):\n  ...", {TRACE}),
        ('  File "answer.py", line 12, in ask', {TRACE}),
        ("Error: no\n    at Chat.ask (chat.js:10:5)\n    at async run (main.js:1:1)", {TRACE}),
        ("\tat com.example.Chat.ask(Chat.java:42)", {TRACE}),
        ("   at Chat.Ask(String text) in Chat.cs:line 12", {TRACE}),
        ("goroutine 12 [running]:", {TRACE}),
        ("thread 'main' panicked at src", {TRACE}),
        ("PHP Fatal error: no", {TRACE}),
        ("chat.rb:12:in `ask'", {TRACE}),
        ("connect ECONNREFUSED 10.0.0.5:27017", {ADDRESS}),
        ("cannot reach 10.9.8.7:11434", {ADDRESS}),
        ("connect to localhost:11434 failed", {ADDRESS}),
        ("upstream http://ollama:11434/api/generate failed", {ADDRESS}),
        ("upstream https://chat.internal/api failed", {ADDRESS}),
        ("cannot open /home/chat/app/answers.db", {PATH}),
        ("cannot open /usr/lib/python3/dist-packages/chat.py", {PATH}),
        (r"cannot open C:\chat\answers.db", {PATH}),
        ("in node_modules/express/lib", {PATH}),
        (f"wrong token {TOKEN}", {SECRET}),
        ("wrong signature c2lnbmF0dXJl", {SECRET}),
        (f"signed with {KEY}", {SECRET}),
    ],
)
def test_a_leak_of_an_error_is_found(text: str, rules: set[str]) -> None:
    """Stack traces of nine languages, addresses, paths and secrets, in the body and in headers."""
    assert find(text) == rules
    assert find("", header=text.replace("\n", " ")) <= rules


@pytest.mark.parametrize(
    "text",
    [
        '{"error": "message is required"}',
        '{"error": "Method Not Allowed", "path": "/api/chat/ask"}',
        "see https://docs.example.com/errors/400 or https://chat.example.org",
        "version 1.2.3.4567, from 8.8.8.8",
        "the service at 127.0.0.1:3000 is busy; http://127.0.0.1:3000/health",
        "999.1.1.1 is no address",
        "use application/json, text/plain or either/or",
        "look at the message (twice)",
        "short",
    ],
)
def test_an_ordinary_error_leaks_nothing(text: str) -> None:
    """Public addresses, the address of the service itself, and paths of the interface are no leaks."""
    assert find(text) == set()


def test_an_error_may_quote_the_path_of_its_request() -> None:
    """`Cannot GET /app/chat` shows no file."""
    answer = ProbeAnswer(404, (), "Cannot GET /app/chat")
    exchange = Exchange(ProbeRequest("GET", "/app/chat"), answer)
    judgement, _ = judge_leaks([exchange], CONTEXT)[PATH]
    assert judgement.status is ProbeStatus.PASSED


def test_an_answer_of_a_model_may_contain_paths_but_no_secret() -> None:
    """A model may write about files and servers; a token is a leak everywhere."""
    assert find("run /usr/bin/python on localhost:8000", 200) == set()
    assert find(f"your token is {TOKEN}", 200) == {SECRET}


def test_an_echo_of_a_text_that_is_no_token_is_no_leak() -> None:
    """`not.a.token` is a secret of no user."""
    assert find("wrong token not.a.token", 401, kind=TokenKind.MALFORMED) == set()


def test_a_finding_shows_no_secret() -> None:
    """Neither the token nor the key, although the text around them leaks."""
    answer = ProbeAnswer(500, (), f"/home/{KEY}/chat {TOKEN}")
    exchange = Exchange(ProbeRequest("POST", "/chat", TokenKind.VALID), answer, TOKEN)
    for judgement, request in judge_leaks([exchange], CONTEXT).values():
        assert KEY not in judgement.actual + request
        assert TOKEN not in judgement.actual + request

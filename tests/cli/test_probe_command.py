"""`bench probe` refuses wrong options before the first request, and exits by its findings."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.errors import Exit
from tests.command import Bench


class _Chat(BaseHTTPRequestHandler):
    """A model server without tokens, which fails for each bad input and shows its trace."""

    def do_POST(self) -> None:
        """Answer an ordinary message, and fail for all others."""
        body = self.rfile.read(int(self.headers["content-length"]))
        is_ordinary = b"Say hello" in body
        text = (
            b'{"response": "Hello!"}' if is_ordinary else b"at Chat.ask (chat.js:1:2)\n    at run (a.js:1:1)"
        )
        self.send_response(200 if is_ordinary else 500)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        """Answer that the model is there."""
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Do not log."""


@pytest.fixture
def chat() -> Iterator[str]:
    """Return the address of the model server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Chat)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rule", "auth-alg-non"), "did you mean 'auth-alg-none'?"),
        (("--out", "html"), "unknown format 'html'"),
        (("--max-time", "0s"), "--max-time 0s: must be at least 1 s"),
        (("--fail-on", "severe"), "'severe' is not one of"),
        (("--stack", "embedded@main"), "bench probes only"),
        (("--stack", "embeded"), "did you mean 'embedded'?"),
        (("--stack", "embedded", "--url", "http://127.0.0.1:1"), "runs on this machine"),
        (("--url", "http://203.0.113.7", "--target", "ollama"), "--allow 203.0.113.7"),
        (("--stack", "external+A=1", "--url", "http://127.0.0.1:1"), "cannot set its variables"),
        (("--url", "http://127.0.0.1:1"), "JWT_SECRET is not set"),
    ],
)
def test_a_wrong_option_is_an_error_of_usage(bench: Bench, options: tuple[str, ...], message: str) -> None:
    """The error names the option, and no request is sent."""
    done = bench("probe", *options)
    assert done.code == Exit.USAGE
    assert message in done.err


def test_findings_exit_with_1_from_their_severity_on(bench: Bench, chat: str) -> None:
    """Internal errors are findings whatever the stack promises."""
    options = (
        "probe",
        "--url",
        chat,
        "--target",
        "ollama",
        "--rule",
        "input-empty",
        "--rule",
        "leak-stack-trace",
    )
    done = bench(*options)
    assert done.code == Exit.REGRESSION
    assert "2 findings in 2 rules (2 medium)" in done.out
    assert bench(*options, "--fail-on", "high").code == Exit.PASS


def test_a_limit_of_requests_is_no_pass(bench: Bench, chat: str) -> None:
    """A probe that was not sent exits with 3."""
    options = ("probe", "--url", chat, "--target", "ollama", "--rule", "headers-cors", "--max-requests", "1")
    done = bench(*options)
    assert done.code == Exit.INCONCLUSIVE
    assert "the limit of 1 requests" in done.out


def test_a_service_that_is_not_up_exits_with_4(bench: Bench) -> None:
    """Its missing answers are no refusals."""
    done = bench("probe", "--url", "http://127.0.0.1:9", "--target", "ollama")
    assert done.code == Exit.TARGET

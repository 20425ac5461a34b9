import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.errors import Exit
from tests.command import Bench
from tests.measure.fake_docker import FakeDocker, install


class _Service(BaseHTTPRequestHandler):
    """A backend that requires a token, and an agent that cannot reach its model."""

    def do_GET(self) -> None:
        self.send_response({"/api/chat/health": 401, "/api/tags": 503}.get(self.path, 404))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing: the output of a test is its failures."""


@pytest.fixture
def service() -> Iterator[str]:
    """Serve one service and return its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Provide a `docker` that succeeds, in a folder with a stack of containers."""
    (tmp_path / "scenarios" / "stacks").mkdir(parents=True)
    (tmp_path / "scenarios" / "stacks" / "mine.yaml").write_text(
        "name: mine\npurpose: A test.\n"
        "compose: {file: compose.yml, services: {backend: {port: 3000, port_variable: BACKEND_PORT}}}\n"
    )
    (tmp_path / "compose.yml").write_text("services: {}\n")
    return install(tmp_path, monkeypatch)


@pytest.mark.parametrize("action", ["up", "down", "logs"])
def test_a_stack_that_runs_elsewhere_is_not_started_or_stopped(bench: Bench, action: str) -> None:
    """The error has a hint."""
    done = bench("stack", action, "--stack", "external")
    assert done.code == Exit.USAGE
    assert "stack 'external'" in done.err
    assert "hint: " in done.err


def test_the_status_of_a_stack_that_runs_elsewhere(bench: Bench, service: str) -> None:
    """A refusal is an answer; a service that reports an error or does not answer is not up."""
    assert "set its address" in bench("stack", "status", "--stack", "external").err
    one = bench("stack", "status", "--stack", "external", "--url", service)
    assert (one.code, one.out.split()) == (Exit.PASS, ["backend", "up"])
    urls = (f"agent={service}", "model=http://127.0.0.1:1")
    more = bench("stack", "status", "--stack", "external", "--url", urls[0], "--url", urls[1])
    assert more.code == Exit.TARGET
    assert more.out.splitlines()[0] == "agent      answers 503 to /api/tags"
    assert more.out.splitlines()[1].startswith("model      no answer: ")


def test_containers_are_started_and_stopped(bench: Bench, fake: FakeDocker) -> None:
    """Addresses and states are data; log lines begin with the service, unless one service is named."""
    up = bench("stack", "up", "--stack", "mine")
    assert (up.code, up.out) == (Exit.PASS, "backend    http://127.0.0.1:40000\n")
    status = bench("stack", "status", "--stack", "mine")
    assert (status.code, status.out) == (Exit.PASS, "backend    up\ndb         up\n")
    assert bench("stack", "logs", "--stack", "mine").out == "backend    listening\ndb         listening\n"
    assert bench("stack", "logs", "db", "--stack", "mine").out.strip() == "listening"
    assert fake.was_called("logs", "--tail", "50", "d" * 64)
    assert "2 containers ended" in bench("stack", "down", "--stack", "mine").err
    assert bench("stack", "status", "--stack", "mine").code == Exit.TARGET


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("external@main", "stack 'external' runs elsewhere"),
        ("external+MODEL=x", "stack 'external' runs elsewhere"),
    ],
)
def test_a_version_must_suit_its_stack(bench: Bench, version: str, problem: str) -> None:
    """Only a stack that bench starts has versions."""
    done = bench("ab", version, "embedded")
    assert done.code == Exit.USAGE
    assert problem in done.err

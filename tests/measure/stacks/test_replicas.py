"""Instances that start and end behind a real nginx, with the configuration of the shipped stack."""

import secrets
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.errors import ConfigError, TargetError
from bench.measure.stacks.ports import host_and_port
from bench.measure.stacks.processes import prepare, run_processes
from bench.measure.stacks.replicas import Replicas
from bench.measure.stacks.running_stack import RunningStack
from bench.store import stacks
from tests.eventually import eventually

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
# Answers with its process id. A message `wait` is answered when the file of its first argument exists. It
# ends at once on SIGTERM, so a request in progress would be lost.
SERVER = """
import http.server, os, sys, time
from pathlib import Path

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_POST(self):
        if self.rfile.read(int(self.headers["content-length"])) == b"wait":
            Path(sys.argv[1] + ".waiting").touch()
            while not os.path.exists(sys.argv[1]):
                time.sleep(0.01)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(os.getpid()).encode())

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@contextmanager
def _running(tmp_path: Path, replicas: int, **changes: object) -> Iterator[tuple[RunningStack, Replicas]]:
    shipped = stacks.load("scaled").services["balancer"].model_dump() | changes
    server = {"command": [sys.executable, "-c", SERVER, str(tmp_path / "go-on")], "replicas": replicas}
    content = {"backend": server, "balancer": shipped}
    stack = Stack.model_validate({"name": "trial", "purpose": "A test.", "services": content})
    with run_processes(stack, SecretStr(secrets.token_hex(20))) as running:
        assert running.processes is not None
        yield running, Replicas(running.processes)


def _ask(running: RunningStack, message: str = "hello") -> str:
    """Return the process that answered a message through the balancer."""
    answer = httpx.post(running.url("backend"), content=message, timeout=120, verify=False)  # noqa: S501 - http
    answer.raise_for_status()
    return answer.text


def test_a_rolling_restart_under_load_loses_no_request(tmp_path: Path) -> None:
    """Every request of several users is answered while all instances are replaced."""
    is_over = threading.Event()

    def send() -> list[str]:
        answers: list[str] = []
        while not is_over.is_set():
            answers.append(_ask(running))
        return [*answers, _ask(running)]

    with _running(tmp_path, 2) as (running, replicas), ThreadPoolExecutor() as users:
        before = dict(running.pids)
        sent = [users.submit(send) for _ in range(4)]
        try:
            replicas.restart_rolling("backend")
        finally:
            is_over.set()
        answers = [user.result() for user in sent]
        assert running.pids.keys() == before.keys()
        assert all(running.pids[name] != before[name] for name in ("backend-1", "backend-2"))
        assert len({pid for user in answers for pid in user}) > 1
        assert running.find_dead_service() is None


def test_an_instance_answers_what_it_has_before_it_ends(tmp_path: Path) -> None:
    """Meanwhile the others get the new requests."""
    with _running(tmp_path, 2) as (running, replicas), ThreadPoolExecutor() as threads:
        waiting = threads.submit(_ask, running, "wait")
        eventually((tmp_path / "go-on.waiting").exists)
        scaled = threads.submit(replicas.scale, "backend", 1)
        eventually(lambda: replicas.started.resting)
        assert len({_ask(running) for _ in range(4)}) >= 1
        assert not waiting.done()
        (tmp_path / "go-on").touch()
        assert waiting.result()
        scaled.result()
        assert replicas.list_names("backend") == ("backend-1",)


def test_a_health_check_does_not_keep_an_instance(tmp_path: Path) -> None:
    """Its connection stays open for the whole run, but it is no request of a user."""
    with _running(tmp_path, 2) as (running, replicas):
        _, port = host_and_port(running.url("backend-2"))
        with socket.create_connection(("127.0.0.1", port)):
            replicas.scale("backend", 1)
        assert replicas.list_names("backend") == ("backend-1",)


def test_more_instances_get_requests_and_fewer_do_not(tmp_path: Path) -> None:
    """The instances with the highest numbers end first; the service's address stays."""
    with _running(tmp_path, 1) as (running, replicas):
        address = running.url("backend")
        replicas.scale("backend", 3)
        assert replicas.list_names("backend") == ("backend-1", "backend-2", "backend-3")
        assert len({_ask(running) for _ in range(12)}) == 3
        replicas.scale("backend", 1)
        assert replicas.list_names("backend") == ("backend-1",)
        assert len({_ask(running) for _ in range(4)}) == 1
        assert running.url("backend") == address


def test_a_lone_instance_is_replaced_by_a_second_one_meanwhile(tmp_path: Path) -> None:
    """So the service always answers, and has one instance again."""
    with _running(tmp_path, 1) as (running, replicas):
        before = _ask(running)
        replicas.restart_rolling("backend")
        assert replicas.list_names("backend") == ("backend-1",)
        assert _ask(running) != before


def test_an_ended_instance_is_replaced_and_its_requests_go_to_the_others(tmp_path: Path) -> None:
    """A connection that cannot be opened is no lost request, and `scale` starts the instance again."""
    with _running(tmp_path, 2) as (running, replicas):
        started = replicas.started
        process = started.processes["backend-2"]
        process.kill()
        process.wait()
        assert {_ask(running) for _ in range(4)}
        assert "backend-2" in (running.find_dead_service() or "")
        replicas.scale("backend", 2)
        assert running.find_dead_service() is None
        assert len({_ask(running) for _ in range(8)}) == 2


def test_only_services_with_replicas_and_a_balancer_that_reloads_can_change(tmp_path: Path) -> None:
    """The error names the field that is missing."""
    services = {
        "backend": {"command": ["run"], "replicas": 2},
        "model": {"command": ["run"]},
        "balancer": {"command": ["run"], "balances": "backend"},
    }
    stack = Stack.model_validate({"name": "trial", "purpose": "A test.", "services": services})
    replicas = Replicas(prepare(stack, None, tmp_path))
    with pytest.raises(ConfigError, match="service 'model' of stack 'trial' has no replicas"):
        replicas.scale("model", 2)
    with pytest.raises(ConfigError, match="cannot learn of other instances of 'backend'"):
        replicas.scale("backend", 3)


def test_a_balancer_that_does_not_take_over_its_configuration_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instance that was to end still gets requests. nginx does not reload for SIGUSR1."""
    monkeypatch.setattr("bench.measure.stacks.rotation._RELOAD_TIMEOUT_S", 0.1)
    with _running(tmp_path, 2, reload="SIGUSR1") as (running, replicas):
        with pytest.raises(TargetError, match="service 'balancer' did not take over its configuration"):
            replicas.scale("backend", 1)
        assert replicas.list_names("backend") == ("backend-1", "backend-2")
        assert len({_ask(running) for _ in range(8)}) == 2

import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from bench.core.config.service import Service
from bench.errors import ConfigError, Exit, TargetError
from bench.measure.stacks.ports import choose_ports
from bench.measure.stacks.processes import prepare, run_processes, start, stop
from bench.measure.stacks.start_options import StartOptions
from tests.eventually import eventually
from tests.measure.programs import PROGRAMS, make_stack

SECRET = SecretStr(secrets.token_hex(20))


def _gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_stack_runs_inside_the_block_only() -> None:
    """Services run during the block, and their processes end with it."""
    with run_processes(make_stack({"one": "good", "two": "good"}), SECRET) as running:
        pids = list(running.pids.values())
        assert len(pids) == 2
        assert running.find_dead_service() is None
        assert running.url("one").startswith("http://127.0.0.1:")
    assert all(_gone(pid) for pid in pids)


def test_a_stack_ends_with_the_block_however_it_ends() -> None:
    """An error inside the block ends the processes too."""
    pids: list[int] = []

    def work() -> None:
        with run_processes(make_stack({"one": "good"}), SECRET) as running:
            pids.extend(running.pids.values())
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        work()
    assert all(_gone(pid) for pid in pids)


def test_the_error_of_a_failed_start_contains_the_log() -> None:
    """A service that ends at once is named, with its code, the end of its log, and the command to try."""
    with pytest.raises(TargetError) as caught, run_processes(make_stack({"one": "broken"}), SECRET):
        pass
    assert caught.value.message == (
        "service 'one' did not start: it ended with code 2; the end of its log:\n  JWT_SECRET is not set"
    )
    assert (caught.value.hint or "").startswith("run it manually to see more: ")
    assert caught.value.exit_code is Exit.TARGET


def test_earlier_services_end_if_a_later_one_fails(tmp_path: Path) -> None:
    """When the second service fails, the first is ended."""
    started = prepare(make_stack({"one": "good", "two": "broken"}), SECRET, tmp_path)
    with pytest.raises(TargetError):
        start(started)
    pid = started.pids["one"]
    assert not _gone(pid)
    stop(started)
    assert _gone(pid)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("silent", "service 'one' did not start: after 1 s, it printed nothing"),
        ("chatty", "service 'one' did not announce its url but printed: hello there"),
    ],
)
def test_a_service_without_an_announcement_is_an_error(program: str, message: str) -> None:
    """After the start timeout, the message contains its name and its output."""
    stack = make_stack({"one": program}, timeout_s=1.0)
    with pytest.raises(TargetError) as caught, run_processes(stack, SECRET):
        pass
    assert caught.value.message.startswith(message)


def test_a_missing_program_is_an_error() -> None:
    """The message contains the command and the reason."""
    stack = make_stack({"one": "good"}, command=["/no/such/program"])
    with pytest.raises(TargetError) as caught, run_processes(stack, SECRET):
        pass
    assert "cannot run /no/such/program: No such file or directory" in caught.value.message


def test_a_dead_service_is_found_with_its_cause() -> None:
    """The message contains the signal or the exit code, and the end of the log."""
    with run_processes(make_stack({"one": "good", "two": "good"}), SECRET) as running:
        os.kill(running.pids["two"], signal.SIGKILL)
        assert eventually(running.find_dead_service) == "service 'two' ended by signal SIGKILL"
    with run_processes(make_stack({"one": "short-lived"}), SECRET) as running:
        dead = eventually(running.find_dead_service)
        assert dead == "service 'one' ended with code 7: disk is gone\ndisk is gone"


def test_a_service_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL follows after the stop timeout."""
    monkeypatch.setattr("bench.measure.stacks.processes.GRACE_S", 0.2)
    started = prepare(make_stack({"one": "stubborn"}), SECRET, tmp_path)
    start(started)
    stop(started)
    assert started.processes["one"].returncode == -signal.SIGKILL


def test_settings_knobs_and_ports_reach_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service gets its declared variables, its knobs and its port, and no variable of the shell."""
    monkeypatch.setenv("SOMETHING_OF_THE_SHELL", "1")
    service: dict[str, Any] = {
        "environment": {"STATE": "${state}", "SECRET": "${jwt_secret}"},
        "knobs": {"slowdown": "SLOWNESS", "twice": "TWICE", "delay_ms": "DELAY"},
        "port_variable": "MY_PORT",
        "command": [sys.executable, "-c", PROGRAMS["good"].replace("'PORT'", "'MY_PORT'")],
    }
    port = choose_ports({"one": Service(command=("true",))}, {})["one"]
    options = StartOptions(injections={"one.slowdown": 1.3, "one.twice": 1.0}, ports={"one": port})
    started = prepare(make_stack({"one": "good"}, **service), SECRET, tmp_path, options)
    try:
        start(started)
        environment = psutil.Process(started.pids["one"]).environ()
    finally:
        stop(started)
    assert environment["STATE"] == str(tmp_path)
    assert environment["SECRET"] == SECRET.get_secret_value()
    assert environment["SLOWNESS"] == "1.3"
    assert environment["TWICE"] == "1"
    assert environment["MY_PORT"] == str(port)
    assert "DELAY" not in environment
    assert "SOMETHING_OF_THE_SHELL" not in environment


def test_the_error_for_an_unknown_service_lists_the_services() -> None:
    """The hint lists them."""
    with (
        run_processes(make_stack({"one": "good"}), SECRET) as running,
        pytest.raises(ConfigError) as caught,
    ):
        running.url("two")
    assert caught.value.message == "stack 'trial' has no service 'two'"
    assert caught.value.hint == "services: one"


def test_the_representation_of_a_stack_contains_no_secret() -> None:
    """`repr` omits the values of placeholders."""
    with run_processes(make_stack({"one": "good"}), SECRET) as running:
        assert SECRET.get_secret_value() not in repr(running)

import os
import secrets
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from bench.core.config.stack import Service
from bench.errors import ConfigError, Exit, TargetError
from bench.measure.stacks.processes import prepare, run_processes, start, stop
from tests.eventually import eventually
from tests.measure.programs import make_stack

SECRET = SecretStr(secrets.token_hex(20))


def _gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_stack_runs_inside_the_block_only() -> None:
    """Services are up inside the block, and their processes gone after it."""
    with run_processes(make_stack({"one": "good", "two": "good"}), SECRET, {}) as live:
        pids = list(live.pids.values())
        assert len(pids) == 2
        assert live.find_dead_service() is None
        assert live.url("one") == "http://127.0.0.1:1"
    assert all(_gone(pid) for pid in pids)


def test_a_stack_ends_with_the_block_however_it_ends() -> None:
    """An error inside the block ends the processes too."""
    pids: list[int] = []

    def work() -> None:
        with run_processes(make_stack({"one": "good"}), SECRET, {}) as live:
            pids.extend(live.pids.values())
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        work()
    assert all(_gone(pid) for pid in pids)


def test_a_service_that_does_not_start_is_named_with_its_words() -> None:
    """A service that ends at once is named, with its code, the end of its log, and the command to try."""
    with pytest.raises(TargetError) as caught, run_processes(make_stack({"one": "broken"}), SECRET, {}):
        pass
    assert caught.value.message == "service 'one' did not start: it ended with code 2: JWT_SECRET is not set"
    assert caught.value.hint is not None
    assert caught.value.exit_code is Exit.TARGET


def test_those_that_started_end_when_a_later_one_does_not(tmp_path: Path) -> None:
    """When the second service fails, the first is ended."""
    started = prepare(make_stack({"one": "good", "two": "broken"}), SECRET, tmp_path)
    with pytest.raises(TargetError):
        start(started, {})
    pid = started.pids["one"]
    assert not _gone(pid)
    stop(started)
    assert _gone(pid)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("silent", "service 'one' did not start: it printed nothing"),
        ("chatty", "service 'one' did not announce its url but printed: hello there"),
    ],
)
def test_a_service_that_does_not_announce_itself_is_not_waited_for(program: str, message: str) -> None:
    """A service has its time to announce itself, and then it is named."""
    stack = make_stack({"one": program}, timeout_s=1.0)
    with pytest.raises(TargetError) as caught, run_processes(stack, SECRET, {}):
        pass
    assert caught.value.message.startswith(message)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A command that cannot be started is named with the reason."""
    stack = make_stack({"one": "good"})
    stack = stack.model_copy(update={"services": {"one": Service(command=("/no/such/program",))}})
    with pytest.raises(TargetError, match="cannot start service 'one': /no/such/program: No such file"):
        start(prepare(stack, SECRET, tmp_path), {})


def test_a_death_is_noticed_with_its_cause() -> None:
    """A service that was killed, or ended by itself, is named with how and with its last words."""
    with run_processes(make_stack({"one": "good", "two": "good"}), SECRET, {}) as live:
        os.kill(live.pids["two"], signal.SIGKILL)
        assert eventually(live.find_dead_service) == "service 'two' ended by signal SIGKILL"
    with run_processes(make_stack({"one": "short-lived"}), SECRET, {}) as live:
        assert eventually(live.find_dead_service) == "service 'one' ended with code 7: disk is gone"


def test_a_service_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ignores SIGTERM is killed after a while."""
    monkeypatch.setattr("bench.measure.stacks.processes._STOP_TIMEOUT_S", 0.2)
    started = prepare(make_stack({"one": "stubborn"}), SECRET, tmp_path)
    start(started, {})
    stop(started)
    assert started.processes["one"].returncode == -signal.SIGKILL


def test_settings_knobs_and_ports_reach_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service gets what its declaration says, the injected knobs, its port, and nothing of the shell's."""
    monkeypatch.setenv("SOMETHING_OF_THE_SHELL", "1")
    service: dict[str, Any] = {
        "environment": {"STATE": "${state}", "SECRET": "${jwt_secret}"},
        "knobs": {"slowdown": "SLOWNESS", "delay_ms": "DELAY"},
        "port_variable": "MY_PORT",
    }
    started = prepare(make_stack({"one": "good"}, **service), SECRET, tmp_path)
    try:
        start(started, {"one.slowdown": 1.3}, {"one": 4321})
        environment = psutil.Process(started.pids["one"]).environ()
    finally:
        stop(started)
    assert environment["STATE"] == str(tmp_path)
    assert environment["SECRET"] == SECRET.get_secret_value()
    assert environment["SLOWNESS"] == "1.3"
    assert environment["MY_PORT"] == "4321"
    assert environment["EXIT_WITH_STDIN"] == "1"
    assert "DELAY" not in environment
    assert "SOMETHING_OF_THE_SHELL" not in environment


def test_a_service_that_is_not_there_is_named_with_those_that_are() -> None:
    """Asking for the address of an unknown service says which there are."""
    with run_processes(make_stack({"one": "good"}), SECRET, {}) as live, pytest.raises(ConfigError) as caught:
        live.url("two")
    assert caught.value.message == "stack 'trial' has no service 'two'"
    assert caught.value.hint == "services: one"


def test_the_secret_is_not_shown() -> None:
    """No representation of a stack holds its secret."""
    with run_processes(make_stack({"one": "good"}), SECRET, {}) as live:
        assert SECRET.get_secret_value() not in repr(live)

"""Services that do not announce themselves, as real processes on loopback."""

import os
import secrets
import socket
import sys
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from bench.core.config.service import Service
from bench.core.watch import waiting
from bench.errors import ConfigError, TargetError
from bench.measure.stacks.ports import choose_ports, require_free_address
from bench.measure.stacks.processes import run_processes
from bench.measure.stacks.start_options import StartOptions
from tests.eventually import eventually
from tests.measure.programs import make_stack

SECRET = SecretStr(secrets.token_hex(20))
# Prints lines, listens at the port of its first argument, and answers with the statuses of the others.
SERVER = """
import socket, sys
print('{"level": "info"}', 'Server is starting', flush=True)
statuses = sys.argv[2:]
host = '::1' if ':' in sys.argv[1] else '127.0.0.1'
family = socket.AF_INET6 if host == '::1' else socket.AF_INET
server = socket.create_server((host, int(sys.argv[1].strip(':'))), family=family)
while True:
    connection, _ = server.accept()
    if connection.recv(9999):
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        head = [f'HTTP/1.1 {status} X', 'content-length: 0', 'connection: close', '', '']
        connection.sendall('\\r\\n'.join(head).encode())
    connection.close()
"""


def _command(*arguments: str, program: str = SERVER) -> list[str]:
    return [sys.executable, "-c", program, *arguments]


def _run(lines: list[str] | None = None, *, timeout_s: float = 20.0, **service: object) -> str:
    """Start a service, end it, and return its address."""
    stack = make_stack({"one": "good"}, timeout_s, announces=False, **service)
    on_wait = (lambda _: None) if lines is None else lines.append
    with run_processes(stack, SECRET, StartOptions(on_wait=on_wait)) as running:
        return running.url("one")


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a wait have its first line at once."""
    monkeypatch.setattr(waiting, "_SILENT_S", 0.0)


def test_a_service_gets_a_free_port_and_is_ready_when_it_listens() -> None:
    """`${port}` and the variable have the port, and lines on stdout do not matter."""
    assert _run(command=_command("${port}", "200")).startswith("http://127.0.0.1:")
    program = "import os, sys; sys.argv = ['-c', os.environ['WEB_PORT'], '200']\n" + SERVER
    assert _run(command=_command(program=program), port_variable="WEB_PORT")


def test_a_service_that_listens_at_localhost_of_ipv6_is_found() -> None:
    """Some servers resolve `localhost` to ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert _run(command=_command("::${port}", "200")).startswith("http://[::1]:")


@pytest.mark.usefixtures("_at_once")
def test_the_wait_for_a_path_is_shown() -> None:
    """A service is ready when its path answers, and each other answer has a line."""
    lines: list[str] = []
    _run(lines, command=_command("${port}", "503", "404", "204"), ready="/health")
    assert [line.rpartition(" (")[0] for line in lines if "refused" not in line] == [
        "waiting for one: 503",
        "waiting for one: 404",
    ]


@pytest.mark.usefixtures("_at_once")
def test_a_service_that_is_never_ready_shows_its_log() -> None:
    """The error has the last answer, the last lines of the log and the field to change."""
    with pytest.raises(TargetError) as caught:
        _run(command=_command("${port}", "404"), ready="/health", timeout_s=0.5)
    assert "service 'one' did not start" in caught.value.message
    assert "/health was not ready" in caught.value.message
    assert caught.value.message.endswith('; the end of its log:\n  {"level": "info"} Server is starting')
    assert "`ready` in stacks/trial.yaml" in (caught.value.hint or "")


def test_a_service_with_another_port_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ignores the port that it gets, so its own port is named."""
    monkeypatch.setattr("bench.measure.stacks.service_start._QUICK_S", 0.0)
    port = choose_ports({"one": Service(command=("x",))}, {})["one"]
    with pytest.raises(TargetError, match=f"it listens on port {port}, not on port"):
        _run(command=_command(str(port), "200"), timeout_s=2.0)


def test_a_service_that_ends_is_reported_at_once(tmp_path: Path) -> None:
    """The wait does not go on, and the complete log is kept and named."""
    program = "import sys; print('listening soon'); print('no database', file=sys.stderr); sys.exit(3)"
    stack = make_stack({"one": "good"}, 600.0, announces=False, command=_command(program=program))
    with (
        pytest.raises(
            TargetError, match=r"(?s)'one' did not start: it ended with code 3; .*no database"
        ) as caught,
        run_processes(stack, SECRET, StartOptions(logs=tmp_path / "logs")),
    ):
        pass
    assert caught.value.hint == f"the complete log is {tmp_path / 'logs' / 'one.log'}"
    assert "listening soon" in (tmp_path / "logs" / "one.log").read_text()


def test_a_service_that_ends_during_a_run_shows_its_last_lines(tmp_path: Path) -> None:
    """The line names the complete log."""
    program = SERVER.replace(
        "while True:", "print('out of memory', file=sys.stderr); server.accept(); sys.exit(9)"
    )
    program = program.partition("sys.exit(9)")[0] + "sys.exit(9)"
    stack = make_stack({"one": "good"}, announces=False, command=_command("${port}", program=program))
    with run_processes(stack, SECRET, StartOptions(logs=tmp_path / "logs")) as running:
        dead = eventually(running.find_dead_service)
    assert dead.startswith("service 'one' ended with code 9: ")
    assert dead.splitlines()[0].endswith(f"out of memory; its log is {tmp_path / 'logs' / 'one.log'}")


def test_empty_logs_are_removed(tmp_path: Path) -> None:
    """A stack without a line leaves no folder."""
    with run_processes(make_stack({"one": "good"}), SECRET, StartOptions(logs=tmp_path / "run" / "logs")):
        assert (tmp_path / "run" / "logs").is_dir()
    assert not (tmp_path / "run").exists()


def test_a_worker_is_ready_when_it_runs() -> None:
    """It may also end with 0, as a migration does; another code is an error."""
    worker = {"announces": False, "listens": False}
    for program in ("import time; time.sleep(600)", "pass"):
        stack = make_stack({"one": "good"}, command=_command(program=program), **worker)
        with run_processes(stack, SECRET) as running:
            assert running.urls == {}
            assert running.find_dead_service() is None
    stack = make_stack({"one": "good"}, command=_command(program="raise SystemExit(4)"), **worker)
    with run_processes(stack, SECRET) as running:
        assert eventually(running.find_dead_service) == "service 'one' ended with code 4"


def test_services_know_the_addresses_of_all_services() -> None:
    """Also of those that start later."""
    stack = make_stack({"one": "good", "two": "good"}, announces=False)
    first = stack.services["one"].model_copy(update={"environment": {"PEER": "${two.url} ${two.address}"}})
    stack = stack.model_copy(update={"services": {**stack.services, "one": first}})
    with run_processes(stack, SECRET) as running:
        (child,) = psutil.Process(running.pids["one"]).children()
        url = running.url("two")
        assert child.environ()["PEER"] == f"{url} {url.removeprefix('http://')}"


def test_a_version_has_its_own_folder_and_variables(tmp_path: Path) -> None:
    """`cwd` is relative to its files, and a variable reaches the environment and `${env.…}`."""
    (tmp_path / "backend").mkdir()
    stack = make_stack(
        {"one": "good"}, announces=False, cwd="backend", environment={"COPY": "${env.POOL} ${tree} ${here}"}
    )
    options = StartOptions(tree=tmp_path, variables={"POOL": "5"})
    with run_processes(stack, SECRET, options) as running:
        (child,) = psutil.Process(running.pids["one"]).children()
        assert child.cwd() == str(tmp_path / "backend")
        assert child.environ()["POOL"] == "5"
        assert child.environ()["COPY"] == f"5 {tmp_path} {Path.cwd()}"
    with (
        pytest.raises(ConfigError, match=r"services\.one\.cwd: the folder .*backend does not exist"),
        run_processes(stack, SECRET, StartOptions(variables={"POOL": "5"})),
    ):
        pass


def test_a_taken_port_names_its_process() -> None:
    """A fixed port is an error; of a range, the next port is used."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        fixed = Service.model_validate({"command": ["x"], "port": port})
        with pytest.raises(TargetError) as caught:
            choose_ports({"one": fixed}, {})
        assert caught.value.message.startswith(f"port {port} of service 'one' is taken by ")
        assert f"(process {os.getpid()})" in caught.value.message
        with pytest.raises(TargetError, match=f"port {port} of service 'one' is taken"):
            require_free_address("one", f"http://localhost:{port}")
        chosen = choose_ports(
            {
                "one": Service.model_validate({"command": ["x"], "port": f"{port}-{port + 20}"}),
                "two": Service.model_validate({"command": ["x"], "port": f"{port}-{port + 20}"}),
            },
            {},
        )
        assert port < chosen["one"] < chosen["two"] <= port + 20
    require_free_address("one", "https://chat.example:443")


def test_services_get_different_free_ports() -> None:
    """A service that announces its address chooses its port itself."""
    services = {name: Service(command=("x",)) for name in ("one", "two", "three")}
    services["four"] = Service(command=("x",), announces=True)
    services["five"] = Service(command=("x",), listens=False)
    ports = choose_ports(services, {})
    assert len({ports["one"], ports["two"], ports["three"]}) == 3
    assert ports["four"] == 0
    assert "five" not in ports


def test_a_service_that_ends_before_it_is_ready_is_reported_once(tmp_path: Path) -> None:
    """Its error is complete: it is not nested into the error of a service that is late."""
    program = SERVER.replace("    connection.close()", "    connection.close(); sys.exit(3)")
    command = _command("${port}", "503", program=program)
    stack = make_stack({"one": "good"}, 600.0, announces=False, command=command, ready="/health")
    with (
        pytest.raises(TargetError) as caught,
        run_processes(stack, SECRET, StartOptions(logs=tmp_path / "l")),
    ):
        pass
    assert caught.value.message.count("did not start") == 1
    assert caught.value.message.startswith("service 'one' did not start: it ended with code 3")
    assert caught.value.hint == f"the complete log is {tmp_path / 'l' / 'one.log'}"

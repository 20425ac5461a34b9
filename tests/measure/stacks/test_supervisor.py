"""A supervised service ends with all processes that it started, however `bench` ends."""

import secrets
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.measure.stacks.ports import choose_ports
from bench.measure.stacks.processes import run_processes
from tests.eventually import eventually
from tests.measure.programs import make_stack

SECRET = SecretStr(secrets.token_hex(20))
# A shell that starts two sleeping processes, one of them in a session of its own, and then a server.
TREE = """
sleep 600 &
echo $! >> "$PIDS"
setsid sleep 600 &
echo $! >> "$PIDS"
echo $$ >> "$PIDS"
"$PYTHON" -c "import os, socket, time
server = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))
open(os.environ['PIDS'], 'a').write('%d\\n' % os.getpid())
time.sleep(600)"
"""


def make_tree(pids: Path, script: str = TREE) -> Stack:
    """Return a stack whose service is a shell with several processes, whose ids are written to a file."""
    environment = {"PIDS": str(pids), "PYTHON": sys.executable}
    return make_stack({"one": "good"}, command=["sh", "-c", script], announces=False, environment=environment)


def _list_pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()]


def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def _are_gone(pids: list[int]) -> bool:
    return all(_is_gone(pid) for pid in pids)


def test_a_service_ends_with_its_complete_process_tree(tmp_path: Path) -> None:
    """Also with a process whose parent ended, and with one in a session of its own."""
    with run_processes(make_tree(tmp_path / "pids"), SECRET):
        pids = eventually(lambda: _list_pids(tmp_path / "pids"))
        assert len(pids) == 4
        assert not any(_is_gone(pid) for pid in pids)
    assert _are_gone(pids)


def test_a_killed_bench_leaves_no_process(tmp_path: Path) -> None:
    """SIGKILL ends the process that started the stack; its supervisor then ends the services."""
    program = """if True:
        import sys, time
        from pathlib import Path
        from tests.measure.stacks.test_supervisor import SECRET, make_tree, run_processes
        with run_processes(make_tree(Path(sys.argv[1])), SECRET) as running:
            print(*running.pids.values(), flush=True)
            time.sleep(600)
    """
    command = [sys.executable, "-c", program, str(tmp_path / "pids")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        supervisors = [int(pid) for pid in bench.stdout.readline().split()]
        pids = [*_list_pids(tmp_path / "pids"), *supervisors]
        assert len(pids) == 5
        bench.send_signal(signal.SIGKILL)
        bench.wait()
        assert eventually(lambda: _are_gone(pids))


def test_a_server_that_a_command_leaves_in_the_background_is_the_service(tmp_path: Path) -> None:
    """The command ends with 0, as programs do that run as daemons."""
    script = TREE.replace("time.sleep(600)", "os.fork() and os._exit(0); os.setsid(); time.sleep(600)")
    with run_processes(make_tree(tmp_path / "pids", script + "\nexit 0"), SECRET) as running:
        shell = _list_pids(tmp_path / "pids")[2]
        assert eventually(lambda: _is_gone(shell))
        assert running.find_dead_service() is None
        tree = psutil.Process(running.pids["one"]).children(recursive=True)
        assert len(tree) == 3
    assert _are_gone([process.pid for process in tree])


@pytest.mark.parametrize("stop", ["SIGINT", ["sh", "-c", 'kill -INT "$(cat "$PIDS")"']])
def test_a_service_stops_in_its_own_way(tmp_path: Path, stop: object) -> None:
    """By a signal, or by a command with the same variables."""
    program = """
import os, signal, socket, sys, time
def end(*_):
    open(os.environ['PIDS'] + '.end', 'w').write('by SIGINT')
    sys.exit()
signal.signal(signal.SIGINT, end)
open(os.environ['PIDS'], 'w').write(str(os.getpid()))
server = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))
time.sleep(600)
"""
    stack = make_stack(
        {"one": "good"},
        command=[sys.executable, "-c", program],
        announces=False,
        environment={"PIDS": str(tmp_path / "pid")},
        stop=stop,
    )
    with run_processes(stack, SECRET):
        pass
    assert (tmp_path / "pid.end").read_text() == "by SIGINT"


def make_commanded(folder: Path, port: int) -> Stack:
    """Return a stack whose first command ends, and whose second one stays in the foreground."""
    server = "import os, socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1])));"
    server += f"open('{folder}/pid', 'w').write(str(os.getpid())); time.sleep(600)"
    return Stack.model_validate(
        {
            "name": "commanded",
            "purpose": "A test.",
            "up": [
                ["sh", "-c", f"echo first >> {folder}/events"],
                [sys.executable, "-c", server, str(port)],
            ],
            "down": [["sh", "-c", f"echo down >> {folder}/events"]],
            "urls": {"backend": f"http://127.0.0.1:{port}"},
        }
    )


def test_commands_start_and_stop_a_stack(tmp_path: Path) -> None:
    """The last command of `up` may stay; the commands of `down` run after it ended."""
    port = choose_ports(make_stack({"one": "good"}, announces=False).services, {})["one"]
    with run_processes(make_commanded(tmp_path, port), SECRET) as running:
        assert running.urls == {"backend": f"http://127.0.0.1:{port}"}
        assert running.find_dead_service() is None
        # The server listens before it writes its file.
        eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        pid = int((tmp_path / "pid").read_text())
        assert not _is_gone(pid)
        assert (tmp_path / "events").read_text() == "first\n"
    assert _is_gone(pid)
    assert (tmp_path / "events").read_text() == "first\ndown\n"


def test_the_commands_of_a_killed_bench_run_down(tmp_path: Path) -> None:
    """A stack of containers, for example, does not outlive the run."""
    port = choose_ports(make_stack({"one": "good"}, announces=False).services, {})["one"]
    program = """if True:
        import os, signal, sys
        from pathlib import Path
        from tests.measure.stacks.test_supervisor import SECRET, make_commanded, run_processes
        with run_processes(make_commanded(Path(sys.argv[1]), int(sys.argv[2])), SECRET):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path), str(port)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert eventually(lambda: "down" in (tmp_path / "events").read_text())
    assert eventually(lambda: _is_gone(int((tmp_path / "pid").read_text())))

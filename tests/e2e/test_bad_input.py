import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from bench.errors import Exit
from bench.store import results
from tests.command import bench, command, environment, short_scenario
from tests.eventually import eventually
from tests.factories import make_baseline, make_recording, run_at

SHIPPED = Path(__file__).parents[2] / "scenarios"


def _service(parent: int, role: str) -> psutil.Process | None:
    """A service of the stack that a process started."""
    try:
        children = psutil.Process(parent).children(recursive=True)
        return next((child for child in children if role in child.cmdline()), None)
    except psutil.Error:
        return None


def _gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "duration: 30s",
            "duraton: 30s",
            "scenarios/quick.yaml:8: duraton is not a field; did you mean 'duration'?",
        ),
        (
            "duration: 30s",
            "duration: -30",
            "scenarios/quick.yaml:8: duration must be above 0",
        ),
        ("e2e_ms:", "e2e_sec:", "there is no metric 'e2e_sec'; did you mean 'e2e_ms'?"),
    ],
)
def test_a_wrong_scenario_is_refused_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A typo, a negative duration and an unknown metric exit with 2 before the stack starts."""
    mine = Path(shutil.copytree(SHIPPED, tmp_path / "scenarios")) / "quick.yaml"
    mine.write_text(mine.read_text().replace(old, new))
    done = bench("check", "quick", cwd=tmp_path)
    assert done.code == Exit.USAGE
    assert message in done.err
    assert "\n\nhint: " in done.err
    assert not (tmp_path / "results").exists()


def test_a_newer_baseline_asks_for_an_upgrade(tmp_path: Path) -> None:
    """A baseline of a newer schema exits with 5 and a hint to upgrade; the run is stored."""
    home = results.save(run_at(1.0), make_recording(), tmp_path / "results")
    path = tmp_path / "baselines" / "embedded" / "simulated" / "quick.json"
    path.parent.mkdir(parents=True)
    content = make_baseline().model_dump(mode="json") | {"schema_version": 99}
    path.write_text(json.dumps(content))
    done = bench("compare", str(home), cwd=tmp_path)
    assert done.code == Exit.MEASUREMENT
    assert "has schema version 99; this version of bench reads version 2" in done.err
    assert results.load(home).summary.requests == 100


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    """A truncated result and a truncated baseline exit with 5 and name the file."""
    home = results.save(run_at(1.0), make_recording(), tmp_path / "results")
    whole = (home / "result.json").read_text()
    path = tmp_path / "half.json"
    path.write_text(make_baseline().model_dump_json()[:1000])
    done = bench("compare", str(home), "--baseline", str(path), cwd=tmp_path)
    assert done.code == Exit.MEASUREMENT
    assert f"{path} is not complete JSON" in done.err
    (home / "result.json").write_text(whole[: len(whole) // 2])
    done = bench("report", str(home), cwd=tmp_path)
    assert done.code == Exit.MEASUREMENT
    assert "result.json is not complete JSON" in done.err


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """A used port exits with 4, names service and port, and leaves no process."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = {"JWT_SECRET": secrets.token_hex(32)}
        done = bench("stack", "up", "--port", f"backend={port}", cwd=tmp_path, env=env)
        assert done.code == Exit.TARGET
        assert f"port {port} of service 'backend' is taken by " in done.err
        assert bench("stack", "status", cwd=tmp_path).out == "embedded: not started\n"
    assert not [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(tmp_path)]


def test_a_service_that_dies_ends_the_run(tmp_path: Path) -> None:
    """The exit is 4, the error names the service, and the requests are stored."""
    path = short_scenario(tmp_path, duration_s=60)
    running = subprocess.Popen(
        command("run", str(path)),
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with running:
        assert running.stderr is not None
        model = eventually(lambda: _service(running.pid, "model"))
        _wait_for_requests(running)
        others = [eventually(partial(_service, running.pid, role)) for role in ("agent", "backend")]
        model.kill()
        said = running.stderr.read()
    assert running.returncode == Exit.TARGET
    assert "service 'model' ended by signal SIGKILL" in said
    assert "Traceback" not in said
    (home,) = (tmp_path / "results").iterdir()
    assert results.load(home).summary.requests > 0
    assert all(_gone(each) for each in others)


def test_a_refused_token_is_an_error(tmp_path: Path) -> None:
    """If the backend refuses the token, the exit is 4 and the hint names the secret."""
    path = short_scenario(tmp_path)
    secret = secrets.token_hex(32)
    try:
        assert bench("stack", "up", cwd=tmp_path, env={"JWT_SECRET": secret}).code == Exit.PASS
        done = bench("check", str(path), cwd=tmp_path, env={"JWT_SECRET": secrets.token_hex(32)})
    finally:
        bench("stack", "down", cwd=tmp_path)
    assert done.code == Exit.TARGET
    assert 'answered 401 Unauthorized: {"error":"Invalid token"}' in done.err
    assert "set JWT_SECRET to the backend's secret" in done.err
    assert secret not in done.err + done.out
    assert not list((tmp_path / ".bench" / "users").glob("*"))


def test_a_full_disk_loses_no_run(tmp_path: Path) -> None:
    """If the results cannot be written, the verdict is printed, and the error names the place of the run."""
    (tmp_path / "results").write_text("a file stands where the folder should be")
    (tmp_path / "tmp").mkdir()
    env = {"TMPDIR": str(tmp_path / "tmp")}
    done = bench("check", str(short_scenario(tmp_path)), cwd=tmp_path, env=env)
    assert done.code == Exit.MEASUREMENT
    assert done.out.split()[1] in {"CANNOT", "INVALID"}  # no baseline; a busy machine makes a run invalid
    assert "the run was stored in" in done.err
    (kept,) = (tmp_path / "tmp" / "bench-kept").iterdir()
    assert results.load(kept).summary.requests > 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
def test_an_interrupt_stores_the_requests(tmp_path: Path, number: signal.Signals) -> None:
    """The end of the terminal is like Ctrl-C: exit 130 with the folder; no process and no user is left."""
    path = short_scenario(tmp_path, duration_s=60)
    running = subprocess.Popen(
        command("check", str(path)), cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    )
    with running:
        assert running.stderr is not None
        services = [eventually(partial(_service, running.pid, role)) for role in ("model", "backend")]
        _wait_for_requests(running)
        running.send_signal(number)
        said = running.stderr.read()
    assert running.returncode == Exit.INTERRUPTED
    assert "kept in results/" in said
    assert "Traceback" not in said
    (home,) = (tmp_path / "results").iterdir()
    assert results.load(home).summary.requests > 0
    assert all(_gone(each) for each in services)
    assert not list((tmp_path / ".bench" / "users").glob("*"))


def test_a_killed_run_leaves_no_process(tmp_path: Path) -> None:
    """If bench is killed, its stack ends by itself, and the next run removes its users."""
    path = short_scenario(tmp_path, duration_s=60)
    running = subprocess.Popen(
        command("run", str(path)), cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    )
    with running:
        services = [
            eventually(partial(_service, running.pid, role)) for role in ("model", "agent", "backend")
        ]
        _wait_for_requests(running)
        running.kill()
    eventually(lambda: all(_gone(each) for each in services))
    journals = tmp_path / ".bench" / "users"
    assert len(list(journals.iterdir())) == 1
    next_run = bench("run", str(short_scenario(tmp_path)), cwd=tmp_path)
    assert next_run.code in {Exit.PASS, Exit.MEASUREMENT}  # on a busy machine the run is invalid
    assert not list(journals.iterdir())


def _wait_for_requests(running: "subprocess.Popen[str]") -> None:
    """Read the progress until there are requests."""
    assert running.stderr is not None
    while True:
        line = running.stderr.readline()
        assert line, "it ended before there were requests"
        if " requests " in line and " 0 requests" not in line:
            return


def test_the_secret_is_never_written(tmp_path: Path) -> None:
    """JWT_SECRET is in no file and in no output of a run."""
    secret = secrets.token_hex(32)
    done = bench("check", str(short_scenario(tmp_path)), cwd=tmp_path, env={"JWT_SECRET": secret})
    assert done.code in {Exit.INCONCLUSIVE, Exit.MEASUREMENT}  # a busy machine makes a run invalid
    assert secret not in done.out + done.err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "report.md" for path in files)
    assert any(path.name == "samples.blocks" for path in files)
    assert not any(secret.encode() in path.read_bytes() for path in files)


def test_the_stack_runs_in_this_python() -> None:
    """So its packages are the tested ones."""
    assert command("--version")[0] == sys.executable
    assert os.access(sys.executable, os.X_OK)

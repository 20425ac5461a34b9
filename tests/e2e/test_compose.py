"""The stack in containers, by a real engine. Where there is none, or no image, it says what it left out.

The images may be stand-ins of the same names: shown here is how containers start, are watched and end,
not what is in them. So nothing here shows that the official mongo image makes the application's user.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.errors import Exit
from tests.command import Done, bench, command, environment, short_scenario
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
IMAGES = ("chatbench:ci", "mongo:7.0")
KINDS = (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
# Of a stack's start, on a machine that has much else to do.
PATIENCE_S = 300.0
# A stack of one container: its health and its program are the test's.
TINY = """\
name: tiny
purpose: A test.
compose: {file: tiny.yml, start_timeout_s: 120, services: {only: {}}}
"""
TINY_FILE = """\
services:
  only:
    image: chatbench:ci
    init: true
    stop_grace_period: 0s
    command: [python, -c, "import time; print('the disk is gone', flush=True); time.sleep(600)"]
    volumes: [/data]
    healthcheck: {test: [CMD, python, -SEc, "HEALTH"], interval: 1s, retries: RETRIES}
"""


def docker(*arguments: str) -> str:
    """Return the output of a docker command."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def find_skip_reason() -> str | None:
    """Return the reason why these tests cannot run; None if they can."""
    if shutil.which("docker") is None or not docker("version"):
        return "no Docker engine, so these tests started no container"
    if not docker("compose", "version") and shutil.which("docker-compose") is None:
        return "docker has no compose, so these tests started no container"
    missing = [name for name in IMAGES if not docker("image", "inspect", name)]
    return f"no image {', '.join(missing)}, so these tests started no container" if missing else None


pytestmark = [
    pytest.mark.containers,
    pytest.mark.skipif(find_skip_reason() is not None, reason=str(find_skip_reason())),
]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """Provide a folder with the compose file, and remove every container, network and volume of it."""
    shutil.copy(ROOT / "docker-compose.ci.yml", tmp_path)
    shutil.copytree(ROOT / "docker", tmp_path / "docker")
    yield tmp_path
    for project in list_projects(tmp_path):
        bench("stack", "down", "--stack", project.split("-")[1], cwd=tmp_path)


def list_projects(folder: Path) -> list[str]:
    """Return the projects of a folder that have a container, a network or a volume."""
    code = "from bench.measure.stacks.projects import persistent_project; print(persistent_project('x')[-6:])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    form = '{{.Label "com.docker.compose.project"}}'
    names = "".join(docker(*kind, "--format", form) for kind in KINDS).split()
    return [name for name in names if f"-{done.stdout.strip()}" in name]


def tiny(folder: Path, health: str, retries: int) -> None:
    """Declare the stack of one container."""
    (folder / "scenarios" / "stacks").mkdir(parents=True)
    (folder / "scenarios" / "stacks" / "tiny.yaml").write_text(TINY)
    (folder / "tiny.yml").write_text(TINY_FILE.replace("HEALTH", health).replace("RETRIES", str(retries)))


@contextmanager
def start(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start a command; `said` collects its stderr."""
    # Whoever runs the tests in the background ignores Ctrl-C, and would hand that down.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=environment(**(env or {})),
            stdout=subprocess.DEVNULL,
            stderr=said,
            text=True,
        )
    signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(folder: Path, words: str) -> None:
    """Return when the running command prints this."""
    eventually(lambda: re.search(words, (folder / "said").read_text()), PATIENCE_S)


def read_result(folder: Path) -> dict[str, Any]:
    """Return the only result in a folder."""
    (path,) = (folder / "results").glob("*/result.json")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def find_container(folder: Path, service: str) -> str:
    """Return the id of a service's container."""
    project = list_projects(folder)[0]
    labels = [f"label=com.docker.compose.project={project}", f"label=com.docker.compose.service={service}"]
    return docker("ps", "--quiet", "--filter", labels[0], "--filter", labels[1]).strip()


def run_successfully(*arguments: str, cwd: Path) -> Done:
    """Run a command that must succeed."""
    done = bench(*arguments, cwd=cwd)
    assert done.code == 0, done.err
    return done


def test_a_persistent_stack_survives_failures(here: Path) -> None:
    """Addresses, status, logs and a check; then the agent is killed and MongoDB restarted.

    The run continues, and its result has failures, restarts, alerts and outages; then the stack answers.
    """
    started = run_successfully("stack", "up", "--stack", "compose", cwd=here)
    assert set(re.findall(r"^(\w+) +http://127\.0\.0\.1:\d+$", started.out, re.MULTILINE)) == {
        *("agent", "backend", "model", "mongodb")
    }
    assert run_successfully("stack", "status", "--stack", "compose", cwd=here).out.count(" up") == 4
    log = run_successfully("stack", "logs", "agent", "--tail", "20", "--stack", "compose", cwd=here).out
    assert "listening" in log

    check = ("check", str(short_scenario(here)), "--stack", "compose", "--no-calibration")
    checked = bench(*check, cwd=here)
    assert checked.code == Exit.INCONCLUSIVE, checked.err  # there is no baseline
    assert "using the stack 'compose', which is already up" in checked.err
    kept = read_result(here)
    assert kept["summary"]["outcomes"].keys() == {"ok"}
    made_of = kept["fingerprint"]["parts"]
    assert made_of["image of mongodb"].startswith("sha256:")
    assert not [name for name in made_of if "backend" in name or "agent" in name]
    secret = json.loads((here / ".bench/stacks/compose/containers.json").read_text())["secrets"]
    said = started.out + started.err + checked.out + checked.err + json.dumps(kept)
    assert not any(value in said for value in secret.values())
    shutil.rmtree(here / "results")

    agent, mongodb = find_container(here, "agent"), find_container(here, "mongodb")
    pid = json.loads(log.splitlines()[-1])["pid"]
    load = ("run", str(short_scenario(here, 40.0)), "--stack", "compose", "--no-calibration")
    with start(here, *load) as run:
        wait_for(here, r"1\d s of 40 s")  # so that both were seen to run before
        docker("exec", agent, "python", "-c", f"import os; os.kill({pid}, 9)")
        docker("restart", "--time", "1", mongodb)
        assert run.wait(timeout=300) == 0, (here / "said").read_text()
    survived = read_result(here)
    assert survived.get("stop") is None
    assert survived["summary"]["outcomes"]["ok"] > 0
    assert len(survived["summary"]["outcomes"]) > 1
    assert {each["status"] for each in survived["summary"]["errors"]} & {500, 503}
    alerts = {(each["rule"], each["source"]) for each in survived["alerts"]}
    assert alerts >= {("restarts", "agent"), ("restarts", "mongodb")}
    used, seen = survived["summary"]["resources"], survived["summary"]["availability"]
    assert (used["agent"]["restarts"], used["mongodb"]["restarts"]) == (1, 1)
    assert any(each["outages"] for each in seen.values()), seen
    assert docker("inspect", "--format", "{{.RestartCount}}", agent).strip() == "1"
    run_successfully(*check, "--results", "after", cwd=here)

    assert "4 containers ended" in run_successfully("stack", "down", "--stack", "compose", cwd=here).err
    assert list_projects(here) == []
    assert bench("stack", "status", "--stack", "compose", cwd=here).code == 4


def test_an_interrupted_run_stores_requests_and_leaves_no_container(here: Path) -> None:
    """No container, network or volume is left; refusals of the model are in the result, by status."""
    injected = ("--inject", "model.delay_ms=500", "--no-calibration")
    scenario = short_scenario(here, 120.0)
    scenario.write_text(scenario.read_text().replace("target: chat", "target: agent"))
    one_at_a_time = {"OLLAMA_NUM_PARALLEL": "1", "OLLAMA_MAX_QUEUE": "1"}
    with start(here, "run", str(scenario), "--stack", "compose", *injected, env=one_at_a_time) as run:
        wait_for(here, r"[1-9]\d* failed")
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=300) == 130
    assert list_projects(here) == []
    kept = read_result(here)
    assert kept["stop"]["cause"] == "interrupt"
    assert kept["summary"]["outcomes"]["http_error"] > 0
    first = kept["summary"]["errors"][0]
    assert (first["status"], "server busy" in first["detail"]) == (503, True)
    assert kept["provenance"]["injections"] == {"model.delay_ms": 500}


def test_an_unhealthy_service_is_named_with_its_log(here: Path) -> None:
    """The error shows the reason, and no container is left."""
    tiny(here, "raise SystemExit(1)", 1)
    done = bench("stack", "up", "--stack", "tiny", cwd=here)
    assert done.code == 4
    assert "error: service 'only' is unhealthy: the disk is gone" in done.err
    assert list_projects(here) == []


def test_a_full_disk_is_shown(here: Path) -> None:
    """The error shows the last lines of the service that cannot write."""
    tiny(here, "", 600)
    full = "import os; raise SystemExit(os.system('head -c 4194304 /dev/zero > /data/all') >> 8)"
    text = (here / "tiny.yml").read_text().replace("time.sleep(600)", full)
    (here / "tiny.yml").write_text(text.replace("volumes: [/data]", 'tmpfs: ["/data:size=1m,mode=1777"]'))
    done = bench("stack", "up", "--stack", "tiny", cwd=here)
    assert done.code == 4, done.err
    assert "service 'only' ended with code 1" in done.err
    assert "No space left on device" in done.err
    assert list_projects(here) == []


def test_a_forbidden_socket_is_an_error(here: Path) -> None:
    """The error has a hint; commands that need no engine still work."""
    path = here / "docker.sock"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(path))
        path.chmod(0)
        host = environment(DOCKER_HOST=f"unix://{path}")
        start = [*mortal(), *command("stack", "up", "--stack", "compose")]
        done = subprocess.run(start, cwd=here, env=host, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "this account may not use Docker's socket" in done.stderr
    assert "hint: have yourself added to the group" in done.stderr
    assert "Traceback" not in done.stderr


def mortal() -> list[str]:
    """Return a command that runs another one without the rights of root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may use every socket")
    return ["setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override"]


def test_an_interrupted_start_leaves_no_container(here: Path) -> None:
    """SIGTERM as well as Ctrl-C, at every moment."""
    tiny(here, "raise SystemExit(1)", 600)
    for number in (signal.SIGINT, signal.SIGTERM):
        with start(here, "stack", "up", "--stack", "tiny") as process:
            eventually(lambda: list_projects(here), PATIENCE_S)
            process.send_signal(number)
            assert process.wait(timeout=300) == 130
        assert list_projects(here) == []


def test_down_removes_containers_of_a_killed_command(here: Path) -> None:
    """`down` finds them by their label."""
    tiny(here, "raise SystemExit(1)", 600)
    with start(here, "run", str(short_scenario(here)), "--stack", "tiny"):
        eventually(lambda: list_projects(here), PATIENCE_S)
    down = run_successfully("stack", "down", "--stack", "tiny", cwd=here)
    assert "containers ended" in down.err
    assert list_projects(here) == []


def test_a_missing_part_is_named(here: Path) -> None:
    """An image, a compose file, an engine: each with a hint."""
    tiny(here, "", 1)
    (here / "tiny.yml").write_text(
        (here / "tiny.yml").read_text().replace("chatbench:ci", "chatbench:nowhere")
    )
    done = bench("stack", "up", "--stack", "tiny", cwd=here)
    assert (done.code, "hint: docker pull chatbench:nowhere" in done.err) == (2, True), done.err
    (here / "tiny.yml").unlink()
    done = bench("stack", "up", "--stack", "tiny", cwd=here)
    assert (done.code, "there is no compose file tiny.yml" in done.err) == (2, True), done.err
    nowhere = {"DOCKER_HOST": f"unix://{here}/none.sock"}
    done = bench("stack", "up", "--stack", "tiny", cwd=here, env=nowhere)
    assert (done.code, "hint: " in done.err) == (4, True), done.err

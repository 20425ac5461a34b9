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
compose: {file: tiny.yml, start_timeout: 2m, services: {only: {}}}
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


# A stack whose service is built from the files of a version and needs a shared one.
SERVES = "exec python -m chatstack model"
PAIR = """\
name: pair
purpose: A test.
compose:
  file: pair.yml
  shared: [llm]
  start_timeout: 2m
  services: {only: {port: 11434, build: .}}
"""
PAIR_FILE = """\
x-model: &model
  image: chatbench:ci
  init: true
  stop_grace_period: 0s
  environment: {ROLE: model, PORT: "11434"}
services:
  llm: *model
  only:
    <<: *model
    container_name: only
    restart: on-failure:3
    depends_on: [llm]
    ports: ["127.0.0.1:39917:11434"]
    healthcheck:
      test:
        - CMD-SHELL
        - python -SEc "import socket; [socket.create_connection((h, 11434)) for h in ('llm', 'localhost')]"
      interval: 1s
      retries: 60
"""
FEW = """\
name: few
purpose: Few requests, for tests.
target: ollama
seed: 1
prompts: prompts/forms.yaml
executor: per-vu-iterations
vus: 2
iterations: 2
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
    after = bench(*check, "--results", "after", cwd=here)
    assert after.code == Exit.INCONCLUSIVE, after.err

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
    assert "error: service 'only' is unhealthy; the end of its log:\n  the disk is gone" in done.err
    assert list_projects(here) == []


def test_a_crash_loop_is_named_with_its_exit_code_and_log(here: Path) -> None:
    """Docker starts the service again and again; bench does not wait for the start timeout."""
    tiny(here, "", 600)
    crash = "print('no license', flush=True); raise SystemExit(9)"
    text = (here / "tiny.yml").read_text().replace("time.sleep(600)", crash)
    (here / "tiny.yml").write_text(text.replace("init: true", "init: true\n    restart: always"))
    done = bench("stack", "up", "--stack", "tiny", cwd=here)
    assert done.code == 4
    assert re.search(r"service 'only' ended with code 9, \d+ times; the end of its log:", done.err)
    assert "\n  no license" in done.err
    assert list_projects(here) == []


def compared(folder: Path, *, base: str = SERVES, head: str = SERVES) -> None:
    """Write a repository whose two commits build a service, which needs a shared one."""
    (folder / "scenarios" / "stacks").mkdir(parents=True)
    (folder / "scenarios" / "stacks" / "pair.yaml").write_text(PAIR)
    (folder / "scenarios" / "few.yaml").write_text(FEW)
    (folder / "pair.yml").write_text(PAIR_FILE)
    git = ["git", "-C", str(folder), "-c", "user.name=Tess", "-c", "user.email=tess@example.invalid"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for command_line in (base, head):
        (folder / "Dockerfile").write_text(
            f"FROM chatbench:ci\nCMD {json.dumps(['sh', '-c', command_line])}\n"
        )
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "x"], check=True)


def compare(folder: Path) -> Done:
    """Compare the newest commit with the one before; no container, image or volume may remain."""
    done = bench(
        *("check", "few", "--against", "HEAD^1", "--stack", "pair", "--pairs", "3..3", "--no-calibration"),
        cwd=folder,
    )
    assert list_projects(folder) == []
    assert "bench-pair" not in docker("image", "ls", "--format", "{{.Repository}}")
    return done


def test_two_versions_share_a_service_and_nothing_else(here: Path) -> None:
    """Both are up at once, although the file sets the name of a container and a port of this machine."""
    compared(here, head=f"{SERVES} # new")
    done = compare(here)
    assert done.code in {0, 1, 3}, done.err
    assert done.err.count("building the images of only") == 2
    assert "both versions use the same llm" in done.err
    assert "few, pair 3:" in done.err


def test_an_unchanged_version_is_not_built_twice(here: Path) -> None:
    """Its image has the digest of its files in its name."""
    compared(here)
    done = compare(here)
    assert done.code in {0, 1, 3}, done.err
    assert done.err.count("building the images of only") == 1
    assert "the files of only are unchanged" in done.err


def test_a_version_that_crashes_is_named(here: Path) -> None:
    """The base or this folder, with the service, its exit code and its log, also in failure.json."""
    crashes = "echo no database; exit 7"
    compared(here, base=crashes)
    done = compare(here)
    assert done.code == 4
    assert re.search(
        r"error: HEAD\^1: service 'only' ended with code 7.*; the end of its log:\n  no", done.err
    )
    (here / "Dockerfile").write_text(f"FROM chatbench:ci\nCMD {json.dumps(['sh', '-c', crashes])}\n")
    done = bench("check", "few", "--against", "HEAD", "--stack", "pair", "--no-calibration", cwd=here)
    assert done.code == 4
    assert "error: this folder: service 'only' ended with code 7" in done.err
    failure = json.loads((here / "results" / "not-measured-few" / "failure.json").read_text())
    assert (failure["service"], failure["exit_code"], failure["log"][-1]) == ("only", 7, "no database")
    assert list_projects(here) == []


def test_an_interrupted_comparison_leaves_nothing(here: Path) -> None:
    """No container, network, volume or image of either version."""
    compared(here, head=f"{SERVES} # new")
    load = ("check", "few", "--against", "HEAD^1", "--stack", "pair", "--no-calibration")
    with start(here, *load) as run:
        wait_for(here, "both versions use the same llm")
        eventually(lambda: len(list_projects(here)) > 1, PATIENCE_S)
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=300) == 130
    assert list_projects(here) == []
    assert "bench-pair" not in docker("image", "ls", "--format", "{{.Repository}}")


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
    assert "hint: add the account to the group" in done.stderr
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
    assert (done.code, "the compose file tiny.yml does not exist" in done.err) == (2, True), done.err
    nowhere = {"DOCKER_HOST": f"unix://{here}/none.sock"}
    done = bench("stack", "up", "--stack", "tiny", cwd=here, env=nowhere)
    assert (done.code, "hint: " in done.err) == (4, True), done.err

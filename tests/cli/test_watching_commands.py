import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench.errors import Exit
from bench.measure.persistent.detached import statuses
from bench.owners.process import Owner
from bench.store import stacks
from tests.command import Bench


@pytest.fixture
def up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Start the embedded stack and return its addresses by service."""
    monkeypatch.setenv("JWT_SECRET", secrets.token_hex(32))
    done = bench("stack", "up")
    assert done.code == 0, done.err
    try:
        yield dict(line.split() for line in done.out.splitlines())
    finally:
        assert bench("stack", "down").code == 0


def _kill(service: str) -> None:
    state = json.loads(Path(".bench/stacks/embedded/state.json").read_text())
    owner = Owner.parse(state["processes"][service])
    assert owner is not None
    process = psutil.Process(owner.pid)
    process.kill()
    process.wait()
    assert statuses(stacks.load("embedded"))[service] == "down"


def test_health_shows_every_check(bench: Bench, up: dict[str, str]) -> None:
    """All up: exit 0. A stopped service takes down those above it, each with a hint: exit 4."""
    well = bench("health")
    assert (well.code, well.err) == (Exit.PASS, "")
    assert [line.split()[:2] for line in well.out.splitlines()] == [
        ["backend", "up"], ["chat", "up"], ["agent", "up"], ["model", "up"],
    ]  # fmt: skip
    assert not list(Path(".bench/users").glob("*"))
    _kill("model")
    ill = bench("health")
    assert ill.code == Exit.TARGET
    assert "down on stack 'embedded': chat, agent, model" in ill.err
    assert "model: check that 'model' is running" in ill.err
    assert ill.out.splitlines()[0].split()[:2] == ["backend", "up"]
    by_address = bench("health", "--url", up["backend"])
    assert by_address.code == Exit.PASS  # the backend itself is well, and nothing else has an address
    assert "not checked" in by_address.out


def test_health_without_a_test_user(
    bench: Bench, up: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the secret or the store of users, checks that need a user are left out and not down."""
    monkeypatch.delenv("JWT_SECRET")
    done = bench("health")
    assert done.code == Exit.PASS
    assert "not checked: it needs a test user: JWT_SECRET is not set" in done.out
    monkeypatch.setenv("JWT_SECRET", secrets.token_hex(32))
    monkeypatch.delenv("MONGODB_URI", raising=False)
    elsewhere = bench("health", "--url", up["backend"])
    assert elsewhere.code == Exit.PASS
    assert "${env.MONGODB_URI} has no value" in elsewhere.out


def test_health_of_a_stack_that_is_not_up(bench: Bench) -> None:
    """A stack that is not up, or has no address, is an error with a hint."""
    down = bench("health")
    assert (down.code, "bench stack up --stack embedded" in down.err) == (Exit.TARGET, True)
    unsaid = bench("health", "--stack", "external")
    assert (unsaid.code, "--url" in unsaid.err) == (Exit.USAGE, True)
    both = bench("health", "--stack", "embedded", "--url", "http://127.0.0.1:1")
    assert both.code == Exit.USAGE
    closed = bench("health", "--url", "nobody=http://127.0.0.1:1")
    assert (closed.code, "Connection refused" in closed.out) == (Exit.TARGET, True)


def test_a_monitor_shows_and_stores_readings(bench: Bench, up: dict[str, str]) -> None:
    """A line per interval, a JSON line per reading, and a summary at the end, with exit 0."""
    assert up.keys() == {"model", "agent", "backend"}
    done = bench(
        "monitor",
        "--duration",
        "1.2",
        "--interval",
        "0.3",
        "--health-checks",
        "--json-lines",
        "out/seen.jsonl",
    )
    assert done.code == Exit.PASS
    assert "4 of 4 up" in done.out
    assert "model queue_depth 0" in done.out
    assert "chat: up 100 %" in done.err
    lines = [json.loads(line) for line in Path("out/seen.jsonl").read_text().splitlines()]
    assert {line["kind"] for line in lines} >= {"resource", "probe", "gauge"}
    assert {line["source"] for line in lines if line["kind"] == "resource"} == {
        "model", "agent", "backend", "host",
    }  # fmt: skip


def test_without_a_stack_the_machine_is_watched(bench: Bench) -> None:
    """Without --stack and without a started stack, bench watches the machine; a named stack must be up."""
    done = bench("monitor", "--duration", "0.5", "--interval", "0.2", "--json-lines", "-")
    assert done.code == Exit.PASS
    assert {json.loads(line).get("source") for line in done.out.splitlines()} == {"host"}
    assert "bench watches only this machine" in done.err
    assert bench("monitor", "--stack", "embedded").code == Exit.TARGET


def test_an_unwritable_file_is_an_error(bench: Bench, tmp_path: Path) -> None:
    """The error names the file before the monitor starts."""
    (tmp_path / "file").write_text("")
    done = bench("monitor", "--duration", "0.2", "--json-lines", "file/seen.jsonl")
    assert (done.code, "cannot write file/seen.jsonl" in done.err) == (Exit.MEASUREMENT, True)


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--duration", "600"), Exit.INTERRUPTED)])
def test_ctrl_c_ends_a_monitor_with_its_summary(tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    """Without --duration the exit is 0; with --duration it is 130."""
    command = [sys.executable, "-m", "bench", "monitor", "--interval", "0.2", *options]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        assert "machine" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
    assert process.returncode == code
    assert "watched for" in err
    assert "Traceback" not in err

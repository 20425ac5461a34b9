"""The environment of a load generator, as the kernel shows it, and its end after that of its run."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.core.config.inherited_variables import is_inherited_by_load
from bench.core.config.run_spec import RunSpec
from bench.core.config.turn import TurnFile
from bench.measure.load.messages import Job
from bench.measure.load.workers import start_workers
from tests.eventually import eventually
from tests.factories import make_scenario, make_spec, make_target
from tests.measure.loopback import response, server

ONE = {"executor": "per-vu-iterations", "vus": 1, "iterations": 1, "duration_s": 60}
GOOD = response(b'{"data": {"message": "hello"}}')


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The value of SHOP_KEY, which the load needs; OTHER_KEY has a value that it does not need."""
    monkeypatch.setenv("OTHER_KEY", secrets.token_hex(16))
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{secrets.token_hex(16)}@proxy.invalid")
    value = secrets.token_hex(16)
    monkeypatch.setenv("SHOP_KEY", value)
    return value


def _turn(source: str, **fields: object) -> RunSpec:
    """Return a run of a turn with this source."""
    scenario = make_scenario(
        phases=[ONE], target=None, service="backend", prompts=None, thresholds={}, turn="shop.py", **fields
    )
    text = f"import os, time\nasync def turn(user):\n    {source}\n"
    turn = TurnFile(path="/turns/shop.py", source=text)
    return RunSpec(scenario=scenario, target=make_target(auth="none"), prompts=(), turn=turn)


def _read_environment(pid: int) -> dict[str, str]:
    content = Path(f"/proc/{pid}/environ").read_text(encoding="utf-8")
    return dict(entry.split("=", 1) for entry in content.split("\0") if entry)


def _send(spec: RunSpec) -> tuple[dict[str, str], list[str]]:
    """Return the environment of the load generator during a load, and the heads of its requests."""

    async def work() -> tuple[dict[str, str], list[str]]:
        async with server([GOOD]) as (url, seen), start_workers(1) as workers:
            job = Job(spec, (url,), services={"backend": url})
            await workers.run(job, lambda _: None)
            return _read_environment(workers.pids[0]), seen.heads

    return asyncio.run(work())


def test_a_load_generator_starts_without_a_secret(key: str) -> None:
    """Its environment in the kernel has none; the value that a header needs comes with the load."""
    target = {"auth": "none", "headers": {"authorization": "Bearer ${env.SHOP_KEY}"}}
    environ, heads = _send(make_spec(make_scenario(phases=[ONE]), **target))
    assert environ["PATH"] == os.environ["PATH"]
    assert [name for name in environ if not is_inherited_by_load(name)] == []
    assert not {key, os.environ["OTHER_KEY"], os.environ["HTTPS_PROXY"]} & set(environ.values())
    assert f"authorization: Bearer {key}" in heads[-1]


def test_a_turn_reads_the_variables_that_its_scenario_declares(key: str) -> None:
    """And no others."""
    source = "await user.client.get('/' + os.environ['SHOP_KEY'] + os.environ.get('OTHER_KEY', '-none'))"
    _, heads = _send(_turn(source, variables=("SHOP_KEY",)))
    assert heads[-1].startswith(f"GET /{key}-none ")


def test_a_load_generator_ends_after_a_killed_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if its turn blocks, so that it cannot read that the run ended."""
    monkeypatch.setenv("COVERAGE_PROCESS_START", "")
    program = """if True:
        import asyncio, sys
        from tests.measure.load.test_worker_environment import _turn
        from bench.measure.load import worker
        from bench.measure.load.messages import Job
        from bench.measure.load.workers import start_workers

        async def work():
            async with start_workers(1) as workers:
                job = Job(_turn("print('blocked', flush=True); time.sleep(600)"), ("http://127.0.0.1:1",),
                          services={"backend": "http://127.0.0.1:1"})
                print(workers.pids[0], flush=True)
                await workers.run(job, lambda _: None)

        asyncio.run(work())
    """
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdout=pipe, stderr=pipe, text=True) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        generator = psutil.Process(int(run.stdout.readline()))
        assert run.stderr.readline() == "blocked\n"
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert eventually(lambda: not generator.is_running() or generator.status() == psutil.STATUS_ZOMBIE)

"""Values of files that the command line and the stack choose for a run, with real requests."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bench.errors import Exit
from tests.command import bench
from tests.measure.loopback import Requests, response, server

TARGET = """\
service: model
path: /v1/${env.VERSION:-2}/ask
body: {model: "${env.MODEL:-small}", q: "${message}", options: {n: "${env.TOKENS:-64}"}, deep: true}
answer: {kind: json, text: words}
"""
SCENARIO = """\
extends: quick
target: mine
executor: per-vu-iterations
vus: ${env.USERS:-1}
iterations: 2
messages: [Say hello!]
thresholds: {e2e_ms: ["p(95)<0.001"]}
"""
STACK = """\
extends: external
service: {mine: gateway}
thresholds: {e2e_ms: null}
"""
ANSWER = response(json.dumps({"words": "Hello"}).encode())


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    for name, text in {"lunch": SCENARIO, "targets/mine": TARGET, "stacks/slow": STACK}.items():
        path = tmp_path / "scenarios" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(folder: Path, *options: str, code: Exit, service: str = "", **env: str) -> tuple[Requests, Any]:
    """Run the scenario against a server, and return its requests and the result."""

    async def work() -> Requests:
        async with server([ANSWER]) as (url, seen):
            arguments = ("run", "lunch", "--url", service + url, "--no-calibration", *options)
            done = await asyncio.to_thread(bench, *arguments, cwd=folder, env=env)
            assert done.code == code, done.err
            return seen

    seen = asyncio.run(work())
    (path,) = folder.glob("results/*/result.json")
    return seen, json.loads(path.read_text())


def test_files_have_the_values_of_variables_and_defaults(tmp_path: Path) -> None:
    """Numbers are numbers in the requests, and the result has the model and the load."""
    seen, result = run(tmp_path, code=Exit.REGRESSION, TOKENS="7", USERS="2")
    bodies = [json.loads(body) for body in seen.bodies if body]
    expected = {"model": "small", "q": "Say hello!", "options": {"n": 7}, "deep": True}
    assert bodies == [expected] * 4
    assert "POST /v1/2/ask " in seen.heads[-1]
    assert result["fingerprint"]["model"] == "small"
    assert result["overrides"] == []


def test_options_replace_values_of_the_files(tmp_path: Path) -> None:
    """The result lists the options. The stack chooses the service and removes the threshold."""
    options = ("--stack", "slow", "--model", "large", "--set", "deep=false", "--set", "options.n=5")
    seen, result = run(tmp_path, *options, code=Exit.PASS, service="gateway=", MODEL="medium")
    bodies = [json.loads(body) for body in seen.bodies if body]
    assert bodies == [{"model": "large", "q": "Say hello!", "options": {"n": 5}, "deep": False}] * 2
    assert result["fingerprint"]["model"] == "large"
    assert result["overrides"] == ["--model large", "--set deep=false", "--set options.n=5"]
    assert [limit["metric"] for limit in result["thresholds"]] == ["success_ratio"]


def test_an_option_chooses_the_service(tmp_path: Path) -> None:
    """It comes before the service of the stack."""
    seen, _ = run(tmp_path, "--stack", "slow", "--service", "other", code=Exit.PASS, service="other=")
    assert any(seen.bodies)

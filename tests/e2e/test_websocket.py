"""`bench run` of a journey whose messages go over a WebSocket, on the reference stack."""

import json
from pathlib import Path

from bench.errors import Exit
from tests.command import bench

STACK = """\
name: sockets
extends: embedded
services:
  backend: {environment: {WEBSOCKET: "1"}}
  model: {environment: {MODEL_PREFILL_TPS: "1000000000", MODEL_DECODE_TPS: "100000"}}
"""
SCENARIO = """\
name: visit
purpose: A user looks at the own account, and asks over a WebSocket.
target: chat-websocket
prompts: words.yaml
seed: 1
executor: per-vu-iterations
vus: 2
iterations: 2
max_duration: 5m
steps:
  - name: account
    request: {path: /api/auth/me, service: backend}
  - name: ask
    messages: 2
"""
WORDS = """\
messages:
  - {id: hello, text: Hello}
  - {id: empty, text: " ", expect: {status: 400}}
"""


def test_a_journey_over_a_websocket(tmp_path: Path) -> None:
    """Requests and messages use the same user, a VU keeps its connection, and an expected refusal is ok."""
    folder = tmp_path / "scenarios"
    (folder / "stacks").mkdir(parents=True)
    (folder / "stacks" / "sockets.yaml").write_text(STACK)
    (folder / "visit.yaml").write_text(SCENARIO)
    (folder / "words.yaml").write_text(WORDS)
    done = bench("run", "visit", "--stack", "sockets", "--no-calibration", cwd=tmp_path)
    # On a busy machine the load generator is late, which makes the run invalid.
    assert done.code in {Exit.PASS, Exit.MEASUREMENT}, done.out + done.err
    (result_folder,) = (tmp_path / "results").iterdir()
    exported = bench("export", str(result_folder), cwd=tmp_path)
    assert exported.code == Exit.PASS, exported.err
    rows = [json.loads(line) for line in exported.out.splitlines()]
    asked = [row for row in rows if row["step"] == "ask"]
    assert {row["outcome"] for row in rows} == {"ok"}
    assert sorted({row["status"] for row in asked}) == [101, 400]
    answered = [row for row in asked if row["status"] == 101]
    assert all(row["first_token_s"] is not None and "decode" in row["tier_times"] for row in answered)
    assert any(row.get("handshake_s") is not None for row in asked)
    assert any(row.get("handshake_s") is None for row in asked)

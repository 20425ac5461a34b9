"""A chat with a login and an NDJSON stream with milestones, loaded by YAML and by a turn in Python."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench.errors import Exit
from tests.command import Done, bench

TARGET = """\
name: rag
service: backend
path: /chat
headers: {authorization: Bearer open-sesame}
body: {question: "${message}", stream: true}
answer:
  stream:
    kind: ndjson
    text: {path: obj.content, where: {obj.type: message_delta}}
    done: {obj.type: stop}
    milestones: {first_document: {obj.type: documents}}
  json: {kind: json, text: answer}
"""
LOAD = """\
purpose: A second of questions.
seed: 1
executor: constant-vus
vus: 2
duration: 1s
think_time: 50ms..100ms
thresholds:
  milestone.first_document_ms: ["p(95)<LIMIT"]
"""
TURN = """\
import json

import bench


async def turn(user: bench.User) -> None:
    if "token" not in user.saved:
        async with user.step("login"):
            response = await user.client.post("/login", json={"email": user.row["email"]})
            user.saved["token"] = response.json()["token"]
    headers = {"authorization": f"Bearer {user.saved['token']}"}
    async with user.step("ask"):
        async with user.client.stream("POST", "/chat", json={"stream": True}, headers=headers) as response:
            async for line in response.aiter_lines():
                event = json.loads(line)["obj"]
                if event["type"] == "documents":
                    user.milestone("first_document")
                elif event["type"] == "message_delta":
                    user.token()
        user.check(event["type"] == "stop", "the answer is complete")
"""
EVENTS: list[dict[str, Any]] = [
    {"type": "documents", "documents": [{"id": 7}]},
    *({"type": "message_delta", "content": f"word {number} "} for number in range(5)),
    {"type": "stop"},
]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._send_document({})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/login":
            self._send_document({"token": "open-sesame"})
        elif self.headers["authorization"] != "Bearer open-sesame":
            self._send_document({"detail": "no token"}, 401)
        elif body["stream"]:
            self._stream()
        else:
            self._send_document({"answer": "word 0 word 1"})

    def _send_document(self, document: Any, status: int = 200) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, event in enumerate(EVENTS):
            line = json.dumps({"ind": number, "obj": event}).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            time.sleep(0.01)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def _chat() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _write(folder: Path, name: str, fields: str, limit_ms: float = 60_000) -> None:
    scenarios = folder / "scenarios"
    (scenarios / "targets").mkdir(parents=True, exist_ok=True)
    (scenarios / "turns").mkdir(exist_ok=True)
    (scenarios / "targets" / "rag.yaml").write_text(TARGET)
    (scenarios / "turns" / "shop.py").write_text(TURN)
    (scenarios / "users.csv").write_text("email\n" + "".join(f"user-{number}@a.io\n" for number in range(9)))
    load = LOAD.replace("LIMIT", str(limit_ms))
    (scenarios / f"{name}.yaml").write_text(f"name: {name}\n{fields}{load}")


def _run(folder: Path, scenario: str, *options: str) -> tuple[Done, dict[str, Any], list[dict[str, Any]]]:
    """Return the command's output, its result, and its requests."""
    with _chat() as url:
        done = bench("run", scenario, "--url", url, "--no-calibration", *options, cwd=folder)
    (result,) = (folder / "results").glob("*/result.json")
    lines = bench("export", str(result.parent), cwd=folder).out.splitlines()
    return done, json.loads(result.read_text()), [*map(json.loads, lines)]


YAML = 'target: rag\nmessages: ["What is in order 7?"]\n'
PYTHON = "service: backend\nturn: turns/shop.py\ndata: {rows: users.csv, order: unique}\n"


@pytest.mark.parametrize(("fields", "steps"), [(YAML, {None}), (PYTHON, {"login", "ask"})])
def test_milestones_are_metrics_of_a_run(tmp_path: Path, fields: str, steps: set[str | None]) -> None:
    """Both ways give the same metrics, thresholds and times."""
    _write(tmp_path, "rag", fields)
    done, result, rows = _run(tmp_path, "rag")
    assert done.code in {Exit.PASS, Exit.MEASUREMENT}, done.out + done.err  # 5: the machine was slow
    summary = result["summary"]
    assert set(summary["outcomes"]) == {"ok"}
    assert {row.get("step") for row in rows} == steps
    assert (
        summary["metrics"]["milestone.first_document_ms"]["count"] == summary["metrics"]["ttft_ms"]["count"]
    )
    assert [limit["crossed"] for limit in result["thresholds"]] == [False]
    assert "time to first document" in done.out
    asked = [row for row in rows if row.get("step") != "login"]
    assert asked
    for row in asked:
        document_s = row["scheduled_s"] + row["milestone_times"]["first_document"] / 1000
        assert row["first_byte_s"] == pytest.approx(document_s, abs=1e-5)
        assert document_s <= row["first_token_s"] + 1e-5
        assert row["first_token_s"] <= row["finished_s"]
        assert row["tokens"] == 5


def test_a_milestone_that_is_late_crosses_its_threshold(tmp_path: Path) -> None:
    """A run exits with 1 for a milestone like for the first token."""
    _write(tmp_path, "rag", YAML, limit_ms=0.01)
    done, result, _ = _run(tmp_path, "rag")
    assert done.code in {Exit.REGRESSION, Exit.MEASUREMENT}
    assert [limit["crossed"] for limit in result["thresholds"]] == [True]


def test_one_setting_turns_streaming_off(tmp_path: Path) -> None:
    """The same target reads the document, which has no first token."""
    _write(tmp_path, "rag", YAML)
    path = tmp_path / "scenarios" / "rag.yaml"
    path.write_text(path.read_text().partition("thresholds:")[0])
    done, result, rows = _run(tmp_path, "rag", "--set", "stream=false")
    assert done.code in {Exit.PASS, Exit.MEASUREMENT}, done.out + done.err
    assert "ttft_ms" not in result["summary"]["metrics"]
    assert {row["outcome"] for row in rows} == {"ok"}

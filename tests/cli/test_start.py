"""The first request of a load leaves soon after the command: what may run before it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psutil

from tests.eventually import eventually

# Modules that a load needs only with certain options, or after its last request.
NOT_BEFORE_THE_LOAD = {
    "bench.core.run.result",
    "bench.core.run.summary",
    "bench.core.verdict",
    "bench.measure.persistent",
    "bench.measure.stacks.compose",
    "bench.measure.stacks.processes",
    "bench.measure.users",
    "bench.render.document",
    "bench.store.results",
    "cryptography",
    "docker",
    "httpx",
    "jinja2",
    "jwt",
    "prometheus_client",
    "pymongo",
    "requests",
    "rich",
    "scipy",
}
HEAVY = {"asyncio", "numpy", "pydantic", "typer", "yaml"}


class Chat(BaseHTTPRequestHandler):
    """A chat with an OpenAI-compatible list of models, and answers in JSON."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the list of models."""
        self._answer({"object": "list", "data": [{"id": "small", "object": "model"}]})

    def do_POST(self) -> None:
        """Answer a message."""
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": "Hello"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._answer({"object": "chat.completion", "model": "small", "choices": [choice]})

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve() -> Iterator[str]:
    """Serve the chat, and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Chat) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python, and return its output."""
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=cwd, timeout=300
    )


def is_below(module: str, packages: set[str]) -> bool:
    """Return whether a module is one of these packages, or inside one."""
    parents = module.split(".")
    return any(".".join(parents[:count]) in packages for count in range(1, len(parents) + 1))


def test_a_load_begins_before_the_imports_of_what_follows_it(tmp_path: Path) -> None:
    """Before its first progress, a load has imported nothing that only other loads or its report need."""
    with serve() as url:
        command = ("-X", "importtime", "-m", "bench", "run", url, "--vus", "1", "--duration", "1s")
        done = python(*command, "--no-calibration", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    before, progress, after = done.stderr.partition(" requests ")
    assert progress
    imported = {line.rpartition("|")[2].strip() for line in before.splitlines() if "|" in line}
    assert {"bench.measure.load.workers", "numpy"} <= imported
    assert {module for module in imported if is_below(module, NOT_BEFORE_THE_LOAD)} == set()
    assert "bench.core.run.result" in after


def test_the_load_generator_starts_before_the_imports_of_the_run() -> None:
    """Its process and that of the run import side by side."""
    code = """
import subprocess, sys

class ShowModules(subprocess.Popen):
    def __init__(self, command, **options):
        print(*command, "LOADED", *sys.modules)
        raise SystemExit

subprocess.Popen = ShowModules
from bench.cli.app import main
sys.argv = ["bench", "run", "http://127.0.0.1:9"]
main()
"""
    done = python("-c", code)
    command, _, loaded = done.stdout.partition("LOADED")
    assert command.split()[1:] == ["-m", "bench.measure.load.worker"], done.stderr
    assert {name.partition(".")[0] for name in loaded.split()} & HEAVY == set()


def test_a_load_generator_without_a_run_ends_with_its_command() -> None:
    """A command that is refused leaves no process behind."""
    code = """
from bench.measure.load import spawn
spawn.start_early()
print(spawn._early[0].pid)
"""
    done = python("-W", "ignore", "-c", code)
    pid = int(done.stdout)
    eventually(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_no_part_of_bench_imports_the_command_line_of_httpx() -> None:
    """It takes as long to import as the rest of httpx, and bench does not use it."""
    done = python("-c", "import bench, httpx, sys; print(sys.modules['httpx._main'], 'click' in sys.modules)")
    assert done.stdout.split() == ["None", "False"]

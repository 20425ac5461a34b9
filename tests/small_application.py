"""A small application in a git repository, with its stack and two scenarios."""

import subprocess
from pathlib import Path

SERVER = """
import http.server, json, os, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(float(os.environ["DELAY_MS"]) / 1000)
        self.answer({"reply": "fine"})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
STACK = """
name: app
purpose: A small server.
services:
  app:
    command: ["${python}", server.py, "${port}"]
    environment: {DELAY_MS: "20"}
    ready: /
"""
TARGET = """
name: app
service: app
path: /chat
body: {message: "${message}"}
answer: {kind: json, text: reply}
"""
SCENARIO = """
name: NAME
purpose: A short load.
target: app
seed: 1
messages: [Hello]
executor: constant-vus
vus: 2
duration: 300ms
"""
SCENARIOS = ("one", "two")


def make_application(root: Path) -> Path:
    """Write the application into a new repository, and commit it; return its folder."""
    (root / "scenarios" / "stacks").mkdir(parents=True)
    (root / "scenarios" / "targets").mkdir()
    (root / "server.py").write_text(SERVER)
    (root / "scenarios" / "stacks" / "app.yaml").write_text(STACK)
    (root / "scenarios" / "targets" / "app.yaml").write_text(TARGET)
    for name in SCENARIOS:
        (root / "scenarios" / f"{name}.yaml").write_text(SCENARIO.replace("NAME", name))
    (root / "scenarios" / "suites.yaml").write_text("both: [one, two]\n")
    git(root, "init", "--quiet", "-b", "main")
    commit(root)
    return root


def slow_down(root: Path, delay_ms: int = 200) -> None:
    """Change the stack file of the application, without a commit."""
    (root / "scenarios" / "stacks" / "app.yaml").write_text(STACK.replace('"20"', f'"{delay_ms}"'))


def git(root: Path, *arguments: str) -> str:
    """Run git in the repository, and return what it prints."""
    identity = ["-c", "user.name=Tess", "-c", "user.email=tess@example.invalid"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(root: Path) -> str:
    """Commit all files, and return the id of the commit."""
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "change")
    return git(root, "rev-parse", "HEAD")

"""A reader: somebody who types the commands of a page into a shell."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from .pages import Command

LIMIT_S = 240.0
"""A command that takes longer fails: mark it as `long`, or make it shorter."""
_START_S = 3.0
"""A command that ends within this time does not serve."""
_PORT = re.compile(r"(?<=127\.0\.0\.1:)(?:8000|8001|8080|11434)\b|(?<=--port )8080\b")
# The verdict depends on the machine, and a clone may have no baseline: 1 is "worse", 3 is "cannot tell".
_JUDGES = re.compile(r"\bbench (?:check|compare|ab|trend|ci merge)\b")


class Reader:
    """A shell in a clone. Variables and the folder last from one command to the next."""

    def __init__(self, clone: Path, ports: Mapping[str, int]) -> None:
        self._clone = clone
        self._ports = ports
        self._state = clone.parent / "variables"
        self._folder = clone.parent / "folder"
        self._background: list[subprocess.Popen[bytes]] = []
        self._state.write_text("")
        self._folder.write_text(str(clone))

    def run(self, command: Command) -> str | None:
        """Run a command, and return its problem; None if it worked."""
        text = self._fill(command.text)
        script = (
            f'cd "$(cat {self._folder})"; . {self._state}\n{text}\n'
            f"status=$?; export -p > {self._state}; pwd > {self._folder}; exit $status"
        )
        process = self._start(script)
        if command.need == "serves":
            self._background.append(process)
            time.sleep(_START_S)
            return None if process.poll() is None else f"exit {process.returncode}, instead of serving"
        try:
            output, _ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            end(process)
            return f"took longer than {LIMIT_S:g} s"
        permitted = {0, 1, 3} if _JUDGES.search(text) else {0}
        if process.returncode in permitted:
            return None
        return f"exit {process.returncode}\n{output.decode(errors='replace')[-1500:]}"

    def close(self) -> None:
        """End the commands in the background."""
        for process in self._background:
            end(process)

    def _start(self, script: str) -> subprocess.Popen[bytes]:
        programs = self._clone / ".venv" / "bin"
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return subprocess.Popen(
            ["bash", "-c", script],
            env={**kept, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _fill(self, text: str) -> str:
        """Replace the names of examples: the newest results, and addresses that a mock model serves."""
        runs = sorted(path.name for path in (self._clone / "results").glob("2*Z-*"))
        for name in ("RUN", "OTHER"):
            if runs:
                text = re.sub(rf"\bresults/{name}\b", f"results/{runs.pop()}", text)
        return _PORT.sub(lambda match: str(self._ports[match[0]]), text)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout:
        process.stdout.close()

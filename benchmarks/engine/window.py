"""Run one tool against the server, and measure it from outside: at the server and in /proc."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from .journal import Counters, Journal
from .processes import cpu_s, memory_bytes, tree_of
from .server import Server

_SETTLE_S = 0.7
_REST_S = 0.5
_POLL_S = 0.005
_MEMORY_POLL_S = 0.2
_START_TIMEOUT_S = 90
_END_TIMEOUT_S = 120
Numbers = dict[str, float]


def length_s(window_s: float) -> float:
    """Return the length of a load that contains a window of this length."""
    return _SETTLE_S + window_s + _REST_S


class Measurement:
    """One run of a tool.

    Args:
        command: The tool's command.
        cores: Cores of all its processes.
        folder: Its working directory; its output goes to a file there.
    """

    def __init__(self, command: Sequence[str], cores: Sequence[int], folder: Path, server: Server) -> None:
        self._folder = folder
        self._server = server
        self._log = folder / "tool.log"
        pinned = ["taskset", "-c", ",".join(str(core) for core in cores), *command]
        with self._log.open("w", encoding="utf-8") as log:
            self._began_ns = time.monotonic_ns()
            self._process = subprocess.Popen(pinned, cwd=folder, stdout=log, stderr=subprocess.STDOUT)

    def measure(self, window_s: float, *, with_memory: bool) -> Numbers:
        """Return the numbers of the run, and wait for its end.

        Raises:
            RuntimeError: The tool sent no request, or did not end; the message has its output.
        """
        try:
            self._wait_for_requests()
            time.sleep(_SETTLE_S)
            numbers = self._window(window_s)
            if with_memory:
                numbers["memory_mb"] = self._peak_memory_bytes() / 1e6
            return numbers | self._end()
        finally:
            self._kill()

    def _wait_for_requests(self) -> None:
        give_up_s = time.monotonic() + _START_TIMEOUT_S
        while not self._server.journal.counters().requests:
            if time.monotonic() > give_up_s or self._process.poll() is not None:
                raise RuntimeError(f"no request was sent:\n{self.output()[-2000:]}")
            time.sleep(_POLL_S)

    def _window(self, window_s: float) -> Numbers:
        """Return the rates between two moments in the middle of the load."""
        tool = tree_of(self._process.pid)
        server = [self._server.pid]
        began_s = time.monotonic()
        tool_s = cpu_s(tool)
        server_s = cpu_s(server)
        before = self._server.journal.counters()
        time.sleep(window_s)
        after = self._server.journal.counters()
        elapsed_s = time.monotonic() - began_s
        numbers = _rates(before, after, elapsed_s, cpu_s(tool) - tool_s, cpu_s(server) - server_s)
        if not set(tool) <= set(tree_of(self._process.pid)):
            raise RuntimeError("the load ended before its measurement, because the machine was busy")
        return numbers

    def _peak_memory_bytes(self) -> int:
        peak = 0
        while self._process.poll() is None:
            peak = max(peak, memory_bytes(tree_of(self._process.pid)))
            time.sleep(_MEMORY_POLL_S)
        return peak

    def _end(self) -> Numbers:
        """Return the times of the whole command."""
        try:
            self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"the tool did not end:\n{self.output()[-2000:]}") from error
        ended_ns = time.monotonic_ns()
        counters = self._server.journal.counters()
        return {
            "start_s": (counters.first_ns - self._began_ns) / 1e9,
            "finish_s": (ended_ns - counters.last_ns) / 1e9,
            "requests": float(counters.requests),
        }

    def output(self) -> str:
        """Return what the tool printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _kill(self) -> None:
        for pid in reversed(tree_of(self._process.pid)) if self._process.poll() is None else ():
            try:
                os.kill(pid, 9)
            except ProcessLookupError:  # it ended meanwhile
                continue
        self._process.wait()


def _rates(before: Counters, after: Counters, elapsed_s: float, tool_s: float, server_s: float) -> Numbers:
    requests = after.responses - before.responses
    written = after.written - before.written
    if not requests:
        raise RuntimeError("no response within the measurement")
    numbers = {"rps": requests / elapsed_s, "us_cpu": tool_s / requests * 1e6}
    numbers["tool_pct"] = tool_s / elapsed_s * 100
    numbers["server_pct"] = server_s / elapsed_s * 100
    if written:
        numbers["tokens_per_s"] = written / elapsed_s
        numbers["us_per_token"] = tool_s / written * 1e6
    return numbers


def reset(journal: Journal) -> None:
    """Wait until no request is in progress, and reset the counters."""
    for _ in range(200):
        counters = journal.counters()
        if counters.requests == counters.responses:
            break
        time.sleep(_POLL_S)
    journal.reset()

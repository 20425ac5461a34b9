"""A cluster on three machines that are network namespaces: a load generator on two, the rest on the third."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.core.run.result import RunResult
from bench.measure.cluster.access import CERTIFICATES_VARIABLE
from bench.measure.cluster.certificates import write_certificates
from bench.store import results
from benchmarks.scale.namespaces import HUB_ADDRESS, Namespaces, connect_namespaces

WORKERS = ("a", "b")
"""Names of the load generators, and of their namespaces."""
CLOCK_S = 1_000_000.0
"""Time by which the clock of the first load generator is ahead."""
_PORT = 8080
_TIMEOUT_S = 120.0
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_START")


@dataclass
class Stand:
    """A scheduler, load generators, and a mock model, each on its machine."""

    spaces: Namespaces
    scheduler: str
    """Address of the scheduler."""

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Call `bench` on the machine of the target and the scheduler."""
        return self.spaces.run("hub", sys.executable, "-m", "bench", *arguments)

    def start_run(self, workers: int, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start `bench run` on the first load generators, with the address of the mock model.

        Args:
            workers: Number of load generators.
            arguments: Options of the run.
        """
        target = ("--url", self.target) if arguments[0].endswith(".yaml") else ()
        cluster = f"{self.scheduler}?workers={workers}"
        title = f"run-{len([*self.spaces.folder.glob('run-*.log')])}"
        self.spaces.start(
            "hub", title, sys.executable, "-m", "bench", "run", *arguments, *target,
            "--workers", cluster, "--no-calibration", "--quiet",
        )  # fmt: skip
        return self.spaces.processes[title]

    def run(self, workers: int, *arguments: str) -> RunResult:
        """Run `bench run` to its end, and return the result."""
        self.start_run(workers, *arguments).wait()
        return results.load(self.newest_run())

    def newest_run(self) -> Path:
        """Return the folder of the newest run.

        Raises:
            RuntimeError: The run stored none; the message has its output.
        """
        runs = sorted(self.spaces.folder.glob("results/*/result.json"), key=lambda path: path.stat().st_mtime)
        logs = sorted(self.spaces.folder.glob("run-*.log"), key=lambda path: int(path.stem.split("-")[1]))
        if len(runs) < len(logs):
            raise RuntimeError(logs[-1].read_text(encoding="utf-8")[-2000:])
        return runs[-1].parent

    @property
    def target(self) -> str:
        """Address of the mock model."""
        return f"http://{HUB_ADDRESS}:{_PORT}"

    def await_that(self, is_true: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds.

        Raises:
            TimeoutError: It does not hold in time.
        """
        end_s = time.monotonic() + _TIMEOUT_S
        while not is_true():
            if time.monotonic() > end_s:
                raise TimeoutError(f"{what} not within {_TIMEOUT_S:.0f} s")
            time.sleep(0.3)


@contextmanager
def open_stand(folder: Path, environ: Mapping[str, str] = os.environ) -> Iterator[Stand]:
    """Start a cluster with TLS, and end everything after the block.

    Args:
        folder: Folder for certificates, logs and results.
        environ: The environment variables.
    """
    environment = {name: environ[name] for name in _KEPT if name in environ}
    environment[CERTIFICATES_VARIABLE] = str(folder / "certificates")
    bench = (sys.executable, "-m", "bench")
    with connect_namespaces(WORKERS, folder, environment) as spaces:
        stand = Stand(spaces, "")
        write_certificates(folder / "certificates")
        up = stand.command("workers", "up", "--count", "0", "--host", HUB_ADDRESS, "--port", "0")
        try:
            _require(up)
            stand.scheduler = up.stdout.strip()
            spaces.start("hub", "mock", *bench, "mock", "--host", HUB_ADDRESS, "--port", str(_PORT))
            for name in WORKERS:
                join = (*bench, "workers", "join", stand.scheduler, "--name", name)
                spaces.start(name, name, *join, clock_s=CLOCK_S if name == WORKERS[0] else None)
            stand.await_that(lambda: _is_ready(stand), "two load generators and a target")
            yield stand
        finally:
            stand.command("workers", "down")


def _is_ready(stand: Stand) -> bool:
    """Return whether the target and both load generators answer."""
    if "mock model" not in (stand.spaces.folder / "mock.log").read_text(encoding="utf-8"):
        return False
    registered = "Registered to"
    logs = [(stand.spaces.folder / f"{name}.log").read_text(encoding="utf-8") for name in WORKERS]
    return all(registered in log for log in logs)


def _require(done: "subprocess.CompletedProcess[str]") -> None:
    if done.returncode:
        raise RuntimeError(done.stderr)

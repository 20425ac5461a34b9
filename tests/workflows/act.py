"""Run a workflow file with act (https://nektosact.com) in host mode: jobs are processes on this machine."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ACT = "act"
RUNNER = "ubuntu-24.04"
_ENDED = re.compile(r" - (?:Pre|Main|Post) ([^\n]+?)(?: \[[^\]\n]+\])?(?:\n|$)")
_KEPT = ("PATH", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "DOCKER_HOST")
_KEPT_STARTS = ("PIP_", "UV_INDEX", "HTTP_", "HTTPS_", "NO_PROXY", "http_", "https_", "no_proxy")


@dataclass(frozen=True)
class Step:
    """A step that ended."""

    job: str
    """Id of the job."""
    name: str
    """Name, or its command."""
    stage: str
    """`Pre`, `Main` or `Post`."""
    result: str
    """`success`, `failure` or `skipped`."""
    seconds: float
    """Duration."""


def _name_of(entry: Mapping[str, Any]) -> str:
    """Return the name of a step that ended. The field `step` names only the action that contains it."""
    match = _ENDED.search(str(entry.get("msg", "")))
    return match[1] if match else str(entry.get("step", ""))


@dataclass
class Started:
    """A finished act process."""

    steps: list[Step] = field(default_factory=list)
    """Steps in their order."""
    jobs: dict[str, str] = field(default_factory=dict)
    """Result of each job that was not skipped."""
    lines: list[str] = field(default_factory=list)
    """The log."""

    @property
    def log(self) -> str:
        """The log as one text."""
        return "\n".join(self.lines)

    @property
    def conclusion(self) -> str:
        """GitHub's word for the end of the run."""
        if not self.jobs:
            return "skipped"
        return "success" if set(self.jobs.values()) == {"success"} else "failure"

    def read(self, line: str) -> Mapping[str, Any]:
        """Add one line of act's JSON log and return its fields."""
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            self.lines.append(line.rstrip())
            return {}
        job = entry.get("jobID", "")
        text = str(entry.get("msg", "")).rstrip()
        self.lines.append(f"[{job}] {text}")
        if "stepResult" in entry:
            self.steps.append(
                Step(
                    job,
                    _name_of(entry),
                    str(entry.get("stage", "")),
                    str(entry["stepResult"]),
                    float(entry.get("executionTime", 0)) / 1e9,
                )
            )
        if "jobResult" in entry:
            self.jobs[job] = str(entry["jobResult"])
        return entry


@dataclass(frozen=True)
class Order:
    """A workflow file, and the event that starts it."""

    workflow: str
    """The file, relative to `directory`."""
    event: str
    """Name of the event."""
    payload: Path
    """File with the event."""
    directory: Path
    """A clone of the repository at the commit whose workflow files count."""
    environment: Mapping[str, str]
    """Variables of the jobs that GitHub sets."""
    arguments: Sequence[str] = ()
    """More arguments of act."""


@dataclass(frozen=True)
class Runner:
    """What all workflow runs of a repository share."""

    folder: Path
    """Folder for caches and artifacts."""
    server: Path
    """Folder with the bare repositories, `OWNER/NAME.git`."""
    local: Mapping[str, Path]
    """Folders of actions and workflows by `OWNER/NAME@REF`; act downloads all others."""

    def start(self, order: Order, watch: Callable[[Mapping[str, Any]], object] = lambda _: None) -> Started:
        """Run a workflow file for an event and return its jobs and steps.

        Args:
            order: What to run.
            watch: Receives each entry of the log at once.
        """
        home = self.folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        (home / ".config/act").mkdir(parents=True)
        (home / ".config/act/actrc").touch()  # without it, act asks for an image
        command = [ACT, order.event, "--json", "--no-skip-checkout", f"--directory={order.directory}"]
        command += [f"--workflows={order.directory / order.workflow}", f"--eventpath={order.payload}"]
        command += [f"--platform={RUNNER}=-self-hosted", "--pull=false"]
        command += [f"--action-cache-path={self.folder / 'actions'}"]
        command += ["--cache-server-addr=127.0.0.1", f"--cache-server-path={self.folder / 'cache'}"]
        command += [f"--env={name}={value}" for name, value in order.environment.items()]
        command += [f"--local-repository={name}={path}" for name, path in self.local.items()]
        command += order.arguments
        started = Started()
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment(home),
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            with (self.folder / "log").open("a", encoding="utf-8") as log:
                for line in process.stdout:
                    entry = started.read(line)
                    log.write(f"{started.lines[-1]}\n")
                    log.flush()
                    watch(entry)
        return started

    def _environment(self, home: Path) -> dict[str, str]:
        """Return the environment of act: that of a fresh runner, whose Git finds the bare repositories."""
        kept = {name: text for name, text in os.environ.items() if _is_kept(name)}
        return kept | {
            "HOME": str(home),
            "PIP_CACHE_DIR": str(self.folder / "pip"),
            "UV_CACHE_DIR": str(self.folder / "uv"),
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"url.file://{self.server}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
            "GIT_CONFIG_KEY_1": "protocol.file.allow",
            "GIT_CONFIG_VALUE_1": "always",
        }


def _is_kept(name: str) -> bool:
    return name in _KEPT or name.startswith(_KEPT_STARTS)


def add_python(tool_cache: Path, version: str, interpreter: Path) -> None:
    """Put a Python into the tool cache, where actions/setup-python looks first."""
    folder = tool_cache / "Python" / f"{version}.0" / "x64"
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3", f"python{version}"):
        (folder / "bin" / name).symlink_to(interpreter)
    folder.with_name("x64.complete").touch()


def used_actions(files: Iterable[Path]) -> set[str]:
    """Return the actions `OWNER/NAME@REF` that workflow files use."""
    used = set()
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            name, _, reference = line.strip().removeprefix("- ").removeprefix("uses:").strip().partition("@")
            if "uses:" in line and reference and not name.startswith("."):
                owner, repository = name.split("/")[:2]
                used.add(f"{owner}/{repository}@{reference.split()[0]}")
    return used

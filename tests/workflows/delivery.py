"""An event that reaches a repository, and the workflow files that listen to it."""

import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = "owner/name"


@dataclass(frozen=True)
class Delivery:
    """An event, and what GitHub decides before it starts a workflow."""

    event: str
    """Name of the event."""
    payload: dict[str, Any]
    """Content of the event."""
    commit: str
    """Commit whose workflow files count, and which actions/checkout checks out."""
    ref: str
    """Ref of the commit."""
    head_sha: str
    """Commit that the run belongs to."""
    head_branch: str = "main"
    """Branch of that commit."""
    head_repository: str = REPOSITORY
    """Repository of that commit."""
    actor: str = "octocat"
    """Account that caused the event."""
    writes: bool = True
    """The token may write."""


@dataclass
class Clone:
    """A clone at one commit, which exists inside the block."""

    origin: Path
    commit: str
    repository: str
    folder: Path

    def __enter__(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{self.commit[:12]}-{secrets.token_hex(4)}"
        subprocess.run(
            ["git", "clone", "--quiet", "--shared", "--no-checkout", self.origin, path], check=True
        )
        subprocess.run(["git", "-C", path, "checkout", "--quiet", "--detach", self.commit], check=True)
        self.path = path
        for workflow in path.glob(".github/workflows/*.yml"):
            prepare_for_act(workflow, self.repository, self.commit)
        return path

    def __exit__(self, *_: object) -> None:
        subprocess.run(["rm", "-rf", self.path], check=True)


def prepare_for_act(workflow: Path, repository: str, commit: str) -> None:
    """Write values into a workflow file that act does not know, and remove a property that it refuses.

    act starts one run at a time, so no run waits in a queue.

    Args:
        workflow: The file.
        repository: Repository of the file, `job.workflow_repository`.
        commit: Commit of the file, `job.workflow_sha`.
    """
    lines = workflow.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if line.strip() != "queue: max")
    text = text.replace("job.workflow_repository", f"'{repository}'").replace(
        "job.workflow_sha", f"'{commit}'"
    )
    workflow.write_text(text, encoding="utf-8")


def listening(directory: Path, delivery: Delivery) -> Iterator[tuple[str, str]]:
    """Yield the file and the name of each workflow that listens to an event."""
    for file in sorted((directory / ".github/workflows").glob("*.y*ml")):
        workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
        triggers = workflow[True]  # YAML 1.1 reads the key `on` as true
        triggers = triggers if isinstance(triggers, dict) else dict.fromkeys(_names(triggers))
        if delivery.event in triggers and _is_wanted(
            triggers[delivery.event] or {}, delivery, str(file.name)
        ):
            yield str(file.relative_to(directory)), str(workflow.get("name", file.name))


def _names(triggers: object) -> list[str]:
    return [triggers] if isinstance(triggers, str) else list(triggers)  # type: ignore[call-overload]


def _is_wanted(filters: Any, delivery: Delivery, file: str) -> bool:
    """Return whether the filters of a trigger accept an event."""
    payload = delivery.payload
    if delivery.event == "workflow_dispatch":
        return str(payload["workflow"]).endswith(f"/{file}")
    if payload.get("action") not in filters.get("types", [payload.get("action")]):
        return False
    named = filters.get("workflows", [payload.get("workflow", {}).get("name")])
    return delivery.event != "workflow_run" or payload["workflow"]["name"] in named

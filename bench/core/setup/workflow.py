"""The workflow that measures each pull request of an application: a file that calls the reusable workflow."""

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.core.setup.drafts import Setup

_ACTION = re.compile(r"(?P<repository>[\w-]+/[\w.-]+)@(?P<ref>[\w./+-]+)")
_REPOSITORY = re.compile(
    r"(?:https?://[^/\s]+/|ssh://[^/\s]+/|[\w.-]+@[^:/\s]+:)([\w-]+/[\w.-]+?)(?:\.git)?/?"
)
_URL_LABELS = ("repository", "source", "homepage")

# Those of all jobs of the reusable workflow.
_RIGHTS = ("actions", "checks", "contents", "issues", "pull-requests", "statuses")
_FILE = """\
# Measures each pull request, executes /bench commands in comments, and extends the baselines every night.
name: {name}
run-name: ${{{{ inputs.suite && format('bench {{0}}', inputs.suite) || '' }}}}
on:
  pull_request: {{types: [opened, synchronize, reopened, ready_for_review, edited, labeled, unlabeled]}}
  merge_group:
  issue_comment: {{types: [created]}} # zizmor: ignore[dangerous-triggers] bench checks its author
  schedule: [{{cron: "17 2 * * *"}}]
  workflow_dispatch: {{inputs: {{suite: {{default: pr}}}}}}
permissions: {{}}
jobs:
  bench:
    permissions: {{{permissions}}} # each job takes only what it needs
    uses: {repository}/.github/workflows/bench.yml@{ref}{comment}
    with: {{{inputs}}}
"""


@dataclass(frozen=True, slots=True)
class Action:
    """The version of this project that a workflow calls."""

    repository: str
    """`owner/name`."""
    ref: str
    """Commit, tag or branch."""
    version: str | None = None
    """Version of that commit, for people."""


def parse_action(text: str) -> Action:
    """Return the version that `OWNER/NAME@REF` names.

    Raises:
        ValueError: The text has another form.
    """
    match = _ACTION.fullmatch(text)
    if match is None:
        raise ValueError("write OWNER/NAME@REF, with the commit or the tag of a release")
    return Action(match["repository"], match["ref"])


def find_action(direct_url: str | None, project_urls: Iterable[str], version: str) -> Action | None:
    """Return the version of this project that is installed; None if the installation does not show it.

    Args:
        direct_url: Content of `direct_url.json`, which pip writes for a package from a repository of git.
        project_urls: Addresses in the metadata of the package, such as `Repository, https://…`.
        version: Version of the package.
    """
    cloned = _cloned_action(direct_url, version)
    if cloned is not None:
        return cloned
    if direct_url is not None:  # a folder or a file, whose version has perhaps no tag
        return None
    addresses: dict[str, str] = {}
    for line in project_urls:
        label, _, address = line.partition(",")
        addresses[label.strip().lower()] = address.strip()
    for label in _URL_LABELS:
        match = _REPOSITORY.fullmatch(addresses.get(label, ""))
        if match is not None:
            return Action(match[1], f"v{version}")
    return None


def _cloned_action(direct_url: str | None, version: str) -> Action | None:
    try:
        origin: Any = json.loads(direct_url or "")
        match = _REPOSITORY.fullmatch(origin["url"])
        commit = str(origin["vcs_info"]["commit_id"])
    except (ValueError, KeyError, TypeError):
        return None
    return None if match is None else Action(match[1], commit, version)


def workflow_path(folder: str = ".") -> str:
    """Return the path of the workflow, relative to the root of the repository: each application has its own.

    Args:
        folder: Folder of the application, relative to the root of the repository.
    """
    return f".github/workflows/{_workflow_name(folder).replace(' ', '-')}.yml"


def draft_workflow(setup: Setup, action: Action, folder: str = ".") -> str | None:
    """Return the workflow; None if the application runs elsewhere, where no workflow can start it.

    Args:
        setup: The set-up.
        action: The version of this project that the workflow calls.
        folder: Folder of the application, relative to the root of the repository.
    """
    if setup.start is None:
        return None
    inputs = {"suite": "${{ inputs.suite }}", "stack": setup.stack}
    if setup.start.prepare:
        inputs["build"] = " && ".join(shlex.join(command) for command in setup.start.prepare)
    if folder != ".":
        inputs["folder"] = folder
    return _FILE.format(
        name=_workflow_name(folder),
        permissions=", ".join(f"{right}: write" for right in _RIGHTS),
        repository=action.repository,
        ref=action.ref,
        comment=f" # chatbench {action.version}" if action.version else "",
        inputs=", ".join(f"{name}: {_quote(value)}" for name, value in inputs.items()),
    )


def _workflow_name(folder: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", folder)
    return " ".join(["bench", *words])


def _quote(text: str) -> str:
    """Return a text as YAML; a text in double quotes has the escapes of JSON."""
    return text if re.fullmatch(r"[A-Za-z][\w-]*", text) else json.dumps(text)

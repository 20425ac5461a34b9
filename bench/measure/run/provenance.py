"""The origin of a run: commit, tool, environment, and the digests that make runs comparable."""

import getpass
import hashlib
import json
import os
import platform
import secrets
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.core.capacity.load_objective import list_objectives
from bench.core.config.capacity_search import CapacitySearch
from bench.core.config.placeholders import environment_values, expand, expand_defaults
from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.service import HANDLING_FIELDS
from bench.core.config.stack import MONITORING_FIELDS, Stack
from bench.core.config.target import Target
from bench.core.run.origin import (
    LONGEST_COMMIT_TEXT,
    MOST_CHANGED_FILES,
    Fingerprint,
    Provenance,
    WorkflowAttempt,
)
from bench.core.values.escape import one_line
from bench.core.values.record import Record
from bench.errors import ConfigError

_GIT_TIMEOUT_S = 10
# The field of a request that names the model, in the APIs of OpenAI, Ollama and Anthropic.
_MODEL_FIELD = "model"
_LONGEST_FACT = 200
_LOAD_OF_TRIAL = frozenset({"vus", "rate", "duration"})
"""Fields of an executor that a capacity search chooses itself."""
# bench writes these folders itself; changes in them do not make a commit dirty.
_OWN_FOLDERS = (".bench", "results", "baselines", "history")


def new_run_id(scenario: str) -> str:
    """Return an id that sorts by time and is unique within a second."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario}-{secrets.token_hex(2)}"


def provenance(run_id: str, injections: dict[str, float]) -> Provenance:
    """Return the provenance of a run that starts now in this folder."""
    changed = _changed_files()
    return Provenance(
        run_id=run_id,
        started_at=datetime.now(UTC),
        tool_version=version("chatbench"),
        python_version=platform.python_version(),
        commit=current_commit(),
        dirty=None if changed is None else bool(changed),
        changed_files=tuple((changed or [])[:MOST_CHANGED_FILES]),
        more_changed_files=max(0, len(changed or []) - MOST_CHANGED_FILES),
        branch=current_branch(),
        **describe_commit("HEAD"),
        injections=injections,
        workflow=workflow_attempt(),
    )


def _changed_files() -> list[str] | None:
    """Return the files with uncommitted changes, in the order of git; `None` outside a repository."""
    own = (f":(exclude){folder}" for folder in _OWN_FOLDERS)
    status = _git("status", "--porcelain", "-z", "--no-renames", "--", ":/", *own)
    if status is None:
        return None
    files = []
    for entry in filter(None, status.split("\0")):
        _, _, file = entry.lstrip().partition(" ")
        files.append(_commit_text(file) or "?")
    return files


def workflow_attempt() -> WorkflowAttempt | None:
    """Return the attempt of the workflow run of this process; `None` outside of GitHub Actions."""
    run = os.environ.get("GITHUB_RUN_ID")
    try:
        return WorkflowAttempt.model_validate(
            {"run": run, "attempt": os.environ.get("GITHUB_RUN_ATTEMPT") or 1}
        )
    except ValidationError:  # no run, or one of another system
        return None


def current_commit() -> str | None:
    """Return the commit of this folder; `None` outside a repository."""
    return _git("rev-parse", "HEAD")


def describe_commit(commit: str) -> dict[str, str | None]:
    """Return the `subject` and the `author` of a commit, each on one line and cut; None if it is unknown."""
    author, _, subject = (_git("log", "-1", "--format=%an%n%s", commit, "--") or "").partition("\n")
    return {"subject": _commit_text(subject), "author": _commit_text(author)}


def current_branch() -> str | None:
    """Return the branch of this folder; of a detached commit, the one that GitHub Actions names."""
    branch = _git("symbolic-ref", "--quiet", "--short", "HEAD")
    if branch is None and current_commit() is not None:
        branch = os.environ.get("GITHUB_HEAD_REF") or None
        if branch is None and os.environ.get("GITHUB_REF_TYPE") == "branch":
            branch = os.environ.get("GITHUB_REF_NAME")
    return _commit_text(branch or "")


def _commit_text(text: str) -> str | None:
    printable = text.encode("utf-8", "replace").decode()  # a name in the environment may be no UTF-8
    return one_line(printable).strip()[:LONGEST_COMMIT_TEXT].strip() or None


def head_commits() -> tuple[str, ...]:
    """Return the commit of this folder and, for a merge, its parents; empty outside a repository."""
    commit = current_commit()
    # `HEAD^2` fails in a shallow clone, which knows the ids of the parents but not their contents.
    lines = (_git("cat-file", "commit", "HEAD") or "").partition("\n\n")[0].splitlines()
    parents = [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]
    if commit is None:
        return ()
    is_merge = len(parents) > 1
    return (commit, *parents) if is_merge else (commit,)


def fingerprint(
    spec: RunSpec,
    stack: Stack,
    urls: Mapping[str, str] | None = None,
    parts: Mapping[str, str] | None = None,
) -> Fingerprint:
    """Return the digests and facts that must be equal for two runs to be comparable.

    Args:
        spec: The scenario.
        stack: The stack.
        urls: Addresses by service of a stack that runs elsewhere; another address counts as another stack.
        parts: Images and settings of the stack that its declaration leaves open.
    """
    scenario = spec.scenario
    values = environment_values({**os.environ, **spec.variables})
    work: dict[str, Any] = {
        "seed": scenario.seed,
        "phases": [_declared(phase) for phase in scenario.phases],
        "unique_prompts": scenario.unique_prompts,
        "timeout_s": scenario.request_timeout_s,
        "target": _work_of_target(spec.target, values),
        "prompts": [_work_of_prompt(prompt) for prompt in spec.prompts],
    }
    work |= _optional_work(spec, values)
    if scenario.capacity is not None:
        work |= _work_of_search(scenario, scenario.capacity)
    stack_work = {**_work_of_stack(stack, values), "purpose": None, "url": dict(urls) if urls else None}
    return Fingerprint(
        stack=stack.name,
        stack_digest=_digest(stack_work),
        work_digest=_digest(work),
        model=_model_of(spec.target, values),
        system=_system(),
        cpu_model=_cpu_model(),
        cpu_count=os.cpu_count() or 1,
        simulated=stack.simulated,
        parts=dict(parts or {}),
        image=_runner_image(),
        kernel=platform.release()[:_LONGEST_FACT] or None,
    )


def git_user() -> str:
    """Return the default author of a baseline: git's `user.name`, else the name of the account."""
    return _git("config", "user.name") or getpass.getuser()


def _declared(record: Record) -> dict[str, Any]:
    """Return the fields that differ from their defaults: a new option then keeps baselines comparable."""
    return record.model_dump(mode="json", exclude_defaults=True)


def _optional_work(spec: RunSpec, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the parts of the work that few scenarios have; those without them keep their digest."""
    scenario = spec.scenario
    work: dict[str, Any] = {}
    if spec.compare_with is not None:
        work["compare_with"] = _work_of_target(spec.compare_with, values)
    if spec.turn is not None:
        work["turn"] = spec.turn.source
    if scenario.faults:
        work["faults"] = [_declared(fault) for fault in scenario.faults]
    if scenario.repeat is not None:
        work["repeat"] = _declared(scenario.repeat)
    if scenario.retry is not None:
        work["retry"] = _declared(scenario.retry)
    if scenario.leave_at is not None:
        work["leave_at"] = scenario.leave_at
    if scenario.is_journey:
        work["journeys"] = [_declared_journey(part, values) for part in spec.parts]
        work["mix"] = [(part.spec.scenario.name, part.weight, part.start_s) for part in spec.mix]
    return work


def _work_of_search(scenario: Scenario, search: CapacitySearch) -> dict[str, Any]:
    """Return the fields that a safe load depends on: not the loads that a search tries, nor its time."""
    phases: list[dict[str, Any]] = []
    for phase in scenario.phases:
        declared = _declared(phase)
        phases.append({name: value for name, value in declared.items() if name not in _LOAD_OF_TRIAL})
    return {
        "phases": phases,
        "objectives": [objective.words for objective in list_objectives(scenario)],
        "confidence": search.confidence,
    }


def _declared_journey(spec: RunSpec, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the steps of a journey, its target and messages, and the digests of its rows and files."""
    scenario = spec.scenario
    files = {name: hashlib.sha256(content).hexdigest() for name, content in spec.files.items()}
    options: dict[str, Any] = {}
    if scenario.repeat is not None:
        options["repeat"] = _declared(scenario.repeat)
    if scenario.retry is not None:
        options["retry"] = _declared(scenario.retry)
    return {
        "target": _work_of_target(spec.target, values),
        "prompts": [_work_of_prompt(prompt) for prompt in spec.prompts],
        "login": None if scenario.login is None else _declared(scenario.login),
        "steps": [_declared(step) for step in scenario.steps],
        "data": None if scenario.data is None else _declared(scenario.data),
        "rows": hashlib.sha256(repr(spec.rows).encode()).hexdigest(),
        "files": files,
        **options,
    }


def _work_of_prompt(prompt: Prompt) -> dict[str, Any]:
    """Return the fields of a message that change its work; its class only changes how it is judged."""
    return prompt.model_dump(mode="json", exclude_defaults=True, exclude={"message_class"})


def _work_of_stack(stack: Stack, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a stack that change its work; those that watch and handle it do not."""
    work = {name: value for name, value in _declared(stack).items() if name not in MONITORING_FIELDS}
    for service in work.get("services", {}).values():
        for field in HANDLING_FIELDS & service.keys():
            del service[field]
        if service.get("replicas") == 1:  # the same work as without this field
            del service["replicas"]
    return {name: expand_defaults(value, values) for name, value in work.items()}


def _work_of_target(target: Target, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a target, with the variables that its requests differ by."""
    declared = _declared(target)
    for field in ("path", "body"):
        declared[field] = expand_defaults(declared[field], values)
    model = _model_of(target, values)
    if model is not None:
        declared["body"][_MODEL_FIELD] = model
    return declared


def _model_of(target: Target, values: Mapping[str, str]) -> str | None:
    """Return the model that a target's body names; None if it names none, or its variable has no value."""
    model = target.body.get(_MODEL_FIELD)
    if not isinstance(model, str):
        return None
    try:
        return expand(model, values, "")[:_LONGEST_FACT]
    except ConfigError:
        return None


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _git(*arguments: str) -> str | None:
    try:
        completed = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return completed.stdout.strip()


def _system() -> str:
    """Return the operating system with its major release, and the architecture: `ubuntu-24-x86_64`."""
    try:
        release = platform.freedesktop_os_release()
        name = release["ID"]
        version_number = release.get("VERSION_ID", "")
    except OSError:  # not Linux
        name = platform.system().lower()
        version_number = platform.release()
    major = version_number.partition(".")[0]
    return "-".join(filter(None, [name, major, platform.machine()]))[:_LONGEST_FACT]


def _runner_image() -> str | None:
    """Return the image of a hosted runner with its version, such as `ubuntu24-20260105.1`."""
    image = os.environ.get("ImageOS")  # noqa: SIM112 - the spelling of hosted runners
    image_version = os.environ.get("ImageVersion")  # noqa: SIM112 - likewise
    return f"{image}-{image_version}"[:_LONGEST_FACT] if image else None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"

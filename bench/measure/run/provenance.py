"""Where and with what a run was made."""

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

from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import WATCHING, Stack
from bench.core.run.result import Fingerprint, Provenance
from bench.core.values.record import Record

# What we write ourselves below this folder is nothing that a run measures.
_OWN = (".bench", "results", "baselines", "history")


def new_run_id(scenario: str) -> str:
    """Sorts by time, and two runs of one second still differ."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario}-{secrets.token_hex(2)}"


def provenance(run_id: str, injections: dict[str, float]) -> Provenance:
    """The provenance of a run that starts now in this folder."""
    status = _git("status", "--porcelain", "--", ":/", *(f":(exclude){folder}" for folder in _OWN))
    return Provenance(
        run_id=run_id,
        started_at=datetime.now(UTC),
        tool_version=version("chatbench"),
        python_version=platform.python_version(),
        commit=current_commit(),
        dirty=None if status is None else bool(status),
        injections=injections,
    )


def current_commit() -> str | None:
    """The commit whose files are in this folder; None outside a repository."""
    return _git("rev-parse", "HEAD")


def checked_out() -> tuple[str, ...]:
    """The commit whose files are in this folder, and what it was merged from; empty outside a repository."""
    commit = current_commit()
    # Not by `HEAD^2`: a shallow clone names the parents that it does not have.
    lines = (_git("cat-file", "commit", "HEAD") or "").partition("\n\n")[0].splitlines()
    parents = [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]
    return () if commit is None else (commit, *(parents if len(parents) > 1 else ()))


def fingerprint(
    spec: RunSpec,
    stack: Stack,
    urls: Mapping[str, str] | None = None,
    parts: Mapping[str, str] | None = None,
) -> Fingerprint:
    """What must be equal for a run to be compared with another.

    Args:
        spec: The work.
        stack: The stack that did it.
        urls: By service, of a stack that runs elsewhere: another address is another stack.
        parts: What the stack is made of: images and settings that its declaration leaves open.
    """
    scenario = spec.scenario
    work: dict[str, Any] = {
        "seed": scenario.seed,
        "phases": [_declared(phase) for phase in scenario.phases],
        "unique_prompts": scenario.unique_prompts,
        "timeout_s": scenario.request_timeout_s,
        "target": _declared(spec.target),
        "prompts": [_declared(prompt) for prompt in spec.prompts],
    }
    if spec.compare_with is not None:
        work["compare_with"] = _declared(spec.compare_with)
    image = os.environ.get("ImageOS")  # noqa: SIM112 - so spelt by the hosted runners
    image_version = os.environ.get("ImageVersion")  # noqa: SIM112 - likewise
    return Fingerprint(
        stack=stack.name,
        stack_digest=_digest({**_work_of(stack), "purpose": None, "url": dict(urls) if urls else None}),
        work_digest=_digest(work),
        system=f"{image}-{image_version}" if image else f"{platform.system()}-{platform.machine()}",
        cpu_model=_cpu_model(),
        cpu_count=os.cpu_count() or 1,
        simulated=stack.simulated,
        parts=dict(parts or {}),
    )


def git_user() -> str:
    """Who accepts a baseline when nobody says: git's `user.name`, else the account's name."""
    return _git("config", "user.name") or getpass.getuser()


def _declared(record: Record) -> dict[str, Any]:
    """What differs from the defaults, so that a new option does not make every baseline incomparable."""
    return record.model_dump(mode="json", exclude_defaults=True)


def _work_of(stack: Stack) -> dict[str, Any]:
    """What is declared of a stack's work; how it is watched does not change that."""
    return {key: value for key, value in _declared(stack).items() if key not in WATCHING}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "unknown")

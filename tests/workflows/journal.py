"""What the cases showed, for docs/explanation/ci.md."""

import json
from pathlib import Path
from typing import Any

from tests.workflows.hosted import Hosted, WorkflowRun


def describe_case(name: str, law: str, outcome: str, repository: Hosted) -> dict[str, Any]:
    """Return a case with its runs, checks and comments, as JSON has it."""
    comments = []
    for number, bodies in repository.github.comments.items():
        for body in bodies:
            comments.append({"pull": number, "login": body["user"]["login"], "body": body["body"]})
    checks = []
    for check in repository.github.checks:
        fields = {field: check[field] for field in ("name", "head_sha", "conclusion")}
        checks.append(fields | {"title": check["output"]["title"]})
    return {
        "case": name,
        "law": law,
        "outcome": outcome,
        "runs": [_describe_run(run) for run in repository.runs],
        "checks": checks,
        "comments": comments,
    }


def append(file: Path, case: dict[str, Any]) -> None:
    """Add a case to a file of JSON lines."""
    with file.open("a", encoding="utf-8") as journal:
        journal.write(f"{json.dumps(case)}\n")


def _describe_run(run: WorkflowRun) -> dict[str, Any]:
    return {
        "workflow": run.workflow,
        "event": run.event,
        "conclusion": run.conclusion,
        "jobs": run.started.jobs,
        "steps": [vars(step) for step in run.started.steps],
    }

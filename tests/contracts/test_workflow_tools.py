import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = [*ROOT.glob("action.yml"), *ROOT.glob("*/action.yml"), *ROOT.glob(".github/actions/*/action.yml")]
PROGRAMS = Path(sys.executable).parent
ACTIONLINT = shutil.which("actionlint", path=f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")


def _run(program: str, *arguments: str | Path) -> None:
    command = [str(PROGRAMS / program), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_reports_no_problem() -> None:
    """No template injection, no stored credential, no undocumented permission, no job without a name."""
    _run("zizmor", "--offline", "--no-progress", "--persona", "pedantic", ".")


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-actions", ACTIONS),
        ("vendor.dependabot", [Path(".github/dependabot.yml")]),
    ],
    ids=["workflows", "actions", "dependabot"],
)
def test_the_files_conform_to_the_schemas_of_github(schema: str, paths: list[Path]) -> None:
    """Every workflow, every action and the file of Dependabot."""
    assert paths
    _run("check-jsonschema", "--builtin-schema", schema, *paths)


@pytest.mark.skipif(
    ACTIONLINT is None, reason="there is no actionlint: `make setup` builds it where Go is installed"
)
def test_actionlint_reports_no_problem() -> None:
    """Every expression has a value, and shellcheck finds no mistake in a command of a workflow."""
    _run(str(ACTIONLINT), "-shellcheck", PROGRAMS / "shellcheck", "-no-color")


def test_shellcheck_reports_no_problem_in_the_commands_of_actions(tmp_path: Path) -> None:
    """These are the scripts and steps that actionlint does not read."""
    scripts = [*(ROOT / ".github").rglob("*.sh")]
    for path in ACTIONS:
        for number, step in enumerate(yaml.safe_load(path.read_text(encoding="utf-8"))["runs"]["steps"]):
            if "run" in step:
                script = tmp_path / f"{path.parent.name}-{number}.sh"
                script.write_text(
                    f"#!/usr/bin/env {step['shell']}\nset -eo pipefail # as GitHub sets it\n{step['run']}"
                )
                scripts.append(script)
    assert scripts
    _run("shellcheck", *scripts)


def _write_examples(page: str, folder: Path) -> list[Path]:
    """Write the workflows that a page shows as complete files into a repository of their own."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(name: .*?)^```$", text, re.MULTILINE | re.DOTALL)
    workflows = folder / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".github" / "actionlint.yaml").write_text("self-hosted-runner: {labels: [load, scheduler]}\n")
    paths = []
    for number, block in enumerate(blocks):
        paths.append(workflows / f"example-{number}.yml")
        paths[-1].write_text(block, encoding="utf-8")
    return paths


def test_the_workflows_for_several_machines_have_no_problem(tmp_path: Path) -> None:
    """A reader can copy them: the schema, zizmor and, where it is installed, actionlint accept them."""
    paths = _write_examples("how-to/load-from-several-machines.md", tmp_path)
    assert len(paths) == 2
    _run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths)
    _run("zizmor", "--offline", "--no-progress", "--persona", "pedantic", tmp_path)
    if ACTIONLINT is not None:
        config = tmp_path / ".github" / "actionlint.yaml"
        _run(str(ACTIONLINT), "-config-file", config, "-shellcheck", PROGRAMS / "shellcheck", *paths)

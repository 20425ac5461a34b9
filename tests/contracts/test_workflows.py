import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.render.comment import LIMIT

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
PUBLISHES = "bench-comment.yml"
# Those that have a token, by job; the others run what a stranger may have written.
WRITES = {
    PUBLISHES: {"begin", "comment"},
    "_history.yml": {"history"},
    "bench-baseline.yml": {"baseline"},
    "bench-command.yml": {"command"},
    "bench-nightly.yml": {"baseline", "history", "site"},
    "bench-site.yml": {"deploy"},
    "bench-watch.yml": {"schedule"},
    "bench-weekly.yml": {"history", "site"},
}
SITE = "bench-site.yml"
KEPT = "bench-history"  # the branch of what was measured: lines of data, and no code


def _jobs(workflow: dict[Any, Any]) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = workflow["jobs"]
    return jobs


def _steps() -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, step)
        for name, workflow in WORKFLOWS.items()
        for job in _jobs(workflow).values()
        for step in job.get("steps", [])
    ] + [
        (path.parent.name, step)
        for path in ACTIONS
        for step in yaml.safe_load(path.read_text(encoding="utf-8"))["runs"]["steps"]
    ]


def _run(*arguments: str) -> None:
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_reports_no_problem() -> None:
    """No template injection, no stored credential, no dangerous trigger without a reason."""
    _run(str(Path(sys.executable).with_name("zizmor")), "--offline", "--no-progress", ".")


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", [str(path) for path in FILES]),
        ("vendor.github-actions", [str(path) for path in ACTIONS]),
        ("vendor.dependabot", [".github/dependabot.yml"]),
    ],
)
def test_the_files_conform_to_the_schemas_of_github(schema: str, paths: list[str]) -> None:
    """Every workflow, every action and the file of Dependabot."""
    _run(str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", schema, *paths)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_only_the_rights_that_it_names(name: str) -> None:
    """No right at the top; each job names its rights, and only jobs that publish may write."""
    assert WORKFLOWS[name]["permissions"] == {}
    writes = {key for key, job in _jobs(WORKFLOWS[name]).items() if "write" in job["permissions"].values()}
    assert writes == WRITES.get(name, set())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_has_a_time_limit(name: str) -> None:
    """A job has a time limit, or calls a workflow whose jobs have one."""
    for job in _jobs(WORKFLOWS[name]).values():
        assert ("timeout-minutes" in job) != ("uses" in job)


def test_no_job_with_foreign_code_has_a_secret() -> None:
    """No file names secrets, and only workflows that publish name the token."""
    for path in [*FILES, *ACTIONS]:
        text = path.read_text(encoding="utf-8")
        assert "secrets" not in text
        assert "github.token" not in text or path.name in WRITES


def test_a_job_with_a_token_has_only_the_files_of_the_default_branch() -> None:
    """Neither the head of a pull request nor a merge of it. bench itself reads artifacts.

    A schedule, and a workflow that a schedule calls, has these files anyway.
    """
    for name, step in _steps():
        uses = step.get("uses", "")
        if name in WRITES.keys() - {"_history.yml", "bench-watch.yml"} and "checkout" in uses:
            data = name == SITE and step["with"]["ref"] == KEPT and "path" in step["with"]
            assert data or step["with"]["ref"] == "${{ github.event.repository.default_branch }}"
        assert name not in WRITES or "artifact" not in uses or "upload-pages-artifact" in uses


def test_a_job_that_writes_is_never_cancelled() -> None:
    """It completes its baseline, history or comment."""
    for name in WRITES.keys() - {"_history.yml"}:  # which runs in the group of who calls it
        assert WORKFLOWS[name]["concurrency"]["cancel-in-progress"] is False


def test_the_deploying_job_has_one_step() -> None:
    """Another job without rights builds the site."""
    jobs = _jobs(WORKFLOWS[SITE])
    (step,) = jobs["deploy"]["steps"]
    assert "deploy-pages" in step["uses"]
    assert jobs["deploy"]["environment"]["name"] == "github-pages"
    assert jobs["build"]["permissions"] == {"contents": "read", "pages": "read"}


def test_the_documentation_is_published_without_a_history() -> None:
    """The site is the documentation; the pages of histories, if any, are in its folder bench/."""
    steps = _jobs(WORKFLOWS[SITE])["build"]["steps"]
    (history,) = [step for step in steps if step.get("with", {}).get("ref") == KEPT]
    assert history["continue-on-error"] is True
    (build,) = [step["run"] for step in steps if "make docs" in step.get("run", "")]
    assert build.index("make docs") < build.index("if compgen") < build.index("--folder site/bench")


def test_without_pages_the_workflow_prints_a_notice() -> None:
    """If Pages is off, only the notice runs, and no step fails."""
    asked, notice, *others = _jobs(WORKFLOWS[SITE])["build"]["steps"]
    assert asked["continue-on-error"] is True
    assert "::notice" in notice["run"]
    assert {each["if"] for each in others} == {"steps.pages.outcome == 'success'"}
    assert "needs.build.outputs.pages == 'true'" in _jobs(WORKFLOWS[SITE])["deploy"]["if"]


def test_a_comment_command_runs_no_pull_request_code() -> None:
    """Its job only sets up bench and executes the command."""
    steps = _jobs(WORKFLOWS["bench-command.yml"])["command"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [
        "make setup",
        ".venv/bin/bench ci command",
    ]


def test_every_started_check_is_concluded() -> None:
    """The last step leaves no check in progress, also after an error."""
    jobs = _jobs(WORKFLOWS[PUBLISHES])
    assert jobs["begin"]["steps"][-1]["run"] == ".venv/bin/bench ci check start"
    last = jobs["comment"]["steps"][-1]
    assert (last["if"], last["run"]) == ("always()", ".venv/bin/bench ci check finish")


def test_a_stack_that_does_not_start_reaches_the_verdict() -> None:
    """`bench check` follows in every case and stores the reason, so no step before it ends the job."""
    (measure,) = [path for path in ACTIONS if path.parent.name == "measure"]
    steps = yaml.safe_load(measure.read_text(encoding="utf-8"))["runs"]["steps"]
    named = {step["name"]: step for step in steps if "name" in step}
    assert named["bench stack up"]["continue-on-error"] is True


def test_a_job_summary_is_shorter_than_the_limit_of_github() -> None:
    """The summary is the comment; four bytes per character are a quarter of the limit."""
    assert 4 * LIMIT < 1024**2


def test_a_started_stack_is_stopped() -> None:
    """Its logs are kept and its containers removed, also after an error."""
    (measure,) = [path for path in ACTIONS if path.parent.name == "measure"]
    steps = yaml.safe_load(measure.read_text(encoding="utf-8"))["runs"]["steps"]
    named = {step["name"]: step for step in steps if "name" in step}
    order = ["bench stack up", "bench check", "bench stack logs", "bench stack down"]
    assert list(named) == order
    assert all(named[name]["if"].startswith("always()") for name in order[2:])
    assert steps[-1]["if"] == "always()"


@pytest.mark.parametrize(
    ("place", "first"), [("measure", "bench stack up"), ("_bench.yml", "chatbench:base")], ids=["up", "ab"]
)
def test_images_exist_before_containers_start(place: str, first: str) -> None:
    """A runner has none and bench pulls none: the workflow builds ours and pulls the others."""
    steps = [step for name, step in _steps() if name == place]
    (starts,) = [number for number, step in enumerate(steps) if first in step.get("run", "")]
    (pulls,) = [
        number for number, step in enumerate(steps) if " pull --policy missing" in step.get("run", "")
    ]
    assert pulls < starts
    stacks = {
        path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "scenarios/stacks").glob("c*.yaml")
    }
    assert {name: stack["compose"]["profiles"] for name, stack in stacks.items()} == {
        "compose": ["sim"],
        "compose-ollama": ["ollama"],
    }
    assert steps[pulls]["env"]["PROFILE"] == "${{ inputs.stack == 'compose-ollama' && 'ollama' || 'sim' }}"


def test_the_verdict_job_reads_only_folders_of_runs(tmp_path: Path) -> None:
    """The last job passes the folders of runs, and no other files."""
    (tmp_path / "runs" / "a-run").mkdir(parents=True)
    (tmp_path / "runs" / "quick-services.log").touch()
    given = [
        step["run"] for name, step in _steps() if name == "_bench.yml" and "runs/*" in step.get("run", "")
    ]
    assert len(given) == 2
    for command in given:
        (pattern,) = re.findall(r"runs/\S+", command)
        echo = ["bash", "-c", f"echo {pattern}"]
        done = subprocess.run(echo, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["runs/a-run/"]


def test_no_text_of_an_event_becomes_a_command() -> None:
    """Text from outside reaches a shell only as a variable."""
    for name, step in _steps():
        assert "${{" not in step.get("run", ""), name


def test_every_action_is_pinned() -> None:
    """By a commit with its version in a comment, and everywhere by the same one."""
    pins: dict[str, set[str]] = {}
    for path in [*FILES, *ACTIONS]:
        for action, commit in re.findall(r"uses: ([\w./-]+)@(.+)", path.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", commit), f"{path.name}: {action}"
            pins.setdefault(action, set()).add(commit)
    assert pins
    assert all(len(commits) == 1 for commits in pins.values())


def test_every_suite_has_its_workflow() -> None:
    """Every suite of scenarios/suites.yaml runs in a workflow, and every workflow runs a known suite."""
    suites = yaml.safe_load((ROOT / "scenarios" / "suites.yaml").read_text(encoding="utf-8"))
    asked = {
        job["with"]["suite"]
        for workflow in WORKFLOWS.values()
        for job in _jobs(workflow).values()
        if "_bench.yml" in job.get("uses", "")
    }
    assert {each.removeprefix("${{ inputs.suite || '").removesuffix("' }}") for each in asked} == set(suites)

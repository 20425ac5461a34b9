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
    "bench-nightly.yml": {"history", "site"},
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


def test_zizmor_finds_nothing() -> None:
    """No template injection, no credential left behind, no trigger that is dangerous without a reason."""
    _run(str(Path(sys.executable).with_name("zizmor")), "--offline", "--no-progress", ".")


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", [str(path) for path in FILES]),
        ("vendor.github-actions", [str(path) for path in ACTIONS]),
        ("vendor.dependabot", [".github/dependabot.yml"]),
    ],
)
def test_the_files_are_as_github_reads_them(schema: str, paths: list[str]) -> None:
    """Every workflow, every action and Dependabot's file is right by the published schema."""
    _run(str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", schema, *paths)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_no_right_but_those_it_names(name: str) -> None:
    """Nothing at the top, and each job says what it needs; only those that publish may write."""
    assert WORKFLOWS[name]["permissions"] == {}
    writes = {key for key, job in _jobs(WORKFLOWS[name]).items() if "write" in job["permissions"].values()}
    assert writes == WRITES.get(name, set())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_ends(name: str) -> None:
    """A job has a time-out, or calls a workflow whose jobs have."""
    for job in _jobs(WORKFLOWS[name]).values():
        assert ("timeout-minutes" in job) != ("uses" in job)


def test_no_secret_is_where_strangers_code_runs() -> None:
    """Secrets are named nowhere, and tokens in the workflows that publish only."""
    for path in [*FILES, *ACTIONS]:
        text = path.read_text(encoding="utf-8")
        assert "secrets" not in text
        assert "github.token" not in text or path.name in WRITES


def test_what_has_a_token_has_the_default_branchs_files_and_nothing_else() -> None:
    """Neither the head nor a merge of it: files that a maintainer has merged. Artifacts are read by bench.

    A schedule, and what is called by one, has them by itself.
    """
    for name, step in _steps():
        uses = step.get("uses", "")
        if name in WRITES.keys() - {"_history.yml", "bench-watch.yml"} and "checkout" in uses:
            data = name == SITE and step["with"]["ref"] == KEPT and "path" in step["with"]
            assert data or step["with"]["ref"] == "${{ github.event.repository.default_branch }}"
        assert name not in WRITES or "artifact" not in uses or "upload-pages-artifact" in uses


def test_what_writes_is_never_cancelled() -> None:
    """A baseline, a history or a comment that is begun is made."""
    for name in WRITES.keys() - {"_history.yml"}:  # which runs in the group of who calls it
        assert WORKFLOWS[name]["concurrency"]["cancel-in-progress"] is False


def test_what_deploys_runs_nothing_else() -> None:
    """The job that may change the site has one step; another one without rights makes it."""
    jobs = _jobs(WORKFLOWS[SITE])
    (step,) = jobs["deploy"]["steps"]
    assert "deploy-pages" in step["uses"]
    assert jobs["deploy"]["environment"]["name"] == "github-pages"
    assert jobs["build"]["permissions"] == {"contents": "read", "pages": "read"}


def test_the_documentation_is_published_before_there_is_a_history() -> None:
    """The site is the documentation; the pages of histories go into its folder bench/ if there are any."""
    steps = _jobs(WORKFLOWS[SITE])["build"]["steps"]
    (history,) = [step for step in steps if step.get("with", {}).get("ref") == KEPT]
    assert history["continue-on-error"] is True
    (build,) = [step["run"] for step in steps if "make docs" in step.get("run", "")]
    assert build.index("make docs") < build.index("if compgen") < build.index("--folder site/bench")


def test_without_pages_there_is_no_site_and_a_word_about_it() -> None:
    """Where Pages is off nothing but the notice runs, and nothing fails."""
    asked, notice, *others = _jobs(WORKFLOWS[SITE])["build"]["steps"]
    assert asked["continue-on-error"] is True
    assert "::notice" in notice["run"]
    assert {each["if"] for each in others} == {"steps.pages.outcome == 'success'"}
    assert "needs.build.outputs.pages == 'true'" in _jobs(WORKFLOWS[SITE])["deploy"]["if"]


def test_a_command_runs_nothing_of_the_pull_request() -> None:
    """Its job has no other step than to set up and to do what is asked."""
    steps = _jobs(WORKFLOWS["bench-command.yml"])["command"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [
        "make setup",
        ".venv/bin/bench ci command",
    ]


def test_a_check_that_is_begun_is_concluded() -> None:
    """Whatever came of the measurement, the last step leaves nothing in progress."""
    jobs = _jobs(WORKFLOWS[PUBLISHES])
    assert jobs["begin"]["steps"][-1]["run"] == ".venv/bin/bench ci check start"
    last = jobs["comment"]["steps"][-1]
    assert (last["if"], last["run"]) == ("always()", ".venv/bin/bench ci check finish")


def test_a_job_summary_is_shorter_than_github_takes() -> None:
    """The summary of a step is the comment, and four bytes a character are a quarter of the limit."""
    assert 4 * LIMIT < 1024**2


def test_a_stack_that_is_brought_up_is_taken_down() -> None:
    """Its logs are kept and its containers removed, whatever came of the measurement."""
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
def test_images_are_there_before_containers_are_started(place: str, first: str) -> None:
    """A runner has none and bench fetches none: ours are built, the others of the profile pulled."""
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


def test_runs_are_judged_without_the_logs_beside_them(tmp_path: Path) -> None:
    """What the last job gives to bench are the folders of runs, whatever else was kept with them."""
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
    """What a stranger can write reaches a shell only as a variable."""
    for name, step in _steps():
        assert "${{" not in step.get("run", ""), name


def test_every_action_is_pinned() -> None:
    """By a commit, with the version beside it, and the same one everywhere."""
    pins: dict[str, set[str]] = {}
    for path in [*FILES, *ACTIONS]:
        for action, commit in re.findall(r"uses: ([\w./-]+)@(.+)", path.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", commit), f"{path.name}: {action}"
            pins.setdefault(action, set()).add(commit)
    assert pins
    assert all(len(commits) == 1 for commits in pins.values())


def test_every_suite_has_its_workflow() -> None:
    """What scenarios/suites.yaml names runs somewhere, and what runs is named there."""
    suites = yaml.safe_load((ROOT / "scenarios" / "suites.yaml").read_text(encoding="utf-8"))
    asked = {
        job["with"]["suite"]
        for workflow in WORKFLOWS.values()
        for job in _jobs(workflow).values()
        if "_bench.yml" in job.get("uses", "")
    }
    assert {each.removeprefix("${{ inputs.suite || '").removesuffix("' }}") for each in asked} == set(suites)

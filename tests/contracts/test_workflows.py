import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.render.comment import LIMIT

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
ACTIONS = [ROOT / "action.yml", ROOT / "publish" / "action.yml"]
MEASURE, PUBLISH = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in ACTIONS)
PIPELINE = "bench.yml"
RELEASE = "release.yml"  # which starts for a tag on a commit of the default branch
# Jobs that have a token; the others run what a stranger may have written.
WRITES = {
    PIPELINE: {"begin", "publish", "command", "record"},
    "bench-publish.yml": {"publish"},
    "bench-baseline.yml": {"baseline"},
    "bench-site.yml": {"deploy"},
    RELEASE: {"attest", "image", "pypi", "github"},
    "bench-watch.yml": {"schedule"},
}
# They read the code, execute none of it, and write only findings.
SCANS = {"codeql.yml": {"analyze"}, "scorecard.yml": {"scorecard"}, "bench-weekly.yml": {"findings"}}
SITE = "bench-site.yml"
KEPT = "bench-history"  # the branch of stored runs: lines of data, and no code
DEFAULT_BRANCH = "${{ github.event.repository.default_branch }}"


def _jobs(workflow: dict[Any, Any]) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = workflow["jobs"]
    return jobs


def _own_jobs(name: str) -> dict[str, dict[str, Any]]:
    """Return the jobs with steps; the others call a workflow whose jobs have permissions of their own."""
    return {key: job for key, job in _jobs(WORKFLOWS[name]).items() if "steps" in job}


def _steps() -> list[tuple[str, dict[str, Any]]]:
    steps = [(name, step) for name in WORKFLOWS for job in _own_jobs(name).values() for step in job["steps"]]
    for path, action in zip(ACTIONS, (MEASURE, PUBLISH), strict=True):
        steps += [(path.parent.name, step) for step in action["runs"]["steps"]]
    return steps


def _named(action: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in action["runs"]["steps"] if "name" in step}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_only_the_rights_that_it_names(name: str) -> None:
    """No right at the top; each job names its rights, and only jobs that publish may write."""
    assert WORKFLOWS[name]["permissions"] == {}
    writes = {key for key, job in _own_jobs(name).items() if "write" in job["permissions"].values()}
    assert writes == (WRITES | SCANS).get(name, set())


def test_a_caller_permits_exactly_what_the_called_jobs_need() -> None:
    """GitHub starts no workflow whose call permits less, even if the job in question is skipped."""
    for name, workflow in WORKFLOWS.items():
        for key, job in _jobs(workflow).items():
            if "uses" not in job:
                continue
            needed: dict[str, str] = {}
            for called in _own_jobs(Path(job["uses"]).name).values():
                for right, level in called["permissions"].items():
                    needed[right] = "write" if "write" in (level, needed.get(right)) else level
            assert job["permissions"] == needed, f"{name}: {key}"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_has_a_time_limit(name: str) -> None:
    """A job has a time limit, or calls a workflow whose jobs have one."""
    for job in _jobs(WORKFLOWS[name]).values():
        assert ("timeout-minutes" in job) != ("uses" in job)


def test_no_job_with_foreign_code_has_a_secret() -> None:
    """Only jobs that write have the token, and only those of the pipeline the key of an app."""
    for path in [*FILES, *ACTIONS]:
        text = path.read_text(encoding="utf-8")
        assert "secrets." not in text or path.name == PIPELINE
        assert "github.token" not in text or path.name in WRITES or path == ACTIONS[1]
    jobs = _jobs(WORKFLOWS[PIPELINE])
    with_key = {"begin", "command", "publish", "record"}
    assert {key for key, job in jobs.items() if "secrets." in str(job)} == with_key
    for key in with_key:
        (app,) = [step for step in jobs[key]["steps"] if "secrets." in str(step)]
        assert app["uses"].startswith("actions/create-github-app-token@")
    assert jobs["measure"]["permissions"] == {"contents": "read"}
    assert "github.token" not in str([jobs["measure"], MEASURE])


def test_no_checkout_stores_the_token() -> None:
    """Code of a pull request finds no token in the files of git."""
    for name, step in _steps():
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False, name


def test_a_job_with_a_token_has_only_the_files_of_the_default_branch() -> None:
    """Neither the head of a pull request nor a merge of it. bench itself reads artifacts.

    The pipeline's own files come from the commit that the caller names, or from the default branch if this
    project calls itself. The watch runs on the default branch, so it has these files anyway.
    """
    own = "${{ job.workflow_repository != github.repository && job.workflow_sha || "
    allowed = {DEFAULT_BRANCH, own + DEFAULT_BRANCH.removeprefix("${{ ")}
    for name in WRITES.keys() - {RELEASE}:
        jobs = _own_jobs(name)
        for step in [step for key in WRITES[name] for step in jobs[key]["steps"]]:
            if "checkout" in step.get("uses", "") and name != "bench-watch.yml":
                assert step["with"]["ref"] in allowed, name
            assert "artifact" not in step.get("uses", "")
    (files,) = [step for step in PUBLISH["runs"]["steps"] if "checkout" in step.get("uses", "")]
    assert files["with"]["ref"] == DEFAULT_BRANCH


def test_a_job_with_a_token_restores_no_cache() -> None:
    """Code of a pull request can write to the cache of its own branch."""
    assert "cache" not in " ".join(step.get("uses", "") for step in PUBLISH["runs"]["steps"])
    for name, keys in WRITES.items():
        for key in keys:
            assert "cache@" not in str(_jobs(WORKFLOWS[name])[key]["steps"])


def test_a_job_that_writes_is_never_cancelled() -> None:
    """Only a measurement is replaced by a newer one. Commands and records wait, without a limit of one."""
    jobs = _jobs(WORKFLOWS[PIPELINE])
    assert jobs["measure"]["concurrency"]["cancel-in-progress"] == (
        "${{ github.event_name == 'pull_request' }}"
    )
    for key in ("command", "record"):
        assert jobs[key]["concurrency"]["queue"] == "max"
    for name, workflow in WORKFLOWS.items():
        group = workflow.get("concurrency")
        assert group is None or name == "ci.yml" or group["cancel-in-progress"] is False
        callers = [job for job in _jobs(workflow).values() if PIPELINE in job.get("uses", "")]
        assert not callers or group is None  # a comment would cancel a measurement


def test_the_site_has_the_runs_of_every_suite_that_is_scheduled() -> None:
    """It is built after all measurements of the workflow, also if one of them failed."""
    scheduled = 0
    for name, workflow in WORKFLOWS.items():
        jobs = _jobs(workflow)
        measuring = [key for key, job in jobs.items() if Path(job.get("uses", "")).name == PIPELINE]
        if not measuring or "schedule" not in workflow[True]:  # YAML reads the key `on` as a truth value
            continue
        scheduled += 1
        (site,) = [job for job in jobs.values() if Path(job.get("uses", "")).name == SITE]
        needed = [site["needs"]] if isinstance(site["needs"], str) else site["needs"]
        assert needed == measuring, name
        assert site["if"].startswith("${{ !cancelled() &&"), name
    assert scheduled == 3


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


def test_every_task_of_the_publisher_is_a_command_of_bench() -> None:
    """Its steps only install bench and execute commands of it."""
    for name, step in _named(PUBLISH).items():
        if name != "install bench":
            assert re.findall(r"bin/bench\S*", step["run"]), name
            assert name.removeprefix("bench ").split()[-1] in step["run"]
    tasks = {
        step.get("with", {}).get("task", PUBLISH["inputs"]["task"]["default"])
        for _, step in _steps()
        if step.get("uses", "").endswith("chatbench/publish")
    }
    assert tasks == set(re.findall(r"inputs.task == '(\w+)'", str(PUBLISH["runs"]["steps"])))


def test_the_app_of_a_job_may_do_what_its_token_may_do() -> None:
    """A right that only one of both has would work with one of the tokens only."""
    for job in _own_jobs(PIPELINE).values():
        for step in [step for step in job["steps"] if step.get("id") == "app"]:
            app = {
                key.removeprefix("permission-"): level for key, level in step["with"].items() if "perm" in key
            }
            optional = {"contents": "read"} if "contents" in job["permissions"] else {}
            assert optional | app == job["permissions"]


def test_a_commit_that_is_measured_again_has_a_check_in_progress() -> None:
    """A changed base is measured again, and each event of the job `begin` starts a caller."""
    jobs = _jobs(WORKFLOWS[PIPELINE])
    types = WORKFLOWS["bench-pr.yml"][True]["pull_request"]["types"]
    named = set(re.findall(r"event\.action == '(\w+)'", jobs["begin"]["if"]))
    assert named == {"ready_for_review", "reopened", "edited", "unlabeled"}
    assert named < set(types)
    for job in (jobs["begin"], jobs["measure"]):
        assert "github.event.changes.base" in job["if"]
    assert "begin" in jobs["publish"]["needs"]
    assert not [step for step in jobs["begin"]["steps"] if "checkout" in step.get("uses", "")]


def test_a_measurement_without_a_verdict_concludes_its_check() -> None:
    """The job publishes also after an error or a cancelled measurement, and knows how it ended."""
    publish = _jobs(WORKFLOWS[PIPELINE])["publish"]
    assert publish["if"].startswith("always()")
    assert publish["steps"][-1]["with"]["ended"] == "${{ needs.measure.result }}"
    assert '--ended "$ENDED"' in _named(PUBLISH)["bench ci publish"]["run"]


def test_a_job_summary_is_shorter_than_the_limit_of_github() -> None:
    """The summary is the comment; four bytes per character are a quarter of the limit."""
    assert 4 * LIMIT < 1024**2


def test_a_started_stack_is_stopped_and_its_results_are_kept() -> None:
    """Containers are removed, and the results uploaded, also after an error."""
    names = list(_named(MEASURE))
    assert names.index("bench ci measure") < names.index("bench stack down")
    assert _named(MEASURE)["bench stack down"]["if"] == "always()"
    last = MEASURE["runs"]["steps"][-1]
    assert (last["if"], last["uses"].split("@")[0]) == ("always()", "actions/upload-artifact")
    assert "github.run_attempt" in last["with"]["name"]


def test_the_runtime_is_cached_before_code_of_a_pull_request_runs() -> None:
    """The cache contains the packages as they were installed, not as the measured code left them."""
    steps = MEASURE["runs"]["steps"]
    (save,) = [
        number
        for number, step in enumerate(steps)
        if "cache/save" in step.get("uses", "") and step["with"]["path"].endswith("/chatbench")
    ]
    foreign = [
        number for number, step in enumerate(steps) if step.get("name") in ("build", "bench ci measure")
    ]
    assert save < min(foreign)


def test_images_and_models_of_the_default_branch_are_cached() -> None:
    """No other pull request can read the cache of a pull request, so one does not store gigabytes."""
    named = _named(MEASURE)
    names = list(named)
    load, save = names.index("load images and volumes"), names.index("save images and volumes")
    assert load < names.index("bench ci measure") < names.index("bench stack down") < save
    assert "pull_request" not in named["save images and volumes"]["if"]
    assert named["bench ci measure"]["env"]["BENCH_PULL_IMAGES"] == "1"


def test_the_application_keeps_its_own_python() -> None:
    """Neither action changes PATH, on which a stack finds its programs."""
    for name, step in _steps():
        if name in (ROOT.name, "publish") and "setup-python" in step.get("uses", ""):
            assert step["with"]["update-environment"] is False
        assert "GITHUB_PATH" not in step.get("run", "")


def test_a_release_comes_from_the_default_branch_and_has_no_password() -> None:
    """Its first job refuses another commit; PyPI trusts the workflow, so no job has a password."""
    jobs = _jobs(WORKFLOWS[RELEASE])
    commands = [step.get("run", "") for step in jobs["build"]["steps"]]
    (check,) = [number for number, command in enumerate(commands) if "merge-base --is-ancestor" in command]
    (build,) = [number for number, command in enumerate(commands) if "hatchling" in command]
    assert check < build
    assert "--require-hashes" in commands[build]
    assert all("build" in job["needs"] for key, job in jobs.items() if key not in ("build", "github"))
    assert jobs["pypi"]["permissions"] == {"id-token": "write"}
    assert jobs["pypi"]["environment"] == "pypi"
    assert not any("run" in step for step in jobs["pypi"]["steps"])
    assert jobs["github"]["permissions"] == {"contents": "write"}


def test_the_actions_install_packages_by_their_hashes() -> None:
    """The installer itself too; only the files of this repository have none."""
    text = (ROOT / ".github" / "actions" / "install.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = [line for line in text.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert "pip --python" in text
    assert all(
        "--require-hashes" in line
        or line.endswith('--no-deps --no-build-isolation --reinstall-package chatbench "$source"')
        for line in installs
    )


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
            pins.setdefault("/".join(action.split("/")[:2]), set()).add(commit)
    assert pins
    assert all(len(commits) == 1 for commits in pins.values())


def test_every_suite_has_its_workflow() -> None:
    """Every suite of scenarios/suites.yaml runs in a workflow, and every workflow runs a known suite."""
    suites = yaml.safe_load((ROOT / "scenarios" / "suites.yaml").read_text(encoding="utf-8"))
    calls = [
        job["with"]["suite"]
        for workflow in WORKFLOWS.values()
        for job in _jobs(workflow).values()
        if PIPELINE in job.get("uses", "")
    ]
    default = WORKFLOWS["bench-pr.yml"][True]["workflow_dispatch"]["inputs"]["suite"]["default"]
    asked = {default if call == "${{ inputs.suite }}" else call for call in calls}
    assert asked >= set(suites) - {"full"}
    assert asked <= set(suites)

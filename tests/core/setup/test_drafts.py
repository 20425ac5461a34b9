import json
from pathlib import Path

import pytest
import yaml

from bench.core.setup.drafts import Setup, draft_files, draft_stack
from bench.core.setup.model_variables import find_model_variables
from bench.core.setup.starts import AppStart, Process, Published, parse_start
from bench.core.setup.workflow import Action, draft_workflow, find_action, parse_action, workflow_path

ACTION = Action("owner/chatbench", "0123456789abcdef0123456789abcdef01234567", "1.2.3")


def _setup(command: str, variables: tuple[str, ...] = ()) -> Setup:
    return Setup("app", "app", {}, parse_start(command, None), "/health", variables)


def test_a_program_of_the_current_folder_starts_all_versions() -> None:
    """A checkout of another version has no packages of its own, unless commands prepare it."""
    service = draft_stack(_setup(".venv/bin/uvicorn app:app --port ${port}"))["services"]["app"]
    assert service["command"][0] == "${here}/.venv/bin/uvicorn"
    assert draft_stack(_setup("node server.js"))["services"]["app"]["command"] == ["node", "server.js"]


def test_a_simulated_model_has_an_address_and_a_key() -> None:
    """The clients of some providers refuse to start without a key."""
    services = draft_stack(_setup("node server.js", ("OPENAI_BASE_URL",)))["services"]
    assert [*services] == ["model", "app"]
    assert services["app"]["environment"] == {"OPENAI_BASE_URL": "${model.url}/v1", "OPENAI_API_KEY": "none"}
    ollama = draft_stack(_setup("node server.js", ("OLLAMA_HOST",)))["services"]["app"]["environment"]
    assert ollama == {"OLLAMA_HOST": "${model.url}"}


def test_an_application_that_runs_elsewhere_has_no_workflow() -> None:
    """Its stack starts no service, and a job could not reach it."""
    elsewhere = Setup("app", "app", {})
    assert draft_workflow(elsewhere, ACTION) is None
    assert "services" not in draft_stack(elsewhere)
    assert draft_files(elsewhere)[0].path == "scenarios/stacks/app.yaml"


def _workflow(setup: Setup, folder: str = ".") -> str:
    text = draft_workflow(setup, ACTION, folder)
    assert text is not None
    return text


def test_the_workflow_has_at_most_fifteen_lines() -> None:
    """It names a commit, and the stack that was written."""
    text = _workflow(_setup("node server.js"))
    assert len(text.splitlines()) <= 15
    job = yaml.safe_load(text)["jobs"]["bench"]
    assert job["uses"] == f"owner/chatbench/.github/workflows/bench.yml@{ACTION.ref}"
    assert job["with"] == {"suite": "${{ inputs.suite }}", "stack": "app"}


def test_the_workflow_of_a_subfolder_has_its_own_name() -> None:
    """Two applications of a repository have two workflows, because GitHub reads only those at its root."""
    content = yaml.safe_load(_workflow(_setup("node server.js"), "services/back end"))
    assert content["name"] == "bench services back end"
    assert content["jobs"]["bench"]["with"]["folder"] == "services/back end"
    assert workflow_path("services/back end") == ".github/workflows/bench-services-back-end.yml"
    assert workflow_path() == ".github/workflows/bench.yml"


def test_the_workflow_prepares_the_folder() -> None:
    """A fresh checkout has no packages."""
    prepare = (("python3", "-m", "venv", ".venv"), (".venv/bin/pip", "install", "a b", '"c: #d"'))
    setup = Setup("app", "app", {}, AppStart("Procfile", (Process("app", ("x",)),), prepare))
    build = yaml.safe_load(_workflow(setup))["jobs"]["bench"]["with"]["build"]
    assert build == """python3 -m venv .venv && .venv/bin/pip install 'a b' '"c: #d"'"""


def test_the_workflow_gives_the_rights_of_all_called_jobs() -> None:
    """GitHub starts no workflow whose call permits less than a called job declares."""
    path = Path(__file__).parents[3] / ".github" / "workflows" / "bench.yml"
    called = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    needed = {right for job in called for right, level in job["permissions"].items() if level == "write"}
    rights = yaml.safe_load(_workflow(_setup("node server.js")))["jobs"]["bench"]["permissions"]
    assert rights == dict.fromkeys(needed, "write")


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/owner/chatbench", "owner/chatbench"),
        ("https://github.com/owner/chatbench.git", "owner/chatbench"),
        ("ssh://git@github.com/name_short/bench.io.git", "name_short/bench.io"),
        ("git@github.example.com:owner/chatbench.git", "owner/chatbench"),
        ("https://github.example.com/owner/chatbench/", "owner/chatbench"),
    ],
)
def test_an_installation_from_git_names_its_commit(url: str, repository: str) -> None:
    """The file direct_url.json of pip has the address and the commit."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    origin = json.dumps({"url": url, "vcs_info": {"vcs": "git", "commit_id": commit}})
    assert find_action(origin, [], "1.2.3") == Action(repository, commit, "1.2.3")


def test_a_released_installation_names_its_tag() -> None:
    """The metadata of the package name the repository."""
    urls = ["Documentation, https://owner.github.io", "Repository, https://github.com/owner/chatbench"]
    assert find_action(None, urls, "1.2.3") == Action("owner/chatbench", "v1.2.3")
    assert find_action(None, urls[:1], "1.2.3") is None


@pytest.mark.parametrize(
    "origin",
    [
        '{"url": "file:///home/me/chatbench", "dir_info": {"editable": true}}',
        '{"url": "https://example.org/chatbench.whl", "archive_info": {}}',
        '{"url": "https://example.org/only", "vcs_info": {"commit_id": "1"}}',
        "[]",
        "not JSON",
    ],
)
def test_an_installation_from_a_folder_names_no_version(origin: str) -> None:
    """Its files may differ from every commit."""
    assert find_action(origin, ["Repository, https://github.com/owner/chatbench"], "1.2.3") is None


@pytest.mark.parametrize("text", ["owner/name", "name@v1", "owner/name@", "owner/name@v1 # x", "a/b@c\nd"])
def test_an_action_has_an_owner_a_name_and_a_version(text: str) -> None:
    """Another text could change the meaning of the workflow."""
    with pytest.raises(ValueError, match="OWNER/NAME@REF"):
        parse_action(text)


def test_a_compose_file_gives_a_stack_of_containers() -> None:
    """Its services are those with a published port."""
    start = AppStart("compose.yaml", compose_file="compose.yaml", published=(Published("web", 80, 8080),))
    setup = Setup("app", "web", {}, start, "/health")
    stack = draft_stack(setup)
    assert stack["compose"] == {"file": "compose.yaml", "services": {"web": {"port": 80}}}
    assert stack["ready"] == {"service": "web", "path": "/health"}
    assert start.words == "docker compose --file compose.yaml up"
    assert yaml.safe_load(_workflow(setup))["jobs"]["bench"]["with"]["stack"] == "app"


def test_a_worker_and_a_fixed_port_are_declared() -> None:
    """Commands that prepare a version come after its services."""
    processes = (
        Process("app", ("npm", "start"), 3000),
        Process("worker", ("npm", "run", "worker"), listens=False),
    )
    stack = draft_stack(Setup("app", "app", {}, AppStart("Procfile", processes, (("npm", "ci"),))))
    assert stack["services"]["app"]["port"] == 3000
    assert stack["services"]["worker"]["listens"] is False
    assert stack["prepare"] == [["npm", "ci"]]


def test_the_variables_of_a_model_are_found_once() -> None:
    """Sources, examples of environments and compose files name them."""
    texts = ["os.environ['OPENAI_BASE_URL']", "OLLAMA_HOST=x OPENAI_BASE_URL=y", "MODEL_NAME=z"]
    assert find_model_variables(texts) == ("OPENAI_BASE_URL", "OLLAMA_HOST")

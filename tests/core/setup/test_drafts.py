from bench.core.setup.drafts import Setup, draft_files, draft_stack
from bench.core.setup.model_variables import find_model_variables
from bench.core.setup.starts import AppStart, Process, Published, parse_start
from bench.core.setup.workflow import draft_workflow


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
    assert draft_workflow(elsewhere, "chatbench") is None
    assert "services" not in draft_stack(elsewhere)
    assert draft_files(elsewhere)[0].path == "scenarios/stacks/app.yaml"


def test_the_workflow_of_a_subfolder_runs_in_it() -> None:
    """GitHub reads workflows at the root of a repository only."""
    setup = _setup("node server.js")
    assert "working-directory: backend" in (draft_workflow(setup, "chatbench", "backend") or "")
    assert "working-directory" not in (draft_workflow(setup, "chatbench") or "")


def test_a_compose_file_gives_a_stack_of_containers() -> None:
    """The workflow judges such an application by its thresholds, because no commit builds its images."""
    start = AppStart("compose.yaml", compose_file="compose.yaml", published=(Published("web", 80, 8080),))
    setup = Setup("app", "web", {}, start, "/health")
    stack = draft_stack(setup)
    assert stack["compose"] == {"file": "compose.yaml", "services": {"web": {"port": 80}}}
    assert stack["ready"] == {"service": "web", "path": "/health"}
    assert start.words == "docker compose --file compose.yaml up"
    assert "bench run quick --stack app" in (draft_workflow(setup, "chatbench") or "")


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

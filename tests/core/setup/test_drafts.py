from bench.core.setup.drafts import Setup, draft_files, draft_stack
from bench.core.setup.starts import parse_start
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

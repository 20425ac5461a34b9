"""The files that measure an application: a stack, a target, a scenario and a suite, as their content."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.core.setup.starts import AppStart, Process

TARGET = "chat"
"""Name of the target that `bench init` writes."""
SCENARIO = "quick"
"""Name of the scenario that `bench init` writes. It hides the shipped scenario of this name."""
MODEL_SERVICE = "model"
"""Name of the service that replaces the application's model."""
_NOTES = (
    "Here are my notes of a meeting: Anna moves the release to Thursday, because the tests of the payment"
    " page still fail on slow connections. Ben asks the designers for a smaller picture on the front page."
    " Carla found that three of ten new users stop at the second step, where we ask for the phone number, and"
    " proposes to ask for it later. Dan wants to measure this first. Make a list of the decisions and of the"
    " open questions, each with the person who follows it up."
)
# Common messages of any chat. Their lengths differ, since short and long ones load a model differently.
MESSAGES = (
    "Hello! What can you help me with?",
    "Summarise the difference between a list and a tuple in Python in two sentences.",
    "Write a short, polite reply to a customer whose order arrives three days late.",
    "Which questions should I ask before I choose a database for a small web shop?",
    "Explain in simple words why the sky is blue, and why a sunset is red.",
    _NOTES,
)
_WITH_KEY = ("OPENAI", "ANTHROPIC")
_UNTRACKED = (".venv/", "venv/", "node_modules/")
HEALTH_PATHS = (
    "/health",
    "/healthz",
    "/api/health",
    "/ready",
    "/readyz",
    "/livez",
    "/ping",
    "/api/tags",
    "/v1/models",
)
"""Paths at which common services answer 200 if they are ready, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class FileDraft:
    """A file to write."""

    path: str
    """Path relative to the repository."""
    comment: str
    """First line, for people."""
    content: Mapping[str, Any]
    """Content of the YAML file."""
    schema: str | None = None
    """Kind of file whose JSON Schema an editor should use."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The decisions from which the files are made."""

    stack: str
    """Name of the stack."""
    service: str
    """Name of the service that gets the messages."""
    target: Mapping[str, Any]
    """Content of the target file, without its name and service."""
    start: AppStart | None = None
    """How the application starts; None if it runs elsewhere."""
    ready: str | None = None
    """Path that answers 200 if the service is ready; None if none was found."""
    model_variables: tuple[str, ...] = ()
    """Variables that get the address of a simulated model; none to use the application's own model."""
    vus: int = 5
    """Number of VUs of the scenario."""


def draft_files(setup: Setup) -> tuple[FileDraft, ...]:
    """Return the files that measure an application."""
    target = {"name": TARGET, "service": setup.service, **setup.target}
    return (
        FileDraft(
            f"scenarios/stacks/{setup.stack}.yaml",
            "How bench starts the application, or where it runs.",
            draft_stack(setup),
            "stack",
        ),
        FileDraft(
            f"scenarios/targets/{TARGET}.yaml",
            "How bench sends a message, and where it finds the text of the answer.",
            target,
            "target",
        ),
        FileDraft(
            f"scenarios/{SCENARIO}.yaml",
            "The load, and the limits that must hold.",
            _draft_scenario(setup),
            "scenario",
        ),
        FileDraft(
            "scenarios/suites.yaml",
            "Scenarios that run together, by the name of the suite.",
            {"pr": [SCENARIO]},
        ),
    )


def draft_stack(setup: Setup) -> dict[str, Any]:
    """Return the content of the stack file."""
    start = setup.start
    if start is None:
        return {"name": setup.stack, "purpose": "The application, which runs elsewhere: --url ADDRESS."}
    stack: dict[str, Any] = {"name": setup.stack, "purpose": f"The application, as in {start.origin}."}
    if start.compose_file is not None:
        services = {service.name: _draft_container(service.port) for service in start.published}
        stack["compose"] = {"file": start.compose_file, "services": services}
        if setup.ready is not None:
            stack["ready"] = {"service": setup.service, "path": setup.ready}
        return stack
    services = {}
    if setup.model_variables:
        services[MODEL_SERVICE] = {
            "command": ["${python}", "-m", "bench", "mock", "--port", "${port}"],
            "ready": "/health",
        }
    for process in start.processes:
        services[process.name] = _draft_process(process, setup)
    stack["services"] = services
    if start.prepare:
        stack["prepare"] = [list(command) for command in start.prepare]
    return stack


def _draft_container(port: int) -> dict[str, Any]:
    return {"port": port}


def _draft_process(process: Process, setup: Setup) -> dict[str, Any]:
    command = list(process.command)
    if command[0].startswith(_UNTRACKED) and setup.start is not None and not setup.start.prepare:
        command[0] = f"${{here}}/{command[0]}"  # a checkout of another version does not have it
    service: dict[str, Any] = {"command": command}
    if process.port is not None:
        service["port"] = process.port
    if not process.listens:
        service["listens"] = False
    if process.name == setup.service and setup.ready is not None:
        service["ready"] = setup.ready
    environment: dict[str, str] = {}
    for variable in setup.model_variables:
        environment[variable] = f"${{{MODEL_SERVICE}.url}}{_path_of(variable)}"
        provider = variable.partition("_")[0]
        if provider in _WITH_KEY:  # its client refuses to start without a key
            environment[f"{provider}_API_KEY"] = "none"
    if environment:
        service["environment"] = environment
    return service


def _path_of(variable: str) -> str:
    """Return the path that clients expect in the address of a model: OpenAI's addresses end in /v1."""
    return "/v1" if variable.startswith(("OPENAI", "LLM")) else ""


def _draft_scenario(setup: Setup) -> dict[str, Any]:
    return {
        "name": SCENARIO,
        "purpose": f"{setup.vus} users chat for 20 seconds.",
        "target": TARGET,
        "seed": 1,
        "messages": list(MESSAGES),
        "executor": "constant-vus",
        "vus": setup.vus,
        "duration": "20s",
        "think_time": "500ms..1s",
        "thresholds": {"success_ratio": ["rate>0.95"]},
    }

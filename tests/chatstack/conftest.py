"""One fast stack for all tests that only ask it."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.chatstack.stacks import FAST, MODEL, Service, bearer, change, make_user, mint, serving


@dataclass(frozen=True)
class Stack:
    """A whole stack.

    Attributes:
        variables: Its store, its secret, its model's name.
        model: The services.
        agent: Likewise.
        backend: Likewise.
    """

    variables: dict[str, str]
    model: Service
    agent: Service
    backend: Service

    @property
    def secret(self) -> str:
        """Of the tokens."""
        return self.variables["JWT_SECRET"]


@pytest.fixture(scope="session")
def store_variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A store that services share, and the tokens' secret."""
    path = tmp_path_factory.mktemp("chatstack") / "store.sqlite"
    return {"SQLITE_PATH": str(path), "JWT_SECRET": secrets.token_hex(32), "MODEL": MODEL}


@pytest.fixture(scope="session")
def stack(store_variables: dict[str, str]) -> Iterator[Stack]:
    """Backend, agent and a fast model."""
    with (
        serving("model", {**FAST, "MODEL": MODEL, "OLLAMA_NUM_PARALLEL": "4"}) as model,
        serving("agent", {**store_variables, "OLLAMA_URL": model.url}) as agent,
        serving("backend", {**store_variables, "AGENT_URL": agent.url}) as backend,
    ):
        yield Stack(store_variables, model, agent, backend)


@pytest.fixture(scope="session")
def user(store_variables: dict[str, str]) -> dict[str, object]:
    """A user that the store knows."""
    made = make_user()
    change("users", "add", [made], store_variables)
    return made


@pytest.fixture(scope="session")
def form(store_variables: dict[str, str]) -> str:
    """A form that the store has."""
    form_id = f"{secrets.token_hex(11)}42"
    change("forms", "add", [form_id], store_variables)
    return form_id


@pytest.fixture
def token(store_variables: dict[str, str], user: dict[str, object]) -> str:
    """A fresh access token of that user."""
    return mint(store_variables["JWT_SECRET"], user)


@pytest.fixture
def asking(stack: Stack, token: str) -> Iterator[httpx.Client]:
    """A client of the backend that is signed in."""
    with httpx.Client(
        base_url=stack.backend.url, headers=bearer(token), timeout=60, trust_env=False
    ) as client:
        yield client


@pytest.fixture
def model_client(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the model."""
    with httpx.Client(base_url=stack.model.url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def agent_client(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the agent."""
    with httpx.Client(base_url=stack.agent.url, timeout=60, trust_env=False) as client:
        yield client

"""One fast stack for all tests that only send requests to it."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.chatstack.stacks import FAST, MODEL, Service, bearer, change, make_user, mint, serving


@dataclass(frozen=True)
class Stack:
    """A complete stack."""

    variables: dict[str, str]
    """Environment variables: the store, the secret of the tokens and the name of the model."""
    model: Service
    agent: Service
    backend: Service

    @property
    def secret(self) -> str:
        """Return the secret of the tokens."""
        return self.variables["JWT_SECRET"]


@pytest.fixture(scope="session")
def store_variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of a store that the services share, and the secret of the tokens."""
    path = tmp_path_factory.mktemp("chatstack") / "store.sqlite"
    return {"SQLITE_PATH": str(path), "JWT_SECRET": secrets.token_hex(32), "MODEL": MODEL}


@pytest.fixture(scope="session")
def stack(store_variables: dict[str, str]) -> Iterator[Stack]:
    """Run a backend, an agent and a fast model."""
    with (
        serving("model", {**FAST, "MODEL": MODEL, "OLLAMA_NUM_PARALLEL": "4"}) as model,
        serving("agent", {**store_variables, "OLLAMA_URL": model.url}) as agent,
        serving("backend", {**store_variables, "AGENT_URL": agent.url}) as backend,
    ):
        yield Stack(store_variables, model, agent, backend)


@pytest.fixture(scope="session")
def user(store_variables: dict[str, str]) -> dict[str, object]:
    """Add a user to the store."""
    added_user = make_user()
    change("users", "add", [added_user], store_variables)
    return added_user


@pytest.fixture(scope="session")
def form(store_variables: dict[str, str]) -> str:
    """Add a form to the store and return its id."""
    form_id = f"{secrets.token_hex(11)}42"
    change("forms", "add", [form_id], store_variables)
    return form_id


@pytest.fixture
def token(store_variables: dict[str, str], user: dict[str, object]) -> str:
    """Return a new access token of the user."""
    return mint(store_variables["JWT_SECRET"], user)


@pytest.fixture
def backend_client(stack: Stack, token: str) -> Iterator[httpx.Client]:
    """Return a client of the backend that sends the token."""
    with httpx.Client(
        base_url=stack.backend.url, headers=bearer(token), timeout=60, trust_env=False
    ) as client:
        yield client


@pytest.fixture
def model_client(stack: Stack) -> Iterator[httpx.Client]:
    """Return a client of the model."""
    with httpx.Client(base_url=stack.model.url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def agent_client(stack: Stack) -> Iterator[httpx.Client]:
    """Return a client of the agent."""
    with httpx.Client(base_url=stack.agent.url, timeout=60, trust_env=False) as client:
        yield client

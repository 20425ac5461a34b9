"""The state of a persistent stack in `.bench/stacks/NAME`, and the lock of the commands that change it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.errors import StoreError
from bench.owners.locks import lock_file
from bench.owners.process import Owner
from bench.owners.temporary import replace_file

FOLDER = Path(".bench/stacks")
UP = "up"
"""State of a service that answers."""
STARTER = "starter"
"""Key of the process that starts the stack. When all services are up, the state has none."""
_HINT = "run bench in a writable folder"
_OWNER_ONLY = 0o600


@contextmanager
def lock_stack(name: str, on_wait: Callable[[], object]) -> Iterator[None]:
    """Hold the lock of a persistent stack. It ends with this process, even if the process is killed.

    Args:
        name: Name of the stack.
        on_wait: Called once if another process holds the lock. It may raise instead of waiting.

    Raises:
        StoreError: The lock file cannot be written.
    """
    path = (FOLDER / f"{name}.lock").absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}", _HINT) from error
    with lock_file(path, on_wait):
        yield


def read_state(path: Path) -> dict[str, Any]:
    """Return the content of a state file; empty if it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_state(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a state file, which may contain secrets; a reader never sees a part of it.

    Raises:
        StoreError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [json.dumps(content, indent=1).encode()], _OWNER_ONLY, is_durable=False)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}", _HINT) from error


def find_starter(state: Mapping[str, Any]) -> Owner | None:
    """Return the process that starts a stack now; `None` if the stack is up or its start was killed."""
    owner = Owner.parse(str(state.get(STARTER, "")))
    return None if owner is None or owner.is_dead else owner


def describe_start(states: Mapping[str, str], state: Mapping[str, Any]) -> dict[str, str]:
    """Return the states of services. Those of a stack that is not completely up are not `up`."""
    if STARTER not in state:
        return dict(states)
    word = "start interrupted" if find_starter(state) is None else "starting"
    return {name: word if service == UP else service for name, service in states.items()}

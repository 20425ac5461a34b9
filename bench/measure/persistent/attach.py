"""Attach to a stack that is already up, to watch it without a load."""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.core.config.watching import HttpCheck
from bench.errors import BenchError, ConfigError, TargetError
from bench.measure.http.route import DIRECT, Route
from bench.measure.persistent import detached, persistent
from bench.measure.stacks.running_stack import RunningStack, find_urls, placeholder_values
from bench.measure.users.auth import SECRET_VARIABLE, mint, require_users
from bench.measure.users.provisioning import provision_users


@dataclass(frozen=True, slots=True)
class AttachedStack:
    """A stack that was already up, and a test user of it."""

    running: RunningStack
    token: Callable[[], str] | None = None
    """Creates a token of the test user; `None` without a test user."""
    why_no_token: str | None = None
    """The reason for a missing test user; `None` if there is one, or if no check needs one."""


@contextmanager
def attach_stack(
    stack: Stack,
    urls: Mapping[str, str],
    on_warning: Callable[[str], None],
    *,
    user: bool = True,
    route: Route = DIRECT,
) -> Iterator[AttachedStack]:
    """Attach to a stack that is up, with a test user that exists during the block.

    A test user that cannot be created is not an error, because other checks do not need one.

    Args:
        stack: The declaration.
        urls: Addresses by service, for a stack that runs elsewhere.
        on_warning: Receives a warning if the test user cannot be removed.
        user: Create a test user if a check needs one.
        route: The way to the stack.

    Raises:
        ConfigError: The stack runs elsewhere and `urls` is empty.
        TargetError: The stack is not up.
    """
    given = os.environ.get(SECRET_VARIABLE)
    running = replace(_find(stack, urls, SecretStr(given) if given else None), route=route)
    # Containers may have a generated secret, which the environment does not contain.
    value = running.values.get("jwt_secret")
    if not user or not _needs_user(stack):
        yield AttachedStack(running)
        return
    if value is None:
        yield AttachedStack(running, why_no_token=f"{SECRET_VARIABLE} is not set")
        return
    with ExitStack() as removal:
        try:
            token = _make_token(running, SecretStr(value), on_warning, removal)
            attached = AttachedStack(running, token)
        except BenchError as error:
            attached = AttachedStack(running, why_no_token=error.message)
        yield attached


def _needs_user(stack: Stack) -> bool:
    return any(isinstance(check, HttpCheck) and check.auth == "bearer" for check in stack.checks.values())


def _make_token(
    running: RunningStack, secret: SecretStr, on_warning: Callable[[str], None], removal: ExitStack
) -> Callable[[], str]:
    """Create a test user, register its removal, and return the function that creates its tokens."""
    stack = running.stack
    run_id = f"health-{secrets.token_hex(3)}"
    (account,) = removal.enter_context(provision_users(stack, running.values, 1, run_id, on_warning))
    users = require_users(stack)
    return lambda: mint(account, users, secret)


def is_started(stack: Stack) -> bool:
    """Return whether a stack was started on this machine, even if its services ended since."""
    return bool(persistent.statuses(stack))


def _find(stack: Stack, urls: Mapping[str, str], secret: SecretStr | None) -> RunningStack:
    if stack.is_external:
        return RunningStack(stack, placeholder_values(secret), find_urls(stack, urls))
    if urls:
        raise ConfigError(f"--url: stack '{stack.name}' runs on this machine", "--stack external")
    # A stack with a dead service counts: it is the one to look at.
    if not is_started(stack):
        raise TargetError(f"stack '{stack.name}' is not up", f"bench stack up --stack {stack.name}")
    return detached.attach(stack, secret) if stack.compose is None else persistent.attach(stack)

"""Manual test users: `bench auth user` adds and removes them in a stack that is up."""

import os
import secrets
from collections.abc import Sequence

from bench.core.config.inherited_variables import inherit_environment
from bench.core.config.stack import Stack
from bench.errors import TargetError
from bench.measure.persistent.persistent import attach, is_up
from bench.measure.stacks.running_stack import placeholder_values
from bench.measure.users.auth import Account, jwt_secret, require_users
from bench.measure.users.document_stores import DocumentStore, open_store
from bench.measure.users.provisioning import USERS_STORE, render_documents


def add_manual_users(stack: Stack, count: int) -> tuple[str, ...]:
    """Add test users to a stack that is up, and return their ids. They stay until `remove_manual_users`.

    Raises:
        ConfigError: The stack declares no users, or a variable of its store is not set.
        TargetError: The stack is not up, or its store does not answer.
    """
    series = f"manual-{secrets.token_hex(3)}"
    users = tuple(Account.make(series, number) for number in range(count))
    _open_users_store(stack).add(render_documents(stack, users))
    return tuple(user.id for user in users)


def remove_manual_users(stack: Stack, ids: Sequence[str]) -> None:
    """Remove test users from a stack that is up. Raises as `add_manual_users` does."""
    _open_users_store(stack).remove(ids)


def _open_users_store(stack: Stack) -> DocumentStore:
    users = require_users(stack)
    environment = inherit_environment(os.environ)
    if stack.is_external:
        return open_store(users.store, placeholder_values(None), environment, USERS_STORE)
    if not is_up(stack):
        raise TargetError(f"stack '{stack.name}' is not up", f"bench stack up --stack {stack.name}")
    # The store needs no token, so a generated secret is enough to attach to processes.
    values = attach(stack, jwt_secret(os.environ, generate=True)).values
    return open_store(users.store, values, environment, USERS_STORE)

"""Test users that stay, put into a stack that is up and taken out again by hand."""

import os
import secrets
from collections.abc import Sequence

from bench.core.config.stack import Stack
from bench.errors import TargetError
from bench.measure.persistent.persistent import attach, is_up
from bench.measure.stacks.live import inherited, placeholders
from bench.measure.users.auth import Account, declared_users, jwt_secret
from bench.measure.users.document_stores import DocumentStore, open_store
from bench.measure.users.provisioning import USERS, documents


def add_by_hand(stack: Stack, count: int) -> tuple[str, ...]:
    """Put test users into a stack that is up, to stay there, and return their ids.

    Raises:
        ConfigError: The stack declares no users, or a variable of its store is not set.
        TargetError: It is not up, or its store could not be reached.
    """
    series = f"by-hand-{secrets.token_hex(3)}"
    users = tuple(Account.make(series, number) for number in range(count))
    _store_by_hand(stack).add(documents(stack, users))
    return tuple(user.id for user in users)


def remove_by_hand(stack: Stack, ids: Sequence[str]) -> None:
    """Remove test users of a stack that is up. Raises as `add_by_hand` does."""
    _store_by_hand(stack).remove(ids)


def _store_by_hand(stack: Stack) -> DocumentStore:
    users = declared_users(stack)
    if stack.elsewhere:
        return open_store(users.store, placeholders(None), inherited(os.environ), USERS)
    if not is_up(stack):
        raise TargetError(f"target '{stack.name}' is not up", f"bench stack up --stack {stack.name}")
    # The store wants no token, so processes need not be asked with the secret that they were started with.
    values = attach(stack, jwt_secret(os.environ, generate=True)).values
    return open_store(users.store, values, inherited(os.environ), USERS)

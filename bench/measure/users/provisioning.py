"""Add test users and fixtures to a stack's stores before a run, and remove them after it."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.core.config.inherited_variables import inherit_environment
from bench.core.config.placeholders import expand_all
from bench.core.config.stack import Fixture, Stack
from bench.errors import ConfigError, StoreError, TargetError
from bench.measure.users.auth import Account, require_users
from bench.measure.users.document_stores import DocumentStore, open_store
from bench.owners.process import Owner
from bench.owners.temporary import replace_file

JOURNALS = Path(".bench/users")
USERS_STORE = "users.store"


@contextmanager
def provision_users(
    stack: Stack,
    values: Mapping[str, str],
    count: int,
    run_id: str,
    on_warning: Callable[[str], None],
) -> Iterator[tuple[Account, ...]]:
    """Create test users that exist during the block.

    The journal lets the next run on the stack remove the users of a killed run. A store that is gone at the
    end gives a warning.

    Args:
        stack: The stack.
        values: Values of the declaration's placeholders.
        count: Number of users; 0 does not open the store.
        run_id: The run's id, which becomes part of their names.
        on_warning: Receives a warning about users that could not be removed.

    Raises:
        TargetError, StoreError: The store refuses or does not answer, or the journal cannot be written.
    """
    if stack.users is None or count == 0:
        yield ()
        return
    store = open_store(stack.users.store, values, inherit_environment(os.environ), USERS_STORE)
    remove_left_behind(stack, store)
    users = tuple(Account.make(run_id, number) for number in range(count))
    ids = [user.id for user in users]
    journal = JOURNALS / f"{run_id}.json"
    _write_journal(journal, stack, ids)
    try:
        store.add(render_documents(stack, users))
        yield users
    finally:
        try:
            store.remove(ids)
            journal.unlink(missing_ok=True)
        except TargetError as error:
            on_warning(f"{error.message}; the next run on '{stack.name}' tries again")


@contextmanager
def provision_fixtures(
    stack: Stack, values: Mapping[str, str], names: Sequence[str], on_warning: Callable[[str], None]
) -> Iterator[None]:
    """Create fixtures that exist during the block.

    Their ids are constant, so the next run replaces those of a killed run.

    Args:
        stack: The stack.
        values: Values of the declaration's placeholders.
        names: Names of the fixtures.
        on_warning: Receives a warning about fixtures that could not be removed.

    Raises:
        ConfigError: The stack does not declare a fixture.
        TargetError: A store does not answer.
    """
    created: list[tuple[DocumentStore, list[str]]] = []
    try:
        for name in names:
            fixture = _require_fixture(stack, name)
            environment = inherit_environment(os.environ)
            store = open_store(fixture.store, values, environment, f"fixtures.{name}.store")
            ids = [item if isinstance(item, str) else str(item["_id"]) for item in fixture.items]
            store.remove(ids)
            created.append((store, ids))
            store.add(fixture.items)
        yield
    finally:
        for store, ids in created:
            try:
                store.remove(ids)
            except TargetError as error:
                on_warning(error.message)


def _require_fixture(stack: Stack, name: str) -> Fixture:
    if name not in stack.fixtures:
        raise ConfigError(
            f"stack '{stack.name}' declares no fixture '{name}'",
            f"add fixtures: {name}: to scenarios/stacks/{stack.name}.yaml",
        )
    return stack.fixtures[name]


def _write_journal(journal: Path, stack: Stack, ids: Sequence[str]) -> None:
    content = {"stack": stack.name, "owner": str(Owner.current()), "ids": ids}
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        replace_file(journal, [json.dumps(content).encode()], 0o644, is_durable=False)
    except OSError as error:
        hint = "run bench in a writable folder"
        raise StoreError(f"cannot write {journal}: {error.strerror}", hint) from error


def remove_left_behind(stack: Stack, store: DocumentStore) -> int:
    """Remove the test users of killed runs, and return their number."""
    removed = 0
    for journal in sorted(JOURNALS.glob("*.json")):
        try:
            content = json.loads(journal.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # another run removes it at this moment
        owner = Owner.parse(content.get("owner", ""))
        if content["stack"] == stack.name and owner is not None and owner.is_dead:
            store.remove(content["ids"])
            journal.unlink(missing_ok=True)
            removed += len(content["ids"])
    return removed


def render_documents(stack: Stack, users: Sequence[Account]) -> list[dict[str, Any]]:
    """Return the documents of test users from the template that the stack declares."""
    template = require_users(stack).document
    now = datetime.now(UTC)
    return [expand_all(template, user.placeholders(now), "users.document") for user in users]

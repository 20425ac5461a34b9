"""Puts test users into the stack's store before a run and removes them after it, whatever happened."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench.core.config.stack import Stack, expand_all
from bench.errors import ConfigError, StoreError, TargetError
from bench.measure.stacks.live import inherited
from bench.measure.users.auth import Account, declared_users
from bench.measure.users.document_stores import DocumentStore, open_store

JOURNALS = Path(".bench/users")
USERS = "users.store"


@contextmanager
def provisioned(
    stack: Stack,
    values: Mapping[str, str],
    count: int,
    run_id: str,
    on_warning: Callable[[str], None],
) -> Iterator[tuple[Account, ...]]:
    """Test users that are there inside the block and gone after it.

    A journal is written before they are put in, so that the next run on this stack removes what a killed one
    left behind. A store that is gone when they should be removed must not cost the run: that is a warning.

    Args:
        stack: Whose users.
        values: Of the declaration's placeholders.
        count: How many; with none the store is left alone.
        run_id: Whose; it is part of their names.
        on_warning: Told what could not be removed.

    Raises:
        TargetError: The store could not be reached or refused them.
    """
    if stack.users is None or count == 0:
        yield ()
        return
    store = open_store(stack.users.store, values, inherited(os.environ), USERS)
    remove_left_behind(stack, store)
    users = tuple(Account.make(run_id, number) for number in range(count))
    ids = [user.id for user in users]
    journal = JOURNALS / f"{run_id}.json"
    _note(journal, stack, ids)
    try:
        store.add(documents(stack, users))
        yield users
    finally:
        try:
            store.remove(ids)
            journal.unlink(missing_ok=True)
        except TargetError as error:
            on_warning(f"{error.message}; the next run on '{stack.name}' tries again")


@contextmanager
def furnished(
    stack: Stack, values: Mapping[str, str], names: Sequence[str], on_warning: Callable[[str], None]
) -> Iterator[None]:
    """The fixtures of these names, there inside the block and gone after it.

    Their ids are always the same, so what a killed run left behind is no matter to the next.

    Raises:
        ConfigError: The stack declares no fixture of a name.
        TargetError: A store could not be reached.
    """
    placed: list[tuple[DocumentStore, list[str]]] = []
    try:
        for name in names:
            if name not in stack.fixtures:
                raise ConfigError(
                    f"stack '{stack.name}' declares no fixture '{name}'",
                    f"add fixtures: {name}: to scenarios/stacks/{stack.name}.yaml",
                )
            fixture = stack.fixtures[name]
            store = open_store(fixture.store, values, inherited(os.environ), f"fixtures.{name}.store")
            ids = [each if isinstance(each, str) else str(each["_id"]) for each in fixture.items]
            store.remove(ids)
            placed.append((store, ids))
            store.add(fixture.items)
        yield
    finally:
        for store, ids in placed:
            try:
                store.remove(ids)
            except TargetError as error:
                on_warning(error.message)


def _note(journal: Path, stack: Stack, ids: Sequence[str]) -> None:
    owner = psutil.Process()
    content = {"stack": stack.name, "pid": owner.pid, "started": owner.create_time(), "ids": ids}
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        journal.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {journal}: {error.strerror}", "run in a folder of yours") from error


def remove_left_behind(stack: Stack, store: DocumentStore) -> int:
    """Remove the users of runs that were killed before they could; say how many."""
    removed = 0
    for journal in sorted(JOURNALS.glob("*.json")):
        try:
            content = json.loads(journal.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # another run is just writing or removing it
        if content["stack"] == stack.name and not _alive(content["pid"], content["started"]):
            store.remove(content["ids"])
            journal.unlink(missing_ok=True)
            removed += len(content["ids"])
    return removed


def _alive(pid: int, started: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - started) < 1.0
    except psutil.NoSuchProcess:
        return False


def documents(stack: Stack, users: Sequence[Account]) -> list[dict[str, Any]]:
    """What is put into the stack's store for each user."""
    template, now = declared_users(stack).document, datetime.now(UTC)
    return [expand_all(template, user.placeholders(now), "users.document") for user in users]

"""Puts test users into the stack's store before a run and removes them after it, whatever happened."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, assert_never

import psutil

from bench.core.stack import CommandStore, MongoStore, Stack, Users, expand, expand_all
from bench.errors import StoreError, TargetError
from bench.measure.auth import TestUser
from bench.measure.live import inherited

JOURNALS = Path(".bench/users")
_COMMAND_TIMEOUT_S = 30.0


class UserStore(Protocol):
    """Where a stack keeps its users."""

    def add(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Put users in."""
        ...

    def remove(self, ids: Sequence[str]) -> None:
        """Take users out; an id that is not there is no error."""
        ...


class CommandUserStore:
    """Users that a program of the stack puts in."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment

    def add(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Put users in."""
        self._run("add", documents)

    def remove(self, ids: Sequence[str]) -> None:
        """Take users out."""
        self._run("remove", ids)

    def _run(self, action: str, content: Sequence[Any]) -> None:
        try:
            done = subprocess.run(
                [*self._command, action],
                input=json.dumps(content),
                env=dict(self._environment),
                capture_output=True,
                text=True,
                timeout=_COMMAND_TIMEOUT_S,
                check=False,
                start_new_session=True,  # Ctrl-C must not keep it from removing users
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TargetError(f"cannot {action} test users: {error}") from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise TargetError(f"cannot {action} test users: {last}")


class MongoUserStore:
    """Users in a MongoDB collection: `_id` is an ObjectId, dates are dates."""

    def __init__(self, uri: str, collection: str) -> None:
        self._uri = uri
        self._collection = collection

    def add(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Put users in."""
        from bson import ObjectId  # noqa: PLC0415 - only stacks with a MongoDB pay for its import

        made = [
            {key: ObjectId(value) if key == "_id" else _dated(key, value) for key, value in document.items()}
            for document in documents
        ]
        self._with_collection("add", lambda users: users.insert_many(made))

    def remove(self, ids: Sequence[str]) -> None:
        """Take users out."""
        from bson import ObjectId  # noqa: PLC0415 - likewise

        found = {"_id": {"$in": [ObjectId(each) for each in ids]}}
        self._with_collection("remove", lambda users: users.delete_many(found))

    def _with_collection(self, action: str, change: Any) -> None:
        from pymongo import MongoClient  # noqa: PLC0415 - likewise
        from pymongo.errors import PyMongoError  # noqa: PLC0415 - likewise

        try:
            with MongoClient[dict[str, Any]](self._uri, serverSelectionTimeoutMS=5000) as client:
                change(client.get_default_database()[self._collection])
        except PyMongoError as error:
            raise TargetError(
                f"cannot {action} test users in MongoDB: {type(error).__name__}",
                "does MONGODB_URI name the server, the database and a user that may write?",
            ) from error


def _dated(key: str, value: Any) -> Any:
    """A date where the document's template has one: the names that end in `At`."""
    return datetime.fromisoformat(value) if key.endswith("At") and isinstance(value, str) else value


def open_store(users: Users, values: Mapping[str, str], environment: Mapping[str, str]) -> UserStore:
    """The store of a stack's users.

    Args:
        users: How they are declared.
        values: Of the declaration's placeholders.
        environment: Of the programs that are started.
    """
    store = users.store
    match store:
        case CommandStore():
            declared = {
                key: expand(text, values, f"users.store.environment.{key}")
                for key, text in store.environment.items()
            }
            command = [expand(part, values, "users.store.command") for part in store.command]
            return CommandUserStore(command, {**environment, **declared})
        case MongoStore():
            return MongoUserStore(expand(store.uri, values, "users.store.uri"), store.collection)
        case _:
            assert_never(store)


@contextmanager
def provisioned(
    stack: Stack,
    values: Mapping[str, str],
    count: int,
    run_id: str,
    on_warning: Callable[[str], None],
) -> Iterator[tuple[TestUser, ...]]:
    """Test users that are there inside the block and gone after it.

    A journal is written before they are put in, so that the next run on this stack removes what a killed one
    left behind. A store that is gone when they should be removed must not cost the run: that is a warning.

    Args:
        stack: Whose users.
        values: Of the declaration's placeholders.
        count: How many.
        run_id: Whose; it is part of their names.
        on_warning: Told what could not be removed.

    Raises:
        TargetError: The store could not be reached or refused them.
    """
    if stack.users is None:
        yield ()
        return
    store = open_store(stack.users, values, inherited(os.environ))
    remove_left_behind(stack, store)
    now = datetime.now(UTC)
    users = tuple(TestUser.make(run_id, number) for number in range(count))
    ids = [user.id for user in users]
    journal = JOURNALS / f"{run_id}.json"
    _note(journal, stack, ids)
    template = stack.users.document
    try:
        store.add([expand_all(template, user.placeholders(now), "users.document") for user in users])
        yield users
    finally:
        try:
            store.remove(ids)
            journal.unlink(missing_ok=True)
        except TargetError as error:
            on_warning(f"{error.message}; the next run on '{stack.name}' tries again")


def _note(journal: Path, stack: Stack, ids: Sequence[str]) -> None:
    owner = psutil.Process()
    content = {"stack": stack.name, "pid": owner.pid, "started": owner.create_time(), "ids": ids}
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        journal.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {journal}: {error.strerror}", "run in a folder of yours") from error


def remove_left_behind(stack: Stack, store: UserStore) -> int:
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

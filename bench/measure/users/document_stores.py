"""Where a stack keeps its users and other documents: how they are put in and taken out."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, assert_never

from bench.core.config.stack import CommandStore, MongoStore, expand
from bench.errors import TargetError

_COMMAND_TIMEOUT_S = 30.0
_SELECTION_TIMEOUT_MS = 5_000
_LONGEST_TEXT = 200  # of a server's complaint


class DocumentStore(Protocol):
    """Where a stack keeps documents."""

    def add(self, documents: Sequence[Mapping[str, Any] | str]) -> None:
        """Put documents, or bare ids, in."""
        ...

    def remove(self, ids: Sequence[str]) -> None:
        """Take documents out; an id that is not there is no error."""
        ...


class CommandDocumentStore:
    """Documents that a program of the stack puts in."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment

    def add(self, documents: Sequence[Mapping[str, Any] | str]) -> None:
        """Put documents, or bare ids, in."""
        self._run("add", documents)

    def remove(self, ids: Sequence[str]) -> None:
        """Take documents out."""
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
            raise TargetError(f"cannot {action} test data: {error}") from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise TargetError(f"cannot {action} test data: {last}")


class MongoDocumentStore:
    """Documents in a MongoDB collection: `_id` is an ObjectId, dates are dates."""

    def __init__(self, uri: str, collection: str) -> None:
        self._uri = uri
        self._collection = collection

    def add(self, documents: Sequence[Mapping[str, Any] | str]) -> None:
        """Put documents, or bare ids, in."""
        from bson import ObjectId  # noqa: PLC0415 - only stacks with a MongoDB pay for its import

        made = [
            {key: ObjectId(value) if key == "_id" else _dated(key, value) for key, value in document.items()}
            for each in documents
            for document in [{"_id": each} if isinstance(each, str) else each]
        ]
        self._with_collection("add", lambda users: users.insert_many(made))

    def remove(self, ids: Sequence[str]) -> None:
        """Take documents out."""
        from bson import ObjectId  # noqa: PLC0415 - likewise

        found = {"_id": {"$in": [ObjectId(each) for each in ids]}}
        self._with_collection("remove", lambda users: users.delete_many(found))

    def _with_collection(self, action: str, change: Any) -> None:
        from pymongo import MongoClient  # noqa: PLC0415 - likewise
        from pymongo.errors import PyMongoError  # noqa: PLC0415 - likewise

        try:
            with MongoClient[dict[str, Any]](
                self._uri, serverSelectionTimeoutMS=_SELECTION_TIMEOUT_MS
            ) as client:
                change(client.get_default_database()[self._collection])
        except (PyMongoError, ValueError) as error:  # a port that is none is a ValueError
            raise TargetError(
                f"cannot {action} test data in MongoDB: {_why(error)}",
                "does MONGODB_URI name the server, the database and a user that may write? is its disk full?",
            ) from error


def _why(error: Exception) -> str:
    """What kind of error it is, and the server's words where it has some; others name addresses."""
    found = getattr(error, "details", None) or {}
    first = (found.get("writeErrors") or [found])[0]
    words = str(first.get("errmsg", "")).partition("\n")[0][:_LONGEST_TEXT]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _dated(key: str, value: Any) -> Any:
    """A date where the document's template has one: the names that end in `At`."""
    return datetime.fromisoformat(value) if key.endswith("At") and isinstance(value, str) else value


def open_store(
    store: CommandStore | MongoStore, values: Mapping[str, str], environment: Mapping[str, str], where: str
) -> DocumentStore:
    """The store that a stack declares.

    Args:
        store: How it is declared.
        values: Of the declaration's placeholders.
        environment: Of the programs that are started.
        where: Its place in the declaration, for messages.
    """
    match store:
        case CommandStore():
            declared = {
                key: expand(text, values, f"{where}.environment.{key}")
                for key, text in store.environment.items()
            }
            command = [expand(part, values, f"{where}.command") for part in store.command]
            return CommandDocumentStore(command, {**environment, **declared})
        case MongoStore():
            return MongoDocumentStore(expand(store.uri, values, f"{where}.uri"), store.collection)
        case _:
            assert_never(store)

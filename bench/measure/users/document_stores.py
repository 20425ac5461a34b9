"""Stores of a stack's users and fixtures: a program, or a MongoDB collection."""

import json
import subprocess
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, assert_never

from bench.core.config.placeholders import expand
from bench.core.config.stack import CommandStore, MongoStore
from bench.errors import TargetError
from bench.measure.users.mongo_errors import describe_error

_COMMAND_TIMEOUT_S = 30.0
_TIMEOUT_MS = 5_000


class DocumentStore(Protocol):
    """A store that bench adds documents to and removes documents from."""

    def add(self, documents: Sequence[Mapping[str, Any] | str]) -> None:
        """Add documents. A bare id stands for a document without fields.

        Raises:
            TargetError: The store refuses them or does not answer.
        """
        ...

    def remove(self, ids: Sequence[str]) -> None:
        """Remove documents. A missing document is not an error.

        Raises:
            TargetError: The store refuses or does not answer.
        """
        ...


class CommandDocumentStore:
    """A store behind a program of the stack: `COMMAND add` and `COMMAND remove`, with JSON on stdin."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment

    def add(self, documents: Sequence[Mapping[str, Any] | str]) -> None:
        """Add documents or bare ids."""
        self._run("add", documents)

    def remove(self, ids: Sequence[str]) -> None:
        """Remove documents."""
        self._run("remove", ids)

    def _run(self, action: str, content: Sequence[Any]) -> None:
        try:
            completed = subprocess.run(
                [*self._command, action],
                input=json.dumps(content),
                env=dict(self._environment),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_COMMAND_TIMEOUT_S,
                check=False,
                start_new_session=True,  # Ctrl-C must not interrupt the removal of users
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TargetError(f"cannot {action} test data: {error}") from error
        if completed.returncode != 0:
            lines = completed.stderr.strip().splitlines() or ["the program printed no error"]
            raise TargetError(f"cannot {action} test data: {lines[-1]}")


class MongoDocumentStore:
    """A MongoDB collection: `_id` is an ObjectId, dates are dates.

    Args:
        uri: Address, with the name of the database.
        collection: Name of the collection.
        field: Field that declares the address, for messages.
    """

    def __init__(self, uri: str, collection: str, field: str = "uri") -> None:
        self._uri = uri
        self._collection = collection
        self._field = field

    def add(self, documents: Sequence[Mapping[str, Any] | str]) -> None:
        """Add documents or bare ids."""
        converted = [_convert({"_id": entry} if isinstance(entry, str) else entry) for entry in documents]
        self._with_collection("add", lambda collection: collection.insert_many(converted))

    def remove(self, ids: Sequence[str]) -> None:
        """Remove documents."""
        from bson import ObjectId  # noqa: PLC0415 - only stacks with a MongoDB pay for its import

        query = {"_id": {"$in": [ObjectId(text) for text in ids]}}
        self._with_collection("remove", lambda collection: collection.delete_many(query))

    def _with_collection(self, action: str, change: Any) -> None:
        from pymongo import MongoClient  # noqa: PLC0415 - likewise
        from pymongo.errors import PyMongoError  # noqa: PLC0415 - likewise

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a warning about an unknown option may contain the address
                client = MongoClient[dict[str, Any]](
                    self._uri, serverSelectionTimeoutMS=_TIMEOUT_MS, connectTimeoutMS=_TIMEOUT_MS
                )
            with client:
                change(client.get_default_database()[self._collection])
        except (
            PyMongoError,
            ValueError,
            OSError,
        ) as error:  # of an invalid port, and of a missing certificate
            problem = describe_error(error, self._uri)
            raise TargetError(
                f"cannot {action} test data in MongoDB: {problem.sentence}", problem.cure(self._field)
            ) from None


def _convert(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with MongoDB's types: an ObjectId, and dates in the fields that end in `At`."""
    from bson import ObjectId  # noqa: PLC0415 - likewise

    converted: dict[str, Any] = {}
    for name, value in document.items():
        if name == "_id":
            converted[name] = ObjectId(value)
        elif name.endswith("At") and isinstance(value, str):
            converted[name] = datetime.fromisoformat(value)
        else:
            converted[name] = value
    return converted


def open_store(
    store: CommandStore | MongoStore, values: Mapping[str, str], environment: Mapping[str, str], field: str
) -> DocumentStore:
    """Open a declared store.

    Args:
        store: The declaration.
        values: Values of the declaration's placeholders.
        environment: Variables of a store's program.
        field: The path of the declaration, for messages.
    """
    match store:
        case CommandStore():
            variables = dict(environment)
            for name, text in store.environment.items():
                variables[name] = expand(text, values, f"{field}.environment.{name}")
            command = [expand(part, values, f"{field}.command") for part in store.command]
            return CommandDocumentStore(command, variables)
        case MongoStore():
            uri_field = f"{field}.uri"
            return MongoDocumentStore(expand(store.uri, values, uri_field), store.collection, uri_field)
        case _:
            assert_never(store)

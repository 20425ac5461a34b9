"""The store in MongoDB, with the collections and types of the contract."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, PyMongoError

from chatstack.settings import SettingsError
from chatstack.stores.store import OPEN, ChatRecord, Document, OnOperation, TakenError

Stored = dict[str, Any]

_CONNECT_TIMEOUT_MS = 10_000
_DUPLICATE_KEY = 11_000
# The fields of a record in the collection, by their names in the program.
_RECORD_NAMES = {
    "id": "_id",
    "at": "at",
    "user_id": "userId",
    "characters": "characters",
    "message_sha256": "messageSha256",
    "outcome": "outcome",
    "status": "status",
    "answer_characters": "answerCharacters",
    "duration_s": "durationS",
    "message": "message",
    "answer": "answer",
}


class MongoStore:
    """A store in MongoDB, through pymongo's async client."""

    def __init__(
        self,
        client: AsyncMongoClient[Stored],
        database: AsyncDatabase[Stored],
        on_operation: OnOperation,
    ) -> None:
        self._client = client
        self._database = database
        self._on_operation = on_operation

    @classmethod
    async def open(cls, uri: str, on_operation: OnOperation) -> "MongoStore":
        """Connect, and create the unique indexes.

        Raises:
            SettingsError: The address is wrong or the server does not answer. The message never contains the
                address, which may contain a password.
        """
        # pymongo's message may quote the address, so only its type is passed on.
        try:
            with warnings.catch_warnings(action="ignore"):
                client = AsyncMongoClient[Stored](
                    uri, serverSelectionTimeoutMS=_CONNECT_TIMEOUT_MS, tz_aware=True
                )
        except (PyMongoError, ValueError) as error:
            raise SettingsError(
                f"MONGODB_URI: {type(error).__name__}: not an address of a database"
            ) from None
        try:
            database = client.get_default_database()
            await database["users"].create_index("username", unique=True)
            await database["users"].create_index("email", unique=True)
            await database["token_blacklist"].create_index("token")
            await database["publication_audit"].create_index("formId")
            await database["chat_audit"].create_index("userId")
        except PyMongoError as error:
            await client.close()
            raise SettingsError(f"MONGODB_URI: {type(error).__name__}: cannot use the database") from None
        return cls(client, database, on_operation)

    async def add_users(self, documents: Sequence[Document]) -> None:
        """Add users: all of them, or no user."""
        made = [{key: _stored(key, value) for key, value in document.items()} for document in documents]
        if not made:
            return
        try:
            await self._asked("users").insert_many(made)
        except BulkWriteError as error:
            # Without a replica set MongoDB has no transactions: remove the users inserted before the clash.
            inserted = made[: error.details["nInserted"]]
            await self._asked("users").delete_many(
                {"_id": {"$in": [document["_id"] for document in inserted]}}
            )
            if error.details["writeErrors"][0]["code"] == _DUPLICATE_KEY:
                raise TakenError("that user exists already") from error
            raise

    async def remove_users(self, ids: Sequence[str]) -> int:
        """Remove users, and return the number of removed ones."""
        found = {"_id": {"$in": [_object_id(user_id) for user_id in ids]}}
        return (await self._asked("users").delete_many(found)).deleted_count

    async def user(self, user_id: str) -> dict[str, Any] | None:
        """Return a user; `None` if it does not exist."""
        document = await self._asked("users").find_one({"_id": _object_id(user_id)})
        return {key: _told(value) for key, value in document.items()} if document else None

    async def revoke(self, token: str, expires_at: datetime) -> None:
        """Add a token to the blacklist."""
        row = {"token": token, "expiresAt": expires_at}
        await self._asked("token_blacklist").update_one({"token": token}, {"$set": row}, upsert=True)

    async def is_revoked(self, token: str) -> bool:
        """Check whether a token is on the blacklist."""
        return await self._asked("token_blacklist").find_one({"token": token}) is not None

    async def add_forms(self, ids: Sequence[str]) -> None:
        """Add generated forms."""
        for form_id in ids:
            form = {"_id": _object_id(form_id)}
            await self._asked("generated_form").update_one(form, {"$set": form}, upsert=True)

    async def remove_forms(self, ids: Sequence[str]) -> int:
        """Remove generated forms."""
        found = {"_id": {"$in": [_object_id(form_id) for form_id in ids]}}
        return (await self._asked("generated_form").delete_many(found)).deleted_count

    async def has_form(self, form_id: str) -> bool:
        """Check whether a generated form exists."""
        return await self._asked("generated_form").find_one({"_id": _object_id(form_id)}) is not None

    async def record_publication(self, form_id: str, at: datetime) -> None:
        """Record that a form was published."""
        await self._asked("publication_audit").insert_one({"formId": form_id, "publishedAt": at})

    async def publications(self, form_id: str) -> int:
        """Return the number of publications of a form."""
        return await self._asked("publication_audit").count_documents({"formId": form_id})

    async def record_chat(self, user_id: str, characters: int, at: datetime) -> None:
        """Record a chat of a user."""
        row = {"userId": _object_id(user_id), "characters": characters, "at": at}
        await self._asked("chat_audit").insert_one(row)

    async def chats(self, user_id: str) -> int:
        """Return the number of chats of a user."""
        return await self._asked("chat_audit").count_documents({"userId": _object_id(user_id)})

    async def save_chat_record(self, record: ChatRecord) -> None:
        """Write a record of the audit log, and replace that with its id. An open record replaces none."""
        document = {_RECORD_NAMES[name]: value for name, value in asdict(record).items()}
        document["_id"] = _object_id(record.id)
        document["userId"] = None if record.user_id is None else _object_id(record.user_id)
        selection = {"_id": document["_id"]}
        if record.outcome == OPEN:
            await self._asked("chat_audit").update_one(selection, {"$setOnInsert": document}, upsert=True)
        else:
            await self._asked("chat_audit").replace_one(selection, document, upsert=True)

    async def chat_records(self, user_id: str | None) -> list[ChatRecord]:
        """Return the records of a user, or of requests without a user, in the order of their times."""
        owner = None if user_id is None else _object_id(user_id)
        selection = {"userId": owner, "outcome": {"$exists": True}}
        records = []
        async for document in self._asked("chat_audit").find(selection).sort(["at", "_id"]):
            content = {field: document[name] for field, name in _RECORD_NAMES.items()}
            records.append(ChatRecord(**{**content, "id": str(document["_id"]), "user_id": user_id}))
        return records

    def _asked(self, name: str) -> AsyncCollection[Stored]:
        """Return a collection, and count one operation."""
        self._on_operation()
        return self._database[name]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _object_id(text: str) -> ObjectId | str:
    """Convert an id to the contract's type; an id of another form stays a text."""
    try:
        return ObjectId(text)
    except InvalidId:
        return text


def _stored(key: str, value: Any) -> Any:
    if key == "_id":
        return _object_id(value)
    return datetime.fromisoformat(value) if key.endswith("At") and isinstance(value, str) else value


def _told(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, ObjectId) else value

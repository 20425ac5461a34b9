"""The store in one SQLite file, which backend and agent share."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from chatstack.settings import SettingsError
from chatstack.stores.store import OPEN, ChatRecord, Document, OnOperation, TakenError

Result = TypeVar("Result")

_BUSY_TIMEOUT_S = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS users (
  id TEXT PRIMARY KEY, username TEXT UNIQUE, email TEXT UNIQUE, document TEXT
);
CREATE TABLE IF NOT EXISTS token_blacklist (token TEXT PRIMARY KEY, expires_at TEXT);
CREATE TABLE IF NOT EXISTS generated_form (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS publication_audit (form_id TEXT, at TEXT);
CREATE INDEX IF NOT EXISTS publication_by_form ON publication_audit (form_id);
CREATE TABLE IF NOT EXISTS chat_audit (
  user_id TEXT, characters INTEGER, at TEXT, id TEXT UNIQUE, message_sha256 TEXT, outcome TEXT,
  status INTEGER, answer_characters INTEGER, duration_s REAL, message TEXT, answer TEXT
);
CREATE INDEX IF NOT EXISTS chat_by_user ON chat_audit (user_id);
"""
# All fields of a record but its time, which is a text in the table.
_RECORD_FIELDS = tuple(field.name for field in fields(ChatRecord) if field.name != "at")
_RECORD_COLUMNS = ", ".join((*_RECORD_FIELDS, "at"))
_SAVE_RECORD = f"INTO chat_audit ({_RECORD_COLUMNS}) VALUES (?{', ?' * len(_RECORD_FIELDS)})"
_READ_RECORDS = (
    f"SELECT {_RECORD_COLUMNS} FROM chat_audit WHERE user_id IS ? AND id IS NOT NULL ORDER BY at, rowid"  # noqa: S608
)


class SqliteStore:
    """A store in SQLite in its own thread, so that a lock of another process never stops the event loop."""

    def __init__(
        self, thread: ThreadPoolExecutor, connection: sqlite3.Connection, on_operation: OnOperation
    ) -> None:
        self._thread = thread
        self._connection = connection
        self._on_operation = on_operation

    @classmethod
    async def open(cls, path: str, on_operation: OnOperation) -> "SqliteStore":
        """Open a file and create its tables.

        Raises:
            SettingsError: The file cannot be opened.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(thread, _connect, path)
        except sqlite3.Error as error:
            thread.shutdown()
            raise SettingsError(f"SQLITE_PATH={path}: {error}") from error
        return cls(thread, connection, on_operation)

    async def add_users(self, documents: Sequence[Document]) -> None:
        """Add users: all of them, or no user."""
        rows = [
            (document["_id"], document["username"], document["email"], json.dumps(dict(document)))
            for document in documents
        ]
        try:
            await self._write_many("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
        except sqlite3.IntegrityError as error:
            raise TakenError(str(error)) from error

    async def remove_users(self, ids: Sequence[str]) -> int:
        """Remove users, and return the number of removed ones."""
        return await self._write_many("DELETE FROM users WHERE id = ?", [(user_id,) for user_id in ids])

    async def user(self, user_id: str) -> dict[str, Any] | None:
        """Return a user; `None` if it does not exist."""
        row = await self._row("SELECT document FROM users WHERE id = ?", user_id)
        return dict(json.loads(row[0])) if row else None

    async def revoke(self, token: str, expires_at: datetime) -> None:
        """Add a token to the blacklist."""
        await self._write_many(
            "INSERT OR IGNORE INTO token_blacklist VALUES (?, ?)", [(token, expires_at.isoformat())]
        )

    async def is_revoked(self, token: str) -> bool:
        """Check whether a token is on the blacklist."""
        return await self._row("SELECT 1 FROM token_blacklist WHERE token = ?", token) is not None

    async def add_forms(self, ids: Sequence[str]) -> None:
        """Add generated forms."""
        await self._write_many(
            "INSERT OR IGNORE INTO generated_form VALUES (?)", [(form_id,) for form_id in ids]
        )

    async def remove_forms(self, ids: Sequence[str]) -> int:
        """Remove generated forms."""
        return await self._write_many(
            "DELETE FROM generated_form WHERE id = ?", [(form_id,) for form_id in ids]
        )

    async def has_form(self, form_id: str) -> bool:
        """Check whether a generated form exists."""
        return await self._row("SELECT 1 FROM generated_form WHERE id = ?", form_id) is not None

    async def record_publication(self, form_id: str, at: datetime) -> None:
        """Record that a form was published."""
        await self._write_many("INSERT INTO publication_audit VALUES (?, ?)", [(form_id, at.isoformat())])

    async def publications(self, form_id: str) -> int:
        """Return the number of publications of a form."""
        row = await self._row("SELECT count(*) FROM publication_audit WHERE form_id = ?", form_id)
        return int(row[0]) if row else 0

    async def record_chat(self, user_id: str, characters: int, at: datetime) -> None:
        """Record a chat of a user."""
        row = (user_id, characters, at.isoformat())
        await self._write_many("INSERT INTO chat_audit (user_id, characters, at) VALUES (?, ?, ?)", [row])

    async def chats(self, user_id: str) -> int:
        """Return the number of chats of a user."""
        row = await self._row("SELECT count(*) FROM chat_audit WHERE user_id = ?", user_id)
        return int(row[0]) if row else 0

    async def save_chat_record(self, record: ChatRecord) -> None:
        """Write a record of the audit log, and replace that with its id. An open record replaces none."""
        row = (*(getattr(record, name) for name in _RECORD_FIELDS), record.at.isoformat())
        verb = "INSERT OR IGNORE" if record.outcome == OPEN else "INSERT OR REPLACE"
        await self._write_many(f"{verb} {_SAVE_RECORD}", [row])

    async def chat_records(self, user_id: str | None) -> list[ChatRecord]:
        """Return the records of a user, or of requests without a user, in the order of their times."""

        def read() -> list[tuple[Any, ...]]:
            return self._connection.execute(_READ_RECORDS, (user_id,)).fetchall()

        self._on_operation()
        records = []
        for *values, at in await self._call(read):
            content = dict(zip(_RECORD_FIELDS, values, strict=True))
            records.append(ChatRecord(**content, at=datetime.fromisoformat(at)))
        return records

    async def close(self) -> None:
        """Close the file."""
        await self._call(self._connection.close)
        self._thread.shutdown()

    async def _row(self, statement: str, value: str) -> tuple[Any, ...] | None:
        def read() -> tuple[Any, ...] | None:
            row: tuple[Any, ...] | None = self._connection.execute(statement, (value,)).fetchone()
            return row

        self._on_operation()
        return await self._call(read)

    async def _write_many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
        def write() -> int:
            with self._connection:
                return self._connection.executemany(statement, rows).rowcount

        self._on_operation()
        return await self._call(write)

    async def _call(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)
    try:
        # One process writes while the other reads. Requests do not wait for the disk: a crash may lose data.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(_TABLES)
    except sqlite3.Error:
        connection.close()
        raise
    return connection

"""Writes records of the audit log without a delay for the answer."""

import asyncio
import secrets
from contextvars import ContextVar
from datetime import datetime

from prometheus_client import Counter

from chatstack.measures import Measures
from chatstack.parts.audit.outcome import CANCELLED, outcome_of
from chatstack.parts.log import open_log
from chatstack.stores.store import ChatRecord, Store
from chatstack.tokens import asking_user

# Records that wait for the store. Above this number, the store cannot keep up, and memory must not grow.
_MOST_WAITING = 1_000
# Whether the current request has a record. A request without one never became a question.
has_record: ContextVar[bool] = ContextVar("chatstack.has_record", default=False)


class AuditWriter:
    """Writes records. A record that cannot be written is counted and logged, and the answer goes on.

    Args:
        store: The store.
        measures: Counts written and lost records.
    """

    def __init__(self, store: Store, measures: Measures) -> None:
        self._store = store
        self._log = open_log()
        self._writes: set[asyncio.Task[None]] = set()
        self._written = Counter(
            "chatstack_audit_records",
            "Records of the audit log, by whether the store has them.",
            ["written"],
            registry=measures.registry,
        )

    async def begin(self, record: ChatRecord) -> None:
        """Write the first state of a record, before any other work for the question."""
        has_record.set(True)
        try:
            await self._store.save_chat_record(record)
        except Exception as error:  # noqa: BLE001 - every database has errors of its own
            self._log.error("audit record not begun", record=record.id, reason=type(error).__name__)

    def end(self, record: ChatRecord) -> None:
        """Write the last state of a record in the background."""
        if len(self._writes) >= _MOST_WAITING:
            self._lose(record, "too many records wait for the store")
            return
        write = asyncio.ensure_future(self._write(record))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)

    def end_request(self, at: datetime, status: int | None, seconds: float) -> None:
        """Write the record of a request that never became a question; do nothing for others.

        Args:
            at: Time of the request.
            status: Status of the response; `None` if the request was cancelled.
            seconds: Time until the response.
        """
        if not has_record.get():
            self.end(
                ChatRecord(
                    id=secrets.token_hex(12),
                    at=at,
                    user_id=asking_user.get(),
                    outcome=CANCELLED if status is None else outcome_of(status),
                    status=status,
                    duration_s=round(seconds, 6),
                )
            )

    async def close(self) -> None:
        """Wait until all records are written."""
        await asyncio.gather(*self._writes)

    async def _write(self, record: ChatRecord) -> None:
        try:
            await self._store.save_chat_record(record)
        except Exception as error:  # noqa: BLE001 - every database has errors of its own
            self._lose(record, type(error).__name__)
        else:
            self._written.labels("yes").inc()

    def _lose(self, record: ChatRecord, reason: str) -> None:
        """Count a lost record, and log its facts: the log is the only place that has them."""
        self._written.labels("no").inc()
        self._log.error(
            "audit record lost",
            reason=reason,
            record=record.id,
            user=record.user_id,
            at=record.at.isoformat(),
            message_sha256=record.message_sha256,
            outcome=record.outcome,
            status=record.status,
        )

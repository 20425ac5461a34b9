"""The part that records each question. Settings: AUDIT_LOG, AUDIT_TEXT."""

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question
from chatstack.parts.audit.outcome import ANSWERED, CANCELLED, FAILED, outcome_of
from chatstack.parts.audit.writer import AuditWriter
from chatstack.parts.part import OpenPart, Surroundings
from chatstack.stores.store import ChatRecord

_OK = 200
_SERVER_ERROR = 500


@asynccontextmanager
async def open_part(surroundings: Surroundings) -> AsyncIterator[OpenPart]:
    """Open the part."""
    surroundings.settings.switch("AUDIT_LOG")
    keeps_text = surroundings.settings.switch("AUDIT_TEXT")
    writer = AuditWriter(surroundings.store, surroundings.measures)
    surroundings.state.audit = writer
    try:
        yield OpenPart(
            Audit(writer, keeps_text=keeps_text).wrap,
            surroundings=replace(surroundings, record_chat=_record_no_chat, record_end=writer.end_request),
        )
    finally:
        await writer.close()


async def _record_no_chat(user_id: str, characters: int, at: datetime) -> None:
    """Do nothing, because the record of the audit log has these facts."""


class Audit:
    """Records each question: first that it was asked, and at the end what became of it.

    Args:
        writer: Writes the records.
        keeps_text: Whether records have the text of the message and of the answer.
    """

    def __init__(self, writer: AuditWriter, *, keeps_text: bool) -> None:
        self._writer = writer
        self._keeps_text = keeps_text

    def wrap(self, ask: Ask) -> Ask:
        """Return an `Ask` that records the question and its outcome."""

        async def audited(question: Question) -> AsyncGenerator[Event, None]:
            began_s = time.perf_counter()
            record = self._record_of(question)
            pieces: list[str] = []
            outcome = CANCELLED
            status: int | None = None
            try:
                await self._writer.begin(record)
                async with aclosing(ask(question)) as events:
                    async for event in events:
                        if isinstance(event, Piece):
                            pieces.append(event.text)
                        elif isinstance(event, Done):
                            outcome = ANSWERED
                            status = _OK
                        yield event
            except FailedError as error:
                status = error.status
                outcome = outcome_of(status)
                raise
            except Exception:
                status = _SERVER_ERROR
                outcome = FAILED
                raise
            finally:
                text = "".join(pieces)
                self._writer.end(
                    replace(
                        record,
                        outcome=outcome,
                        status=status,
                        answer_characters=len(text),
                        duration_s=round(time.perf_counter() - began_s, 6),
                        answer=text if self._keeps_text else None,
                    )
                )

        return audited

    def _record_of(self, question: Question) -> ChatRecord:
        return ChatRecord(
            id=secrets.token_hex(12),
            at=datetime.now(UTC),
            user_id=question.user["_id"],
            characters=len(question.message),
            message_sha256=sha256(question.message.encode()).hexdigest(),
            message=question.message if self._keeps_text else None,
        )

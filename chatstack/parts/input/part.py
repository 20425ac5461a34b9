"""The part that checks input. Setting: INPUT_CHECK."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from hashlib import sha256

from prometheus_client import Counter

from chatstack.chat.events import Ask, Event, FailedError, Question
from chatstack.measures import Measures
from chatstack.parts.input.body import checked_content, checked_object
from chatstack.parts.input.text import find_control_character, find_injection_markers
from chatstack.parts.log import open_log
from chatstack.parts.part import OpenPart, Surroundings

_BAD_REQUEST = 400


@asynccontextmanager
async def open_part(surroundings: Surroundings) -> AsyncIterator[OpenPart]:
    """Open the part."""
    surroundings.settings.switch("INPUT_CHECK")
    check = InputCheck(surroundings.measures)
    yield OpenPart(
        check.wrap,
        surroundings=replace(surroundings, read_body=checked_object, parse_message=checked_content),
    )


class InputCheck:
    """Refuses messages with control characters, and reports prompt-injection markers. It changes no message.

    Args:
        measures: Counts the markers.
    """

    def __init__(self, measures: Measures) -> None:
        self._log = open_log()
        self._markers = Counter(
            "chatstack_injection_markers",
            "Prompt-injection markers of messages, which were passed on unchanged.",
            ["marker"],
            registry=measures.registry,
        )

    def wrap(self, ask: Ask) -> Ask:
        """Return an `Ask` that checks the message first."""

        async def checked(question: Question) -> AsyncGenerator[Event, None]:
            character = find_control_character(question.message)
            if character is not None:
                raise FailedError(_BAD_REQUEST, f"the message has the control character {character}")
            self._report(question)
            async with aclosing(ask(question)) as events:
                async for event in events:
                    yield event

        return checked

    def _report(self, question: Question) -> None:
        markers = find_injection_markers(question.message)
        for marker in markers:
            self._markers.labels(marker).inc()
        if markers:
            self._log.warning(
                "prompt injection marker",
                markers=markers,
                user=question.user["_id"],
                message_sha256=sha256(question.message.encode()).hexdigest(),
                characters=len(question.message),
            )

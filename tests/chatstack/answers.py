"""Questions and scripted answers for tests of the parts of the backend."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question
from chatstack.timing import Stopwatch

ANSWER: Sequence[Event] = (Piece("one "), Piece("two"), Done())


def make_question(message: str = "Hello") -> Question:
    """Return a question of a user."""
    return Question({"_id": "a" * 24}, message, "model", stream=True, watch=Stopwatch("backend"))


class ScriptedAgent:
    """An agent whose answers are given: for each question, events, failures, and seconds of silence.

    The last answer is repeated.
    """

    def __init__(self, *answers: Sequence[Event | FailedError | float]) -> None:
        self._answers = answers
        self.asked_s: list[float] = []
        self.running = 0

    @property
    def ask(self) -> Ask:
        """Answers questions."""
        return self._ask

    async def _ask(self, _: Question) -> AsyncGenerator[Event, None]:
        answer = self._answers[min(len(self.asked_s), len(self._answers) - 1)]
        self.asked_s.append(asyncio.get_running_loop().time())
        self.running += 1
        try:
            for item in answer:
                if isinstance(item, FailedError):
                    raise FailedError(
                        item.status, item.message, cause=item.cause, retry_after_s=item.retry_after_s
                    )
                if isinstance(item, float):
                    await asyncio.sleep(item)
                else:
                    yield item
        finally:
            self.running -= 1


async def read_all(ask: Ask, question: Question | None = None) -> list[Event]:
    """Return all events of an answer."""
    return [event async for event in ask(question or make_question())]


async def status_of(ask: Ask) -> int:
    """Return 200 for a complete answer, else the status of its failure."""
    try:
        await read_all(ask)
    except FailedError as error:
        return error.status
    return 200

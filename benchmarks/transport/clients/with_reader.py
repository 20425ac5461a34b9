"""The project's transport with its reader: events are decoded and their JSON is parsed."""

from bench.core.config.target import SseAnswer
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_form import AnswerForm
from bench.measure.http.connection import Reply

from . import Client, Take
from .ours import OurClient

_FORM = AnswerForm(SseAnswer(kind="sse", text="text", done_data="[DONE]"))


class ReadingClient(OurClient):
    """See `Client`."""

    async def stream(self, user: int, path: str, take: Take) -> Reply:
        """Request a stream and parse it as a response."""
        reader = AnswerReader(_FORM)
        feed = reader.feed

        def read(part: bytes, at_s: float) -> None:
            take(part, at_s)
            feed(part, at_s)

        reply = await super().stream(user, path, read)
        problem = reader.end().problem
        if problem is not None:
            raise RuntimeError(problem)
        return reply


def make(port: int, users: int) -> Client:
    """Return the VUs of a server."""
    return ReadingClient(port, users)

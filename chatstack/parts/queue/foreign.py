"""Jobs and answers of backends of other kinds, for example of Node.js."""

import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from chatstack.bodies import BodyError
from chatstack.chat.calls import read_message
from chatstack.chat.events import Ask, FailedError, Piece, Question
from chatstack.timing import Stopwatch


def make_data(question: Question, backend: str) -> dict[str, Any]:
    """Return the data of a ticket, from which a worker of another kind can answer the question."""
    return {
        "message": question.message,
        "model": question.model,
        "userId": str(question.user.get("_id")),
        "role": str(question.user.get("role")),
        "backend": backend,
    }


async def answer_job(ask: Ask, fields: Mapping[str, str], model: str) -> dict[str, Any]:
    """Answer a job that another producer added, and return the value for it.

    Raises:
        FailedError: The job has no message, or the question has no answer.
    """
    question = _read_question(fields, model)
    pieces: list[str] = []
    async with aclosing(ask(question)) as events:
        async for event in events:
            if isinstance(event, Piece):
                pieces.append(event.text)
    return {"message": "".join(pieces)}


def read_answer(text: str | None) -> str | None:
    """Return the answer in the value that a worker returned: a text, or an object with `message`."""
    try:
        value = json.loads(text or "null")
    except ValueError:
        return None
    answer = value.get("message") if isinstance(value, dict) else value
    return answer if isinstance(answer, str) else None


def _read_question(fields: Mapping[str, str], model: str) -> Question:
    try:
        data = json.loads(fields.get("data", "null"))
        message = read_message(data if isinstance(data, dict) else {})
    except (ValueError, BodyError) as error:
        raise FailedError(400, f"the job has no message: {error}") from error
    user = {"_id": str(data.get("userId")), "role": str(data.get("role"))}
    name = str(data.get("model") or model)
    return Question(user, message, name, stream=False, watch=Stopwatch("backend"))

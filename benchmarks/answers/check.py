"""Compares what `bench` read in generated answers with the truth."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from http import HTTPStatus

from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_form import AnswerForm
from bench.core.samples.sample import Outcome
from bench.store.scenarios import load_target

from .events import outcome_of
from .generate import GeneratedAnswer, generate
from .request import Reading, request
from .serve import listening, read_request
from .truth import Truth

_PATIENCE_S = 120.0
_AT_ONCE = 4


class FaultKind(Enum):
    """A way to read an answer wrongly."""

    FALSE_OK = "false `ok`"
    FALSE_FAILURE = "false failure"
    WRONG_OUTCOME = "another outcome"
    WRONG_CONTENT = "wrong words, text or count"
    EXCEPTION = "exception"
    HANG = "no end"


@dataclass(frozen=True)
class Fault:
    """An answer that was read wrongly."""

    answer: GeneratedAnswer
    """The answer."""
    kind: FaultKind
    """What is wrong."""
    description: str
    """What was read."""


def read_alone(answer: GeneratedAnswer) -> Fault | None:
    """Read the body of an answer without a connection. Return what is wrong."""
    if answer.status != HTTPStatus.OK:
        return None  # the client does not read refusals with a reader
    reader = AnswerReader(_form(answer.target))
    at_s = 0.0
    for part in answer.plain_parts():
        at_s += 1.0
        reader.feed(part, at_s)
    content = reader.end(answer.content_type, answer.status)
    detail = content.problem if content.error is None else content.error.message
    fault = _check_outcome(answer, _outcome(content), detail)
    truth = answer.truth
    if fault is None and truth.text is not None:
        read = Truth(truth.outcomes, None, content.text or "", len(content.token_times_s), _tokens(content))
        if read != truth:
            fault = Fault(answer, FaultKind.WRONG_CONTENT, f"{read} instead of {truth}")
    return fault


async def read_over(answer: GeneratedAnswer, url: str, transport: str) -> Fault | None:
    """Request an answer from `serving_answers`. Return what is wrong."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            reading = await request(f"{url}/{answer.seed}", answer.target, transport, {})
    except TimeoutError:
        return Fault(answer, FaultKind.HANG, f"no end after {_PATIENCE_S:g} s")
    except Exception as error:  # noqa: BLE001 - every exception is a fault
        return Fault(answer, FaultKind.EXCEPTION, repr(error))
    return _check_outcome(answer, reading.sample.outcome, reading.sample.detail) or _check_counts(
        answer, reading
    )


async def read_all(seeds: Iterable[int], transport: str) -> list[Fault]:
    """Request the answers of these seeds, a few at a time. Return what is wrong."""
    faults: list[Fault] = []
    waiting = iter(seeds)

    async def work(url: str) -> None:
        for seed in waiting:
            fault = await read_over(generate(seed), url, transport)
            if fault is not None:
                faults.append(fault)

    async with serving_answers() as url, asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(work(url))
    return faults


@asynccontextmanager
async def serving_answers() -> AsyncIterator[str]:
    """Serve the answer of a seed at `/SEED`. Yields the URL."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = await read_request(reader)
        for content in generate(int(path.split("/")[1])).wire():
            writer.write(content)
            await writer.drain()
            await asyncio.sleep(0)

    async with listening(reply) as url:
        yield url


@cache
def _form(target: str) -> AnswerForm:
    return AnswerForm(load_target(target).forms[0])


def _outcome(content: AnswerContent) -> Outcome:
    """Return the outcome that the content of an answer gives to its request."""
    if content.error is not None:
        return outcome_of(content.error.status)
    if content.problem is not None:
        return Outcome.BAD_STREAM
    return Outcome.OK if (content.text or "").strip() else Outcome.WRONG_CONTENT


def _tokens(content: AnswerContent) -> int | None:
    return content.tokens or len(content.token_times_s) or None


def _check_outcome(answer: GeneratedAnswer, outcome: Outcome, detail: str | None) -> Fault | None:
    truth = answer.truth
    if outcome not in truth.outcomes:
        kind = FaultKind.WRONG_OUTCOME
        if outcome is Outcome.OK:
            kind = FaultKind.FALSE_OK
        elif Outcome.OK in truth.outcomes:
            kind = FaultKind.FALSE_FAILURE
        return Fault(answer, kind, f"{outcome.value} ({detail}) instead of {sorted(truth.outcomes)}")
    if truth.words is not None and truth.words not in (detail or ""):
        return Fault(answer, FaultKind.WRONG_CONTENT, f"'{detail}' instead of '{truth.words}'")
    return None


def _check_counts(answer: GeneratedAnswer, reading: Reading) -> Fault | None:
    truth = answer.truth
    if truth.text is None:
        return None
    pieces = len(reading.times_s)
    if (pieces, reading.sample.tokens) == (truth.pieces, truth.tokens):
        return None
    description = f"{pieces} pieces, {reading.sample.tokens} tokens instead of {truth}"
    return Fault(answer, FaultKind.WRONG_CONTENT, description)

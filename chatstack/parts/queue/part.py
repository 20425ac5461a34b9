"""The part of the queue: `QUEUE_CONCURRENCY` switches it on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.routing import Route

from chatstack.parts.part import OpenPart, Surroundings
from chatstack.parts.queue.limits import QueueLimits, read_limits, read_name
from chatstack.parts.queue.local import LocalQueue
from chatstack.parts.queue.measures import QueueMeasures
from chatstack.parts.queue.queue import RequestQueue
from chatstack.parts.queue.queueing import Queueing, QueueStatus
from chatstack.settings import Settings

QUEUE_PATH = "/api/chat/queue"
# Seconds for which the start waits for Redis; later, requests are refused until it answers.
_START_S = 5.0


@asynccontextmanager
async def open_part(surroundings: Surroundings) -> AsyncIterator[OpenPart]:
    """Open the queue: on Redis if REDIS_URL is set, else in this process.

    Raises:
        SettingsError: A setting is wrong.
    """
    limits = read_limits(surroundings.settings)
    measures = QueueMeasures(surroundings.measures.registry)
    async with _open_queue(surroundings.settings, limits, measures) as queue:
        status = QueueStatus(queue, limits, surroundings.tokens)
        route = Route(QUEUE_PATH, status.answer, methods=["GET"])
        yield OpenPart(Queueing(queue, limits, measures).wrap, [route])


@asynccontextmanager
async def _open_queue(
    settings: Settings, limits: QueueLimits, measures: QueueMeasures
) -> AsyncIterator[RequestQueue]:
    url = settings.optional("REDIS_URL")
    if url is None:
        yield LocalQueue(limits)
        return
    # A backend without Redis needs neither of the packages.
    from chatstack.parts.queue.bull import BullQueue  # noqa: PLC0415
    from chatstack.parts.queue.shared import SharedQueue  # noqa: PLC0415

    bull = BullQueue(url, read_name(settings))
    queue = SharedQueue(bull, limits, settings.text("MODEL", "qwen2.5:0.5b"), measures)
    await queue.start(_START_S)
    try:
        yield queue
    finally:
        await queue.close()

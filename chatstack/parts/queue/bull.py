"""The queue on Redis in BullMQ's format: the few commands that a backend needs.

The package `bullmq` brings the scripts that run inside Redis, the same as those of BullMQ for Node.js.
Its own `Worker` runs the jobs that it takes, so this module calls the scripts one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bullmq import Job, Queue
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chatstack.parts.redis_client import open_pool

# All backends of this kind use the same token, because a backend may take the ticket of another one.
TOKEN = "chatstack"  # noqa: S105 - the owner of a lock, and not a secret
JOB_NAME = "chat"
LOCK_MS = 15_000
# BullMQ looks for jobs without a lock this often; a job without one in two looks waits again.
STALLED_MS = 5_000
# As in BullMQ: a job that lost its lock once waits again, and fails the second time.
_MOST_STALLS = 1
_CONNECTIONS = 24
# Longer than Redis ever takes, and shorter than a user's patience.
_TIMEOUT_S = 5.0
_BLOCK_S = 1


@dataclass(frozen=True, slots=True)
class TakenJob:
    """A job whose turn began."""

    id: str
    fields: Mapping[str, str]
    """Its fields, as Redis stores them."""

    @property
    def given_up(self) -> bool:
        """Whether BullMQ gave the job up, because its workers ended."""
        return "defa" in self.fields


@dataclass(frozen=True, slots=True)
class QueueEvent:
    """An entry of BullMQ's stream of events."""

    kind: str
    job_id: str
    time_ms: int
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The jobs of the queue at one moment."""

    running: int
    job_ids: Sequence[str]
    """The waiting jobs in the order of their turns."""


@dataclass(frozen=True, slots=True)
class Added:
    """The state of the queue in the moment after a job was added."""

    jobs: int
    """Number of jobs that run or wait, including the new one."""
    position: int
    """Position of the new job; 1 is the next."""


class BullQueue:
    """The commands of one queue.

    Args:
        url: Address of Redis.
        name: Name of the queue.

    Every command raises `RedisError` or `OSError` if Redis does not answer.
    """

    def __init__(self, url: str, name: str) -> None:
        pool = open_pool(url, _TIMEOUT_S, _CONNECTIONS, decode_responses=True)
        self._redis: Redis = Redis.from_pool(pool)
        self._queue = Queue(name, {"connection": self._redis, "lockDuration": LOCK_MS})
        self._keys: Mapping[str, str] = self._queue.backend.keys
        self._last_event = "0"
        self._concurrency = 1

    async def prepare(self, concurrency: int) -> None:
        """Connect, set the concurrency of all workers, and begin to read the events from now on."""
        # Connections of before an outage would fail at their next command.
        await self._redis.connection_pool.disconnect(inuse_connections=False)
        self._concurrency = concurrency
        await self._queue.setGlobalConcurrency(concurrency)
        latest: Any = await self._redis.xrevrange(self._keys["events"], count=1)
        self._last_event = latest[0][0] if latest else "0"

    async def add(self, job_id: str, data: Mapping[str, Any], priority: int, attempts: int) -> Added:
        """Add a job."""
        options = {
            "jobId": job_id,
            "priority": priority,
            "attempts": attempts,
            "removeOnComplete": True,
            "removeOnFail": True,
        }
        job = Job(self._queue, JOB_NAME, dict(data), options)
        async with self._redis.pipeline(transaction=True) as pipe:
            await self._queue.backend.scripts.addJob(job, pipe)
            pipe.llen(self._keys["active"])
            pipe.llen(self._keys["wait"])
            pipe.zcard(self._keys["prioritized"])
            pipe.zrank(self._keys["prioritized"], job_id)
            _, active, ahead, prioritized, rank = await pipe.execute()
        return Added(active + ahead + prioritized, ahead + (rank or 0) + 1)

    async def take(self) -> TakenJob | None:
        """Begin the turn of the next job, if a slot is free."""
        return _taken(await self._queue.backend.moveToActive(TOKEN, {"lockDuration": LOCK_MS}))

    async def wait_for_job(self) -> None:
        """Return when a job may be taken, or after a second."""
        await self._queue.backend.waitForJob(_BLOCK_S)

    async def finish(self, job_id: str) -> TakenJob | None:
        """End the turn of a ticket, remove the job, and begin the turn of the next one."""
        complete = self._queue.backend.moveToCompleted
        move = await complete(self._job(job_id), None, remove_on_complete=True, token=TOKEN, fetch_next=True)
        return _taken(move["result"])

    async def fail(self, job_id: str, reason: str) -> TakenJob | None:
        """End the turn of a ticket whose client left, remove the job, and begin the turn of the next one."""
        fail = self._queue.backend.moveToFailed
        move = await fail(self._job(job_id), reason, remove_on_fail=True, token=TOKEN, fetch_next=True)
        return _taken(move["result"])

    async def finish_foreign(self, taken: TakenJob, answer: Any) -> TakenJob | None:
        """End the turn of a job with its answer, and keep or remove the job as its producer wants."""
        job = Job.fromJSON(self._queue, dict(taken.fields), taken.id)
        return _taken(await job.moveToCompleted(answer, TOKEN, fetchNext=True))

    async def fail_foreign(self, taken: TakenJob, reason: str) -> TakenJob | None:
        """End the turn of a job without an answer; it waits again if its producer wants further attempts.

        A job fails for good if its fields are not valid, if its back-off is a function of another worker, or
        if BullMQ has given it up. Otherwise it would hold a slot again and again.
        """
        if not taken.given_up:
            try:
                job = Job.fromJSON(self._queue, dict(taken.fields), taken.id)
                return _taken(await job.moveToFailed(RuntimeError(reason), TOKEN, fetchNext=True))
            except (RedisError, OSError, TypeError):
                raise
            except Exception as error:  # noqa: BLE001 - BullMQ raises no error of its own
                reason = f"{reason}; {error}"
        fail = self._queue.backend.moveToFailed
        move = await fail(self._job(taken.id), reason, remove_on_fail=False, token=TOKEN, fetch_next=True)
        return _taken(move["result"])

    async def wait_again(self, job_id: str) -> None:
        """End the turn of a job, which waits for another one behind those of the same priority."""
        await self._queue.backend.retryJob(job_id, lifo=False, token=TOKEN)

    async def remove(self, job_id: str) -> bool:
        """Remove a job that waits, and return whether it is gone. A job that has its turn stays."""
        return bool(await self._queue.backend.remove(job_id, remove_children=False))

    async def is_ours(self, job_id: str) -> bool:
        """Whether a backend of this kind began the turn of a job."""
        return bool(await self._redis.get(f"{self._keys['']}{job_id}:lock") == TOKEN)

    async def keep(self, job_ids: Sequence[str]) -> None:
        """Keep the locks of jobs, and let BullMQ return jobs that lost theirs to the queue."""
        # Redis without a concurrency, because it was emptied, would let all jobs run at once.
        await self._redis.hsetnx(self._keys["meta"], "concurrency", str(self._concurrency))
        if job_ids:
            await self._queue.backend.extendLocks(list(job_ids), [TOKEN] * len(job_ids), LOCK_MS)
        await self._queue.backend.moveStalledJobsToWait(_MOST_STALLS, STALLED_MS)

    async def waiting(self) -> Waiting:
        """Return the jobs of the queue."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.llen(self._keys["active"])
            pipe.lrange(self._keys["wait"], 0, -1)
            pipe.zrange(self._keys["prioritized"], 0, -1)
            running, unprioritized, prioritized = await pipe.execute()
        return Waiting(running, [*reversed(unprioritized), *prioritized])

    async def missing(self, job_ids: Sequence[str]) -> set[str]:
        """Return those of these jobs that Redis does not have."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.exists(f"{self._keys['']}{job_id}")
            exist = await pipe.execute()
        return {job_id for job_id, exists in zip(job_ids, exist, strict=True) if not exists}

    async def events(self) -> list[QueueEvent]:
        """Return the next events, or none after a second."""
        answer: Any = await self._redis.xread({self._keys["events"]: self._last_event}, block=_BLOCK_S * 1000)
        entries = answer[0][1] if answer else []
        if entries:
            self._last_event = entries[-1][0]
        return [_event(entry_id, fields) for entry_id, fields in entries]

    async def show_alive(self, backend: str) -> None:
        """Show that a backend is alive, for as long as a lock lasts."""
        await self._redis.set(self._alive_key(backend), "1", px=LOCK_MS)

    async def is_alive(self, backend: str) -> bool:
        """Whether a backend is alive."""
        return bool(await self._redis.exists(self._alive_key(backend)))

    async def show_gone(self, backend: str) -> None:
        """Show that a backend has ended."""
        await self._redis.delete(self._alive_key(backend))

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    def _alive_key(self, backend: str) -> str:
        return f"chatstack:{self._queue.name}:{backend}"

    def _job(self, job_id: str) -> Job:
        return Job(self._queue, JOB_NAME, {}, {}, job_id)


def _taken(result: Sequence[Any] | None) -> TakenJob | None:
    fields, job_id = (result[0], result[1]) if result else (None, None)
    return TakenJob(str(job_id), fields) if fields else None


def _event(entry_id: str, fields: Mapping[str, str]) -> QueueEvent:
    time_ms, _, _ = entry_id.partition("-")
    return QueueEvent(fields.get("event", ""), fields.get("jobId", ""), int(time_ms), fields)

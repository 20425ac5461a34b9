"""Several backends share a queue on a real Redis. They are objects of one process, so a test sees all."""

import asyncio
import json
import random
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bullmq import Queue, Worker
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from chatstack.chat.events import Ask, Done, Event, FailedError, Piece
from chatstack.parts.queue import bull, shared
from chatstack.parts.queue.bull import BullQueue
from chatstack.parts.queue.limits import QueueLimits
from chatstack.parts.queue.measures import QueueMeasures
from chatstack.parts.queue.queueing import Queueing
from chatstack.parts.queue.shared import SharedQueue
from tests.chatstack.queue.questions import Agent, collect, make_limits, make_question

_PATIENCE_S = 60.0


@dataclass
class Backend:
    """One of several backends."""

    queue: SharedQueue
    ask: Ask

    async def kill(self) -> None:
        """End the backend as SIGKILL does: it sends no further command."""
        self.queue._start = lambda command: command.close()  # type: ignore[method-assign]
        await self.queue.stop()


@dataclass
class Shared:
    """Backends that share a queue."""

    name: str
    backends: list[Backend]
    redis: Redis

    async def jobs(self) -> tuple[int, int]:
        """Return the number of jobs that run, and of those that wait."""
        state = await self.backends[-1].queue.state("nobody")
        return state.running, state.waiting

    async def keys(self) -> set[str]:
        """Return the names of all keys of jobs and locks."""
        prefix = f"bull:{self.name}:"
        names = {key.decode().removeprefix(prefix) async for key in self.redis.scan_iter(f"{prefix}*")}
        return {name for name in names if "." in name}


@asynccontextmanager
async def sharing(url: str, agent: Agent, limits: QueueLimits, number: int = 1) -> AsyncIterator[Shared]:
    """Run some backends inside the block."""
    name = secrets.token_hex(4)
    async with AsyncExitStack() as stack:
        backends = []
        for _ in range(number):
            measures = QueueMeasures(CollectorRegistry())
            queue = SharedQueue(BullQueue(url, name), limits, "tiny", measures)
            stack.push_async_callback(queue.close)
            await queue.start(_PATIENCE_S)
            backends.append(Backend(queue, Queueing(queue, limits, measures).wrap(agent.ask)))
        redis = await stack.enter_async_context(Redis.from_url(url))
        yield Shared(name, backends, redis)


async def until(condition: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait until a condition holds."""
    while not await condition():  # noqa: ASYNC110 - the condition is in Redis
        await asyncio.sleep(0.01)


def run_with_patience(body: Coroutine[Any, Any, None]) -> None:
    """Run a test, and end it if it hangs."""
    asyncio.run(asyncio.wait_for(body, _PATIENCE_S))


def start(ask: Ask, message: str = "Hello", role: str = "user") -> "asyncio.Task[list[Event]]":
    """Ask in the background."""
    return asyncio.ensure_future(collect(ask, make_question(message, role)))


def test_no_slot_is_lost_or_shared_between_backends(redis_url: str) -> None:
    """Clients of three backends leave at random moments: the limit holds, and no job stays in Redis."""
    draw = random.Random(7)

    async def client(ask: Ask) -> bool:
        answer = start(ask, role=draw.choice(["admin", "user"]))
        patience_s = draw.choice([0.0, 0.002, 0.02, 0.2, _PATIENCE_S])
        done, _ = await asyncio.wait({answer}, timeout=patience_s)
        answer.cancel()
        await asyncio.wait({answer})
        return bool(done)

    async def run() -> None:
        agent = Agent(lambda: draw.uniform(0, 0.02), [FailedError(500, "broken") for _ in range(20)])
        async with sharing(redis_url, agent, make_limits(3, attempts=30), 3) as stack:
            clients = [client(stack.backends[number % 3].ask) for number in range(120)]
            answered = await asyncio.gather(*clients)
            assert 0 < sum(answered) <= agent.answered
            assert 1 <= agent.most_running <= 3
            await until(lambda: _is_empty(stack))
            last = await asyncio.gather(*(start(backend.ask) for backend in stack.backends))
            assert all(isinstance(events[-1], Done) for events in last)
            await until(lambda: _is_empty(stack))

    run_with_patience(run())


async def _is_empty(stack: Shared) -> bool:
    return await stack.jobs() == (0, 0) and not await stack.keys()


def test_turns_follow_priorities_and_arrivals_of_all_backends(redis_url: str) -> None:
    """It does not matter at which backend a request came."""

    async def run() -> None:
        agent = Agent(gate=asyncio.Event())
        async with sharing(redis_url, agent, make_limits(1), 2) as stack:
            answers = [start(stack.backends[0].ask, "first")]
            await until(lambda: _has(stack, 1, 0))
            roles = ["user", "admin", "user", "premium", "guest", "admin"]
            for number, role in enumerate(roles):
                answers.append(start(stack.backends[number % 2].ask, f"{number} {role}", role))
                await until(lambda: _has(stack, 1, number + 1))  # noqa: B023 - awaited at once
            agent.gate.set()  # type: ignore[union-attr]
            await asyncio.gather(*answers)
        expected = ["1 admin", "5 admin", "3 premium", "0 user", "2 user", "4 guest"]
        assert agent.order == ["first", *expected]

    run_with_patience(run())


async def _has(stack: Shared, running: int, waiting: int) -> bool:
    return await stack.jobs() == (running, waiting)


def test_the_queue_of_all_backends_has_a_length(redis_url: str) -> None:
    """Of many requests at the same moment, exactly as many are accepted as can run and wait."""

    async def run() -> None:
        agent = Agent(gate=asyncio.Event())
        async with sharing(redis_url, agent, make_limits(2, max_waiting=5), 2) as stack:
            answers = [start(stack.backends[number % 2].ask) for number in range(30)]
            await until(lambda: _has(stack, 2, 5))
            refused = [answer for answer in answers if answer.done()]
            errors = [answer.exception() for answer in refused]
            assert len(refused) == 23
            assert {error.status for error in errors if isinstance(error, FailedError)} == {429}
            agent.gate.set()  # type: ignore[union-attr]
            rest = await asyncio.gather(*answers, return_exceptions=True)
            assert sum(isinstance(events, list) for events in rest) == 7

    run_with_patience(run())


def test_no_request_waits_for_a_job_that_redis_has_lost(redis_url: str) -> None:
    """After Redis was emptied, waiting requests fail, running ones go on, and the limit still holds."""

    async def run() -> None:
        agent = Agent(gate=asyncio.Event())
        async with sharing(redis_url, agent, make_limits(1), 2) as stack:
            first = start(stack.backends[0].ask)
            await until(lambda: _has(stack, 1, 0))
            waiting = [start(backend.ask) for backend in stack.backends]
            await until(lambda: _has(stack, 1, 2))
            await stack.redis.delete(*[key async for key in stack.redis.scan_iter(f"bull:{stack.name}:*")])
            errors = await asyncio.gather(*waiting, return_exceptions=True)
            assert [error.status for error in errors if isinstance(error, FailedError)] == [503, 503]
            await until(lambda: _has_concurrency(stack, b"1"))
            agent.gate.set()  # type: ignore[union-attr]
            assert isinstance((await first)[-1], Done)
            assert isinstance((await start(stack.backends[1].ask))[-1], Done)

    run_with_patience(run())


async def _has_concurrency(stack: Shared, concurrency: bytes) -> bool:
    return bool(await stack.redis.hget(f"bull:{stack.name}:meta", "concurrency") == concurrency)


def test_a_failed_request_waits_again_in_redis(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request gets its attempts, and no request runs without a turn, however late commands end."""
    draw = random.Random(3)

    def delay(command: Callable[..., Any]) -> Callable[..., Any]:
        async def late(*arguments: object) -> object:
            await asyncio.sleep(draw.uniform(0, 0.02))
            outcome = await command(*arguments)
            await asyncio.sleep(draw.uniform(0, 0.05))
            return outcome

        return late

    for name in ("add", "take", "finish", "wait_again", "is_ours", "events"):
        monkeypatch.setattr(BullQueue, name, delay(getattr(BullQueue, name)))

    async def check() -> None:
        agent = Agent(lambda: draw.uniform(0, 0.05), [FailedError(503, "busy") for _ in range(6)])
        async with sharing(redis_url, agent, make_limits(2, attempts=7), 2) as stack:
            await asyncio.gather(*(start(stack.backends[number % 2].ask) for number in range(4)))
            assert (agent.answered, len(agent.order)) == (4, 10)
            assert agent.most_running <= 2
            await until(lambda: _is_empty(stack))

    async def run() -> None:
        await asyncio.gather(*(check() for _ in range(12)))

    run_with_patience(run())


def test_the_requests_of_a_killed_backend_make_room(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its waiting requests are skipped, and the slots of its running ones return when their locks end."""
    monkeypatch.setattr(bull, "STALLED_MS", 100)
    monkeypatch.setattr(shared, "_KEEP_S", 0.05)

    async def run() -> None:
        agent = Agent(gate=asyncio.Event())
        async with sharing(redis_url, agent, make_limits(1), 2) as stack:
            killed, survivor = stack.backends
            lost = [start(killed.ask, "lost") for _ in range(3)]
            await until(lambda: _has(stack, 1, 2))
            mine = start(survivor.ask, "mine")
            await until(lambda: _has(stack, 1, 3))
            await killed.kill()
            await asyncio.wait(lost[1:])
            # The time of a lock passes.
            await stack.redis.delete(f"chatstack:{stack.name}:{killed.queue.name}")
            for name in await stack.keys():
                if name.endswith(":lock"):
                    await stack.redis.delete(f"bull:{stack.name}:{name}")
            await until(lambda: _is_true(agent.order[-1] == "mine"))
            agent.gate.set()  # type: ignore[union-attr]
            assert Piece("mine") in await mine
            for answer in lost:
                answer.cancel()
            await asyncio.wait(lost)

    run_with_patience(run())


async def _is_true(value: bool) -> bool:
    return value


def test_a_backend_keeps_the_locks_of_its_requests(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that runs longer than a lock lasts is not given up."""
    monkeypatch.setattr(shared, "_KEEP_S", 0.05)

    async def run() -> None:
        agent = Agent(gate=asyncio.Event())
        async with sharing(redis_url, agent, make_limits(1)) as stack:
            answer = start(stack.backends[0].ask)
            await until(lambda: _has(stack, 1, 0))
            (lock,) = [name for name in await stack.keys() if name.endswith(":lock")]
            key = f"bull:{stack.name}:{lock}"
            await stack.redis.pexpire(key, 5_000)
            await until(lambda: _lasts_longer(stack.redis, key))
            agent.gate.set()  # type: ignore[union-attr]
            await answer

    run_with_patience(run())


async def _lasts_longer(redis: Redis, key: str) -> bool:
    return bool(await redis.pttl(key) > 5_000)


def test_a_job_of_another_producer_is_answered(redis_url: str) -> None:
    """Its result has the message; a job without a message fails, with the reason."""

    async def run() -> None:
        agent = Agent(lambda: 0.0)
        async with sharing(redis_url, agent, make_limits(1)) as stack:
            queue = Queue(stack.name, {"connection": redis_url})
            good = await queue.add("chat", {"message": " Which fields? ", "userId": "7"})
            bad = await queue.add("chat", {"text": "Which fields?"})
            await until(lambda: _is_finished(queue, good.id, bad.id))
            answered = await queue.getJob(good.id)
            failed = await queue.getJob(bad.id)
            assert answered is not None
            assert failed is not None
            assert answered.returnvalue == {"message": "Which fields?"}
            assert "message is required" in failed.failedReason
            await queue.close()

    run_with_patience(run())


async def _is_finished(queue: Queue, *job_ids: str) -> bool:
    states = [await queue.getJobState(job_id) for job_id in job_ids]
    return set(states) <= {"completed", "failed"}


@pytest.mark.parametrize(
    ("message", "options"),
    [("A" * 10_001, {"attempts": 2, "backoff": {"type": "custom"}}), (None, {}), (5, {"attempts": 2})],
)
def test_a_job_that_cannot_be_answered_fails_and_frees_its_slot(
    redis_url: str, message: object, options: dict[str, Any]
) -> None:
    """Also if its back-off is a function that only a worker of another kind has."""

    async def run() -> None:
        async with sharing(redis_url, Agent(lambda: 0.0), make_limits(1)) as stack:
            producer = Queue(stack.name, {"connection": redis_url})
            await producer.add("chat", {"message": message}, options)
            await until(lambda: _has_failed(producer))
            assert isinstance((await start(stack.backends[0].ask))[-1], Done)
            await producer.close()

    run_with_patience(run())


async def _has_failed(producer: Queue) -> bool:
    counts = await producer.getJobCounts("failed", "active", "waiting", "delayed")
    return bool(counts == {"failed": 1, "active": 0, "waiting": 0, "delayed": 0})


@pytest.mark.parametrize(
    ("value", "expected"), [({"message": "Three."}, "Three."), ("Three.", "Three."), ({"text": 3}, None)]
)
def test_a_worker_of_another_kind_may_answer(
    value: object, expected: str | None, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its result reaches the client as one piece. A result without a message is an error."""
    monkeypatch.setattr(SharedQueue, "_take_jobs", _take_no_jobs)

    async def process(job: Any, token: str) -> object:  # noqa: ARG001 - the interface of BullMQ
        assert job.name == "chat"
        assert job.data["message"] == "Hello"
        assert job.data["role"] == "premium"
        return value

    async def run() -> None:
        agent = Agent()
        async with sharing(redis_url, agent, make_limits(1)) as stack:
            worker = Worker(stack.name, process, {"connection": redis_url})
            answer = start(stack.backends[0].ask, role="premium")
            await asyncio.wait({answer})
            if expected is None:
                assert isinstance(answer.exception(), FailedError)
            else:
                assert Piece(expected) in answer.result()
            assert agent.order == []
            await worker.close(force=True)
            await until(lambda: _is_empty(stack))

    run_with_patience(run())


async def _take_no_jobs(queue: SharedQueue) -> None:  # noqa: ARG001 - replaces a method
    await asyncio.sleep(_PATIENCE_S)


def test_a_ticket_has_the_format_of_bullmq(redis_url: str) -> None:
    """The keys and fields are those that BullMQ for Node.js reads and writes."""

    async def run() -> None:
        agent = Agent(gate=asyncio.Event())
        async with sharing(redis_url, agent, make_limits(1, attempts=2)) as stack:
            prefix = f"bull:{stack.name}:"
            first = start(stack.backends[0].ask)
            await until(lambda: _has(stack, 1, 0))
            second = start(stack.backends[0].ask, "Hi", "admin")
            await until(lambda: _has(stack, 1, 1))
            waiting: Any = await stack.redis.zrange(f"{prefix}prioritized", 0, -1, withscores=True)
            ((ticket, score),) = waiting
            job = await stack.redis.hgetall(prefix + ticket.decode())
            assert score // 2**32 == 1
            assert job[b"name"] == b"chat"
            assert job[b"priority"] == b"1"
            assert json.loads(job[b"opts"])["attempts"] == 2
            assert set(json.loads(job[b"data"])) == {"message", "model", "userId", "role", "backend"}
            assert await stack.redis.llen(f"{prefix}active") == 1
            assert await stack.redis.hget(f"{prefix}meta", "concurrency") == b"1"
            agent.gate.set()  # type: ignore[union-attr]
            await asyncio.gather(first, second)

    run_with_patience(run())


@pytest.fixture
def node(redis_url: str) -> Callable[..., "subprocess.Popen[str]"]:
    """Return a function that starts Node.js with BullMQ. Skip the test where one of them is missing."""
    program = shutil.which("node")
    script = Path(__file__).parent / "bullmq_peer.cjs"
    if program is None or subprocess.run([program, script], capture_output=True, check=False).returncode:
        pytest.skip(
            "Node.js with the package bullmq is missing: npm install bullmq ioredis, and set NODE_PATH"
        )

    def start_node(*arguments: str) -> "subprocess.Popen[str]":
        command = [str(program), str(script), redis_url, *arguments]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    return start_node


def test_node_answers_tickets_of_python(
    node: Callable[..., "subprocess.Popen[str]"], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker of Node.js takes the ticket, and the client of the backend in Python gets its text."""
    monkeypatch.setattr(SharedQueue, "_take_jobs", _take_no_jobs)

    async def run() -> None:
        async with sharing(redis_url, Agent(), make_limits(1)) as stack:
            with node("worker", stack.name) as worker:
                answers = await asyncio.gather(
                    *(start(stack.backends[0].ask, f"Hello {number}") for number in range(5))
                )
                worker.kill()
            texts = {event.text for events in answers for event in events if isinstance(event, Piece)}
            assert texts == {f"Node.js answers Hello {number}" for number in range(5)}

    run_with_patience(run())


def test_python_answers_jobs_of_node(node: Callable[..., "subprocess.Popen[str]"], redis_url: str) -> None:
    """A job that Node.js adds is answered by a backend in Python, and Node.js reads the result."""

    async def run() -> None:
        async with sharing(redis_url, Agent(lambda: 0.0), make_limits(1)) as stack:
            with node("producer", stack.name, "Which fields?") as producer:
                assert producer.stdout
                out = await asyncio.to_thread(producer.stdout.readline)
            assert json.loads(out) == {"message": "Which fields?"}

    run_with_patience(run())

import asyncio
from typing import Any, cast

from bench.measure.load.messages import Job
from bench.measure.load.worker import RunningJob
from bench.timing.pacing import LoopTimer
from tests.factories import make_scenario, make_spec
from tests.measure.loopback import Requests, Script, response, server

GOOD = response(b'{"data": {"message": "hello"}}')
TOKENS = [f"old-{number}" for number in range(5)]
RENEWED = {0: "new-0", 3: "new-3"}


class Pipe:
    """Accepts messages to the process of the run."""

    def write(self, content: bytes) -> None:
        """Accept a message."""

    async def drain(self) -> None:
        """Return at once: the pipe is never full."""


def _job(url: str, phase: dict[str, Any]) -> RunningJob:
    spec = make_spec(make_scenario(phases=[phase]))
    clock = LoopTimer()
    job = RunningJob(Job(spec, (url,), TOKENS), cast("asyncio.StreamWriter", Pipe()), clock)
    job.start(clock.now_s())
    return job


def _tokens(seen: Requests) -> list[str]:
    tokens = []
    for head in seen.heads:
        tokens.append(head.split("authorization: Bearer ")[1].split("\r")[0])
    return tokens


def test_open_vus_send_a_renewed_token_with_their_next_request() -> None:
    """A renewal replaces the tokens of its numbers, and no others, while requests are in progress."""

    async def work() -> list[str]:
        renewed = asyncio.Event()

        async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await renewed.wait()
            writer.write(GOOD)

        # Each VU requests /ready when it opens; its first message is held until the renewal.
        answers: list[bytes | Script] = [*[GOOD] * 5, *[hold] * 5, GOOD]
        async with server(answers) as (url, seen):
            job = _job(url, {"executor": "per-vu-iterations", "vus": 5, "iterations": 2})
            running = asyncio.create_task(job.run())
            while len(seen.heads) < 10:  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.001)
            job.renew(RENEWED)
            renewed.set()
            await running
            return _tokens(seen)

    tokens = asyncio.run(work())
    assert sorted(tokens[:5]) == sorted(tokens[5:10]) == TOKENS
    assert sorted(tokens[10:]) == ["new-0", "new-3", "old-1", "old-2", "old-4"]


def test_vus_that_open_later_send_a_renewed_token() -> None:
    """A VU of an open loop gets the newest token of its number, modulo the number of tokens."""

    async def work() -> list[str]:
        all_sent = asyncio.Event()
        requests: list[str] = []

        async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            requests.append("one more")
            if len(requests) == len(TOKENS):
                all_sent.set()
            await all_sent.wait()  # keeps connections busy, so that each request opens another VU
            writer.write(GOOD)

        async with server([hold]) as (url, seen):
            job = _job(url, {"executor": "constant-arrival-rate", "rate": 50, "duration_s": 0.1})
            job.renew(RENEWED)
            await job.run()
            return _tokens(seen)

    assert sorted(asyncio.run(work())) == ["new-0", "new-3", "old-1", "old-2", "old-4"]

"""`bench ab ADDRESS ADDRESS`, as a user runs it, against services on loopback."""

import asyncio
import re
from pathlib import Path

from bench.errors import Exit
from tests.chat_services import Answer, Call, document, plain, serve
from tests.command import Done, bench


def _answer_after(delay_s: float) -> Answer:
    return document({"reply": "fine"}, delay_s=delay_s)


def test_two_services_are_compared_without_a_file(tmp_path: Path) -> None:
    """The slower one regresses; both get the same load."""

    async def run() -> Done:
        async with (
            serve(lambda *_: _answer_after(0.02)) as base,
            serve(lambda *_: _answer_after(0.2)) as head,
        ):
            arguments = ("ab", f"{base.url}/chat", f"{head.url}/chat", "--pairs", "4")
            load = ("--vus", "2", "--duration", "250ms", "--message", "Hello")
            done = await asyncio.to_thread(bench, *arguments, *load, cwd=tmp_path)
            sent = [[call.body for call in service.posts[1:]] for service in (base, head)]
            assert {str(body) for bodies in sent for body in bodies} == {"{'message': 'Hello'}"}
            return done

    done = asyncio.run(run())
    if done.code == Exit.MEASUREMENT:  # a busy machine makes a run invalid
        assert done.out.startswith("! INVALID")
    else:
        assert done.code == Exit.REGRESSION, done.err
        assert re.search(r"response time .* worse", done.out)


def test_two_interfaces_cannot_be_compared(tmp_path: Path) -> None:
    """The error names both, before any load."""

    def respond(call: Call, number: int) -> Answer:
        return plain(call, number) if call.path == "/ask" else document({"answer": "fine"})

    async def run() -> Done:
        async with serve(respond) as service:
            addresses = (f"{service.url}/ask", f"{service.url}/other")
            return await asyncio.to_thread(bench, "ab", *addresses, "--vus", "2", cwd=tmp_path)

    done = asyncio.run(run())
    assert done.code == Exit.USAGE
    assert "different interfaces" in done.err

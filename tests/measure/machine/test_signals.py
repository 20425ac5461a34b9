import asyncio
import os
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from bench.measure.machine.signals import call_on_signals
from bench.measure.watch.monitor import monitor


def _ours(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


@pytest.fixture(autouse=True)
def _sigterm_is_ours() -> Iterator[None]:
    """As `bench` has it: SIGTERM cleans up as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, _ours)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_loop_is_told_once_and_the_handlers_come_back(number: signal.Signals) -> None:
    """Inside the block a signal calls the function; after it, the handler of before."""

    async def run() -> None:
        came = asyncio.Event()
        before = signal.getsignal(number)
        with call_on_signals(came.set):
            os.kill(os.getpid(), number)
            await came.wait()
        assert signal.getsignal(number) is before

    asyncio.run(run())


def test_sigterm_still_cleans_up_after_something_was_watched() -> None:
    """What is to be removed after `bench monitor` or a run is removed on SIGTERM too."""
    assert monitor(None, 0.2, 0.01, lambda _: None, lambda *_: None)
    assert signal.getsignal(signal.SIGTERM) is _ours

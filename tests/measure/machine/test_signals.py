import asyncio
import os
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from bench.measure.machine.signals import ENDING, call_on_signals, list_ending_signals
from bench.measure.watch.monitor import monitor


def _ours(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


@pytest.fixture(autouse=True)
def _sigterm_is_ours() -> Iterator[None]:
    """Handle SIGTERM as `bench` does: like Ctrl-C."""
    before = signal.signal(signal.SIGTERM, _ours)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_calls_the_function_and_handlers_are_restored(number: signal.Signals) -> None:
    """Inside the block a signal calls the function; after it, the earlier handler is back."""

    async def run() -> None:
        came = asyncio.Event()
        before = signal.getsignal(number)
        with call_on_signals(came.set):
            os.kill(os.getpid(), number)
            await came.wait()
        assert signal.getsignal(number) is before

    asyncio.run(run())


def test_sigterm_still_cleans_up_after_a_monitor() -> None:
    """After `bench monitor` or a run, SIGTERM still leads to a clean-up."""
    assert monitor(None, 0.2, 0.01, lambda _: None, lambda *_: None)
    assert signal.getsignal(signal.SIGTERM) is _ours


def test_a_run_that_nohup_started_outlives_its_terminal() -> None:
    """SIGHUP stays ignored if it was ignored at the start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert list_ending_signals() == [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT]
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.SIGHUP in list_ending_signals()

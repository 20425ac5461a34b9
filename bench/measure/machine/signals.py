"""Signals that end a run, such as Ctrl-C: deferred during a clean-up, or passed to an event loop."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that end a run: Ctrl-C, a cancelled job, a terminal that was closed, Ctrl-\\."""


def list_ending_signals() -> list[signal.Signals]:
    """Return the signals that end a run. SIGHUP is not one of them if the run was started with `nohup`."""
    is_kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in ENDING if number is not signal.SIGHUP or not is_kept]


@contextmanager
def defer_signals() -> Iterator[None]:
    """Defer the signals until the end of the block, which then raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    handlers = {}
    for number in list_ending_signals():
        handlers[number] = signal.signal(number, lambda number, _: received.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt


@contextmanager
def finish_first(describe: Callable[[], str]) -> Iterator[None]:
    """Defer the signals until the end of the block, which then raises KeyboardInterrupt with a message.

    Args:
        describe: Returns the message: what the block stored, and the next step.
    """
    try:
        with defer_signals():
            yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(describe()) from interrupt


@contextmanager
def call_on_signals(on_signal: Callable[[], object]) -> Iterator[None]:
    """Call a function in the running loop on each signal; restore the handlers after the block.

    A closed loop would leave them to the kernel, which ends the process without a clean-up.
    """
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in list_ending_signals()}
    for number in handlers:
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

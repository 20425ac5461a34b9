"""Ctrl-C and SIGTERM: put off while something is cleaned up, or told to an event loop."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Inside the block SIGINT and SIGTERM are put off: what came is raised after it as KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {each: signal.signal(each, lambda number, _: came.append(number)) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    if came:
        raise KeyboardInterrupt


@contextmanager
def told(interrupted: Callable[[], object]) -> Iterator[None]:
    """Inside the block SIGINT and SIGTERM call a function in the running loop; after it all is as before.

    A loop that is closed leaves SIGTERM to the kernel, which ends a process without any cleaning up.
    """
    loop = asyncio.get_running_loop()
    before = {each: signal.getsignal(each) for each in _SIGNALS}
    for each in _SIGNALS:
        loop.add_signal_handler(each, interrupted)
    try:
        yield
    finally:
        for each, handler in before.items():
            loop.remove_signal_handler(each)
            signal.signal(each, handler)

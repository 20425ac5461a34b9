"""The command line in processes that are forked with all imports done."""

import multiprocessing
import os
import sys
import time
from multiprocessing.context import ForkServerContext, ForkServerProcess

MODULES = ["bench.cli.commands", "bench.cli.run", "bench.cli.stack", __name__]


def open_context() -> ForkServerContext:
    """Return a context whose server of forks has imported the command line."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    return context


def start(context: ForkServerContext, *arguments: str) -> ForkServerProcess:
    """Start `bench` with arguments."""
    process = context.Process(target=_run, args=([*arguments],))
    process.start()
    return process


def finish(context: ForkServerContext, *arguments: str) -> float:
    """Run `bench` to its end, and return the duration in seconds."""
    began_s = time.monotonic()
    process = start(context, *arguments)
    process.join()
    if process.exitcode:
        raise SystemExit(f"bench {' '.join(arguments)} ended with {process.exitcode}; its log is bench.log")
    return time.monotonic() - began_s


def _run(arguments: list[str]) -> None:
    from bench.cli.app import main  # noqa: PLC0415 - only the forked process needs it

    sys.argv = ["bench", *arguments]
    log = os.open("bench.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    main()

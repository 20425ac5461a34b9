"""Write many pages in several processes.

`multiprocessing` would run the main module of the user's program again. These processes are started as a
program of their own instead, with pickled tasks and pages in their pipes.
"""

import gc
import math
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import IO, cast

from bench.errors import StoreError
from bench.measure.machine.host import read_machine
from bench.usecases.site_pages import PageTask, WrittenPage

MADE_ALONE = 20
"""Pages that one process makes before it starts others: each imports as long as ten pages take."""
MOST_PROCESSES = 2
"""Memory limits the number: with 5,000 runs per history, each needs 150 MB, as does the first process."""
_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_MODULE = "bench.usecases.page_processes"


def write_pages(tasks: Sequence[PageTask]) -> Generator[WrittenPage]:
    """Write the files of histories, and yield the pages in this order.

    Other processes help if many pages are not up to date. They end with this generator.

    Raises:
        StoreError: A file cannot be read or written; or a process was killed.
    """
    made = 0
    for number, task in enumerate(tasks):
        if made == MADE_ALONE:
            yield from _write_together(tasks[number:])
            return
        page = task.run()
        made += not page.is_current
        yield page


def _write_together(tasks: Sequence[PageTask]) -> Generator[WrittenPage]:
    count = min(_count_cores(), MOST_PROCESSES, len(tasks))
    if count == 1:
        yield from (task.run() for task in tasks)
        return
    idle: SimpleQueue[_Process] = SimpleQueue()

    def run(task: PageTask) -> WrittenPage:
        process = idle.get()
        try:
            return process.run(task)
        finally:
            idle.put(process)

    # A thread waits for its process, so the processes end first.
    with ThreadPoolExecutor(count) as threads, ExitStack() as processes:
        for _ in range(count):
            idle.put(processes.enter_context(_start_process()))
        yield from threads.map(run, tasks)


@dataclass(frozen=True, slots=True)
class _Process:
    """A process that writes pages, and the pipes to it."""

    process: subprocess.Popen[bytes]
    tasks: IO[bytes]
    replies: IO[bytes]

    def run(self, task: PageTask) -> WrittenPage:
        """Give it a task, and return the page or raise its error."""
        try:
            pickle.dump(task, self.tasks)
            self.tasks.flush()
            reply: WrittenPage | Exception = pickle.load(self.replies)  # noqa: S301 - of an own process
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise StoreError(
                f"the process that wrote the page of {task.path} ended",
                "check the free memory, and try again",
            ) from error
        if isinstance(reply, Exception):
            raise reply
        return reply


@contextmanager
def _start_process() -> Generator[_Process]:
    try:
        process = subprocess.Popen(
            # Without -P, modules in the current folder would replace installed ones.
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal goes to the command only
        )
    except OSError as error:
        raise StoreError(f"cannot start a process: {error.strerror}", "end other programs") from error
    try:
        yield _Process(process, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout))
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # the rest of a task cannot be written any more
                cast("IO[bytes]", pipe).close()


def _count_cores() -> int:
    """Return the number of cores that this process may use, by its affinity and its control group."""
    machine = read_machine()
    cores = len(machine.cores) or os.cpu_count() or 1
    return math.ceil(min(cores, machine.quota_cores or cores))


def serve() -> None:
    """Run tasks from stdin until it ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # prints do not disturb the replies
    # A long history has a million objects, without cycles: the collector would search them again and again.
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    with suppress(EOFError, BrokenPipeError):
        while True:
            task: PageTask = pickle.load(sys.stdin.buffer)  # noqa: S301 - of the process that started this one
            pickle.dump(_try(task), replies)
            replies.flush()


def _try(task: PageTask) -> WrittenPage | Exception:
    try:
        return task.run()
    except Exception as error:  # noqa: BLE001 - the process that started this one raises it
        error.add_note("".join(traceback.format_exception(error)))
        return error


if __name__ == "__main__":
    serve()

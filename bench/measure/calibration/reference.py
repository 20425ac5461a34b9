"""The reference server of a run: it starts when its address is needed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache

from bench.core.watch.host import Cores


@dataclass(frozen=True, slots=True)
class Reference:
    """The reference server, for the calibration and the reference workload."""

    start: Callable[[], str]
    """Starts the server with the first call, which takes a moment. Returns its address."""
    precedes_load: bool
    """Whether both also run before the load, which delays its first request."""


@contextmanager
def open_reference(cores: Cores, *, precedes_load: bool) -> Iterator[Reference]:
    """Yield a reference server; the block's end stops it if it was started.

    Args:
        cores: Cores of the server, which are those of the stack; empty for all.
        precedes_load: Whether the calibration and the reference workload also run before the load.
    """
    with ExitStack() as closing:

        @cache
        def start() -> str:
            # A run that calibrates after its load imports the code that starts servers after it, too.
            from pydantic import SecretStr  # noqa: PLC0415 - see above

            from bench.measure.calibration.calibrate import REFERENCE  # noqa: PLC0415 - see above
            from bench.measure.stacks.processes import run_processes  # noqa: PLC0415 - see above
            from bench.measure.stacks.start_options import StartOptions  # noqa: PLC0415 - see above

            options = StartOptions(cores=cores)
            running = closing.enter_context(run_processes(REFERENCE, SecretStr(""), options))
            return running.url(REFERENCE.name)

        yield Reference(start, precedes_load)

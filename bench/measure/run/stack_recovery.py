"""Check that a stack still answers after a load at which no request succeeded."""

import asyncio
from dataclasses import replace

from bench.core.config.run_spec import RunSpec
from bench.core.samples.sample import Stop, StopCause
from bench.errors import TargetError
from bench.measure.run.conditions import Listener
from bench.measure.run.token_renewal import Tokens
from bench.measure.stacks.running_stack import RunningStack


async def find_failure(
    spec: RunSpec,
    running: RunningStack,
    tokens: Tokens | None,
    interrupted: asyncio.Event,
    listener: Listener,
) -> Stop | None:
    """Return why a stack no longer answers; `None` if it answers one request after the load.

    Further loads on a stack that ended or hangs would show nothing about its capacity.

    Args:
        spec: The scenario.
        running: The stack.
        tokens: Tokens of the test users.
        interrupted: Ends the wait when it is set.
        listener: Receives lines about a long wait.

    Raises:
        MeasurementError: This machine lacks files, ports or memory for the request.
    """
    # Few trials need httpx.
    from bench.measure.run.target_ready import wait_for_targets  # noqa: PLC0415 - see above

    def find_end() -> str | None:
        return "interrupted" if interrupted.is_set() else running.find_dead_service()

    waited = replace(running, find_dead_service=find_end)
    try:
        await asyncio.to_thread(wait_for_targets, spec, waited, tokens, listener.note)
    except TargetError as error:
        if interrupted.is_set():
            return None
        reason, *log = error.message.splitlines()
        return Stop(cause=StopCause.TARGET, reason=f"no request succeeded, then {reason}", log=tuple(log))
    return None

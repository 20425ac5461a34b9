"""A stack on this machine: one that is already up, or one that a run starts."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from bench.core.config.stack import Stack
from bench.core.load.progress import step_before_load
from bench.errors import ConfigError
from bench.measure.persistent.persistent import attach, is_up
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.stacks.compose import run_containers
from bench.measure.stacks.processes import run_processes
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.stacks.start_options import StartOptions
from bench.measure.users.auth import jwt_secret


@contextmanager
def provide_local(
    stack: Stack, conditions: Conditions, listener: Listener, logs: Path | None
) -> Iterator[RunningStack]:
    """Provide a stack that is already up, or start it and end it with the block.

    Args:
        stack: The stack.
        conditions: Settings of the measurement.
        listener: Receives notes.
        logs: Folder that gets the logs of the services; `None` to keep no log.

    Raises:
        ConfigError: The settings do not fit the stack.
        TargetError: The stack did not start.
    """
    if not conditions.shared or not is_up(stack):
        with _start_stack(stack, conditions, listener, logs) as running:
            yield replace(running, route=conditions.route, is_own=True)
        return
    if conditions.injections:
        hint = f"bench stack down --stack {stack.name}"
        raise ConfigError(f"--inject: stack '{stack.name}' is already up without it", hint)
    listener.note(f"using the stack '{stack.name}', which is already up")
    yield replace(attach(stack), route=conditions.route)


def _start_stack(
    stack: Stack, conditions: Conditions, listener: Listener, logs: Path | None
) -> AbstractContextManager[RunningStack]:
    """Start a stack for this run only."""
    options = start_options(conditions, logs, listener)
    listener.progress(step_before_load("stack start", "health checks"))
    if stack.compose is not None:
        return run_containers(stack, options)
    return run_processes(stack, jwt_secret(os.environ, generate=True), options)


def start_options(conditions: Conditions, logs: Path | None, listener: Listener) -> StartOptions:
    """Return how a stack starts under some conditions.

    Args:
        conditions: Settings of the measurement.
        logs: Folder that gets the logs of the services; `None` to keep no log.
        listener: Receives notes.
    """
    return StartOptions(
        injections=conditions.injections,
        variables=conditions.variables,
        cores=conditions.cores[1] if conditions.cores else (),
        tree=conditions.tree,
        images=conditions.images,
        is_compared=conditions.is_compared,
        shared_services=conditions.shared_services,
        state=conditions.state,
        logs=logs,
        on_wait=listener.note,
        otlp_url=conditions.otlp_url,
        reroute=conditions.reroute,
    )

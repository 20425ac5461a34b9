"""Wait until a target answers, before a load or before probes."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack
from bench.core.config.stack_checks import find_declared_ready
from bench.core.config.target import Target
from bench.core.config.template import is_dynamic
from bench.core.watch.readiness import ReadyCondition
from bench.measure.load.endpoint import expand_headers, expand_path
from bench.measure.run.token_renewal import Tokens
from bench.measure.stacks.health import wait_until_ready
from bench.measure.stacks.running_stack import RunningStack

READY_TIMEOUT_S = 60.0


def wait_for_targets(
    spec: RunSpec, running: RunningStack, tokens: Tokens | None, on_wait: Callable[[str], None]
) -> tuple[str, ...]:
    """Wait until each target of a scenario answers, and return warnings about their clocks.

    Args:
        spec: The scenario.
        running: The stack.
        tokens: Tokens of the test users; the first one is used if a target needs it.
        on_wait: Receives lines about a long wait.

    Raises:
        TargetError: A target is not ready in time, or never will be.
        MeasurementError: This machine lacks files, ports or memory for the request.
    """
    warnings: dict[str, None] = {}
    environ = {**os.environ, **spec.variables}
    mint = None if tokens is None else partial(tokens.mint, 0)
    for target in spec.interfaces:
        warning = wait_for_target(target, running, environ, mint, on_wait)
        if warning is not None:
            warnings[warning] = None
    return tuple(warnings)


def wait_for_target(
    target: Target,
    running: RunningStack,
    environ: Mapping[str, str],
    mint: Callable[[], str] | None,
    on_wait: Callable[[str], None],
) -> str | None:
    """Wait until a target answers, and return a warning about its clock.

    Args:
        target: The target.
        running: The stack.
        environ: Values of the placeholders `${env.NAME}`.
        mint: Creates a token of a test user; `None` without one.
        on_wait: Receives lines about a long wait.

    Raises:
        TargetError: The target is not ready in time, or never will be.
    """
    headers = expand_headers(target, environ)
    headers = {name: text for name, text in headers.items() if not is_dynamic(text)}
    if mint is not None and target.auth == "bearer":
        headers["authorization"] = f"Bearer {mint()}"
    path, condition = _choose_ready(target, running.stack, environ, has_token=mint is not None)
    url = running.url(target.service).rstrip("/") + path
    reply = wait_until_ready(
        url,
        headers,
        READY_TIMEOUT_S,
        running.find_dead_service,
        condition,
        route=running.route,
        on_wait=on_wait,
    )
    if target.auth != "bearer" or reply.clock_difference is None:
        return None
    return f"{reply.clock_difference}: it may refuse tokens, so set both clocks"


def _choose_ready(
    target: Target, stack: Stack, environ: Mapping[str, str], *, has_token: bool
) -> tuple[str, ReadyCondition]:
    """Return the path that shows that a target is ready: that of its service in the stack, else its own."""
    condition = ReadyCondition.of_target(target, is_external=stack.is_external)
    declared = find_declared_ready(stack).get(target.service)
    if declared is None or (declared.auth == "bearer" and not has_token):
        return expand_path(target, "ready", target.ready or "/", environ), condition
    return declared.path, replace(condition, file=f"stacks/{stack.name}.yaml", auth=declared.auth)

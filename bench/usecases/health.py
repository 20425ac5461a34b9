"""Run the health checks of a stack once."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.config.stack import Stack
from bench.core.config.stack_checks import find_health_checks
from bench.core.config.watching import hint_of
from bench.core.samples.sample import Probe
from bench.measure.http.route import direct_route
from bench.measure.persistent.attach import attach_stack
from bench.measure.run.conditions import Listener
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.watch.watching import WatchedStack, probe_once
from bench.store import stacks
from bench.usecases.options import QUIET
from bench.usecases.plan_run import name_urls

DEFAULT_SERVICE = "backend"


@dataclass(frozen=True, slots=True)
class Health:
    """The results of the health checks of a stack."""

    stack: str
    """Name of the stack."""
    probes: tuple[Probe, ...]
    """The result of each check."""
    left_out: Mapping[str, str]
    """Why a check was not run, by its name."""
    hints: Mapping[str, str]
    """What to do about each check that is down, by its name."""

    @property
    def down(self) -> tuple[str, ...]:
        """The checks that are down."""
        return tuple(probe.check for probe in self.probes if not probe.up)


def health(
    stack: str | None = None,
    *,
    urls: Sequence[str] = (),
    ca: Path | None = None,
    listener: Listener = QUIET,
) -> Health:
    """Run every health check of a stack that is up.

    A check that needs a test user gets one for the moment, which needs JWT_SECRET and the stack's store.

    Args:
        stack: Name of the stack; default: `external` if `urls` are given, else `embedded`.
        urls: Addresses of a running stack: `URL` of the backend, or `SERVICE=URL`.
        ca: PEM file with certificates that are trusted as well as those of the system.
        listener: Receives warnings.

    Raises:
        ConfigError: The stack is unknown, or runs elsewhere and `urls` is empty.
        TargetError: The stack is not up.
    """
    declared, addresses = choose_stack(stack, urls)
    route = direct_route(ca)
    with attach_stack(declared, addresses, listener.warning, route=route) as attached:
        watched = WatchedStack(attached.running, attached.token, attached.why_no_token)
        probes, left_out = asyncio.run(probe_once(watched))
    hints = {}
    for probe in probes:
        if not probe.up:
            hints[probe.check] = _find_hint(attached.running, probe.check)
    return Health(declared.name, tuple(probes), left_out, hints)


def choose_stack(stack: str | None, urls: Sequence[str]) -> tuple[Stack, dict[str, str]]:
    """Return the stack and its addresses by service.

    Raises:
        ConfigError: The stack is unknown.
    """
    name = stack or ("external" if urls else "embedded")
    return stacks.load(name), name_urls(urls, DEFAULT_SERVICE)


def _find_hint(running: RunningStack, check: str) -> str:
    checks = find_health_checks(running.stack, tuple(running.urls))
    return hint_of(checks[check]) if check in checks else "docker logs"

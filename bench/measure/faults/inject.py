"""What a run needs to inject the faults of its scenario into a stack."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from bench.core.config.fault import Fault
from bench.core.config.stack import Stack
from bench.core.faults.fault_plan import list_edges, plan_faults
from bench.errors import ConfigError
from bench.measure.faults.container_actions import ContainerActions
from bench.measure.faults.fault_run import Injection
from bench.measure.faults.process_actions import ProcessActions
from bench.measure.faults.relays import Relays, open_relays
from bench.measure.faults.service_actions import FaultActor, ServiceActions
from bench.measure.stacks.running_stack import RunningStack


def open_relays_of(faults: Sequence[Fault], stack: Stack) -> AbstractContextManager[Relays | None]:
    """Provide the relays that faults need, before the stack starts; `None` if they need none.

    Raises:
        ConfigError: The stack cannot have one of the faults.
    """
    edges = list_edges(plan_faults(faults, stack))
    return open_relays(edges) if edges else nullcontext()


def make_injection(faults: Sequence[Fault], running: RunningStack, relays: Relays | None) -> Injection:
    """Return the faults to inject into a stack that is up.

    Raises:
        ConfigError: Another command started the stack, or it cannot have one of the faults.
    """
    planned = plan_faults(faults, running.stack)
    if not running.is_own:
        raise ConfigError(
            f"faults: another command started stack '{running.stack.name}', so its services stay as they are",
            f"stop it, so that this command starts its own: bench stack down --stack {running.stack.name}",
        )
    return Injection(planned, FaultActor(_find_actions(running), relays))


def _find_actions(running: RunningStack) -> ServiceActions:
    if running.processes is not None:
        return ProcessActions(running.processes)
    compose = running.stack.compose
    timeout_s = 0.0 if compose is None else compose.start_timeout_s
    return ContainerActions(running.containers, running.absent, timeout_s)

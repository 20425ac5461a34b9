"""Change the instances of a persistent stack: their number, and their restart."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bench.core.config.stack import Stack
from bench.errors import TargetError
from bench.measure.persistent.attach import is_started
from bench.measure.persistent.persistent import attach, read_secrets
from bench.measure.persistent.stack_state import lock_stack
from bench.measure.stacks.container_replicas import ContainerReplicas
from bench.measure.stacks.projects import persistent_project
from bench.measure.stacks.replicas import Replicas


def scale(stack: Stack, counts: Mapping[str, int], on_note: Callable[[str], None]) -> None:
    """Start or end instances until each service has a number of them.

    Args:
        stack: The stack.
        counts: Number of instances by service.
        on_note: Receives a line about each instance that starts or ends.

    Raises:
        ConfigError: A service has no replicas, or its balancer cannot learn of other instances.
        TargetError: The stack is not up, or an instance did not start.
    """
    with _change(stack, on_note) as replicas:
        for service in counts:
            replicas.require(service)
        for service, count in counts.items():
            replicas.scale(service, count)


def restart(stack: Stack, service: str, on_note: Callable[[str], None], *, rolling: bool) -> None:
    """Restart the instances of a service.

    Args:
        stack: The stack.
        service: Name of the service.
        on_note: Receives a line about each instance that starts or ends.
        rolling: Restart one instance after the other, each when it has answered its requests.

    Raises:
        ConfigError: The service does not exist, or has no replicas to restart one after the other.
        TargetError: The stack is not up, or an instance did not start.
    """
    with _change(stack, on_note) as replicas:
        if rolling:
            replicas.restart_rolling(service)
        else:
            replicas.restart(service)


@contextmanager
def _change(stack: Stack, on_note: Callable[[str], None]) -> Iterator[Replicas | ContainerReplicas]:
    """Provide the instances of a stack that is up, while no other command changes it."""
    with lock_stack(stack.name, lambda: on_note(f"waiting for another command on stack '{stack.name}'")):
        if not is_started(stack):
            raise TargetError(f"stack '{stack.name}' is not up", f"bench stack up --stack {stack.name}")
        processes = attach(stack).processes
        if processes is None:
            yield ContainerReplicas(stack, persistent_project(stack.name), read_secrets(stack), on_note)
        else:
            yield Replicas(processes, on_note)

"""Services that two compared versions of a stack use together, for example one Ollama with a loaded model.

They run in a compose project of their own. Their containers join the networks of each version, where the
version finds them by their usual names; so no version can reach the other one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.core.config.compose import Container
from bench.core.config.compose_file import (
    active_services,
    add_dependencies,
    describe_services,
    list_aliases,
)
from bench.core.config.stack import Stack
from bench.core.values import wording
from bench.errors import ConfigError
from bench.measure.machine.signals import defer_signals
from bench.measure.stacks import docker
from bench.measure.stacks.compose import pin_containers, start_services
from bench.measure.stacks.compose_call import ComposeCall, make_call, make_secrets
from bench.measure.stacks.projects import new_project
from bench.measure.stacks.start_options import StartOptions


@dataclass(frozen=True, slots=True)
class SharedServices:
    """Services that are up for several versions."""

    names: tuple[str, ...]
    """Their names in the compose file."""
    project: str
    """Their compose project."""
    secret_values: Mapping[str, str] = field(repr=False)
    """The secrets by name, which all versions have."""

    def list_containers(self) -> tuple[Container, ...]:
        """Return their containers as they are now."""
        return docker.list_containers(self.project)

    def connect(self, project: str, call: ComposeCall) -> None:
        """Add the containers to the networks of a version, whose containers exist but do not run yet.

        Raises:
            ConfigError, TargetError: The engine refuses.
        """
        containers = self.list_containers()
        for name in self.names:
            for network, aliases in list_aliases(call.config, name).items():
                network_id = docker.find_network(project, network)
                for container in containers:
                    if network_id is not None and container.service == name:
                        docker.connect(network_id, container.id, aliases)


@dataclass(frozen=True, slots=True)
class StackVersion:
    """A version that may share services with another one."""

    stack: Stack
    options: StartOptions


@contextmanager
def run_shared_services(
    base: StackVersion, head: StackVersion, note: Callable[[str], None]
) -> Iterator[SharedServices | None]:
    """Start the services that two versions share, and remove them at the end of the block.

    Returns:
        The services; `None` if the versions share none, or declare them in different ways.

    Raises:
        ConfigError: A shared service does not exist, or a knob would slow it down for both versions.
        TargetError: A service did not start, or the engine does not answer.
    """
    stack = head.stack
    if stack.compose is None or not stack.compose.shared or base.stack.compose is None:
        yield None
        return
    secret_values = make_secrets(stack)
    call = make_call(stack, head.options, secret_values)
    names = _list_shared(call)
    _refuse_knobs(stack, names, [base.options, head.options])
    base_call = make_call(base.stack, base.options, secret_values)
    if _describe(call, names, head.options) != _describe(base_call, names, base.options):
        note(f"the versions declare {wording.listing(names)} in different ways, so each has its own")
        yield None
        return
    project = new_project(stack.name)
    options = replace(head.options, is_compared=True, injections={})
    note(f"both versions use the same {wording.listing(names)}")
    try:
        start_services(call, project, options, secret_values, names)
        pin_containers(project, options.cores)
        yield SharedServices(names, project, secret_values)
    finally:
        with defer_signals():
            docker.remove_project(project)


def _list_shared(call: ComposeCall) -> tuple[str, ...]:
    """Return the shared services, and those that they depend on.

    Raises:
        ConfigError: The compose file has no such service.
    """
    active = active_services(call.config, call.compose.profiles)
    for name in call.compose.shared:
        if name not in active:
            raise ConfigError(
                f"compose: shared: {call.compose.file} starts no service '{name}'",
                f"services: {', '.join(active)}",
            )
    return add_dependencies(call.config, call.compose.shared)


def _refuse_knobs(stack: Stack, names: Sequence[str], versions: Sequence[StartOptions]) -> None:
    for options in versions:
        for knob in options.injections:
            service = knob.partition(".")[0]
            if stack.compose is not None and stack.compose.compose_name(service) in names:
                raise ConfigError(
                    f"--inject {knob}: both versions share the service '{service}'",
                    f"remove it from compose: shared: in scenarios/stacks/{stack.name}.yaml",
                )


def _describe(call: ComposeCall, names: Sequence[str], options: StartOptions) -> str:
    """Return a text that is equal for two versions that can share these services; empty if one lacks them."""
    if any(name not in call.config["services"] for name in names):
        return ""
    folder = options.tree or Path.cwd()
    images = {name: image for name, image in options.images.items() if name in names}
    return f"{images}{describe_services(call.config, names, call.compose, str(folder))}"

"""What two versions of a stack on one machine share, and why they may not be up at once."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from bench.core.config.compose_file import active_services, find_conflict
from bench.core.config.stack import Stack, fixed_ports
from bench.errors import BaseUnavailableError, ConfigError, TargetError
from bench.measure.run.conditions import Conditions, Listener

if TYPE_CHECKING:
    from bench.measure.stacks.shared_services import SharedServices


@contextmanager
def blame_base(name: str) -> Iterator[None]:
    """Turn an error of the block into one about the version that a comparison starts from.

    Raises:
        BaseUnavailableError: The block raised a `ConfigError` or a `TargetError`.
    """
    try:
        yield
    except BaseUnavailableError:
        raise
    except ConfigError as error:
        raise BaseUnavailableError(f"{name}: {error.message}", error.hint) from error
    except TargetError as error:
        raise BaseUnavailableError(
            f"{name}: {error.message}",
            error.hint,
            service=error.service,
            service_exit_code=error.service_exit_code,
        ) from error


@contextmanager
def name_head(name: str) -> Iterator[None]:
    """Begin the message of a `TargetError` with the name of the other version."""
    try:
        yield
    except TargetError as error:
        error.message = f"{name}: {error.message}"
        raise


def find_version_conflict(base: Stack, head: Stack, conditions: Conditions, listener: Listener) -> str | None:
    """Return why two versions cannot be up at once; `None` if they can.

    Args:
        base: The stack of the first version.
        head: The stack of the second version.
        conditions: The conditions of the second version.
        listener: Receives notes.

    Raises:
        ConfigError, TargetError: The compose file of the second version cannot be read.
    """
    ports = fixed_ports(base) & fixed_ports(head)
    if ports:
        return f"both versions use port {min(ports)}"
    if head.compose is None:
        return None
    # Other stacks need no code that starts containers.
    from bench.measure.run.local_stack import start_options  # noqa: PLC0415 - see above
    from bench.measure.stacks.compose_call import make_call, make_secrets  # noqa: PLC0415 - see above

    call = make_call(head, start_options(conditions, None, listener), make_secrets(head))
    services = active_services(call.config, call.compose.profiles)
    return find_conflict(call.config, [name for name in services if name not in call.compose.shared])


def open_shared_services(
    base: Stack, base_conditions: Conditions, head: Stack, conditions: Conditions, listener: Listener
) -> "AbstractContextManager[SharedServices | None]":
    """Provide the services that both versions use during the block; none for stacks without containers.

    Raises:
        ConfigError, TargetError: As for `run_shared_services`.
    """
    if head.compose is None or not head.compose.shared or base.compose is None:
        return nullcontext()
    # Other stacks need no code that starts containers.
    from bench.measure.run.local_stack import start_options  # noqa: PLC0415 - see above
    from bench.measure.stacks.shared_services import (  # noqa: PLC0415 - see above
        StackVersion,
        run_shared_services,
    )

    first = StackVersion(base, start_options(base_conditions, None, listener))
    second = StackVersion(head, start_options(conditions, None, listener))
    return run_shared_services(first, second, listener.note)

"""Settings of one start of a stack."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.measure.stacks.shared_services import SharedServices


def _ignore(line: str) -> None:
    """Do nothing."""


Reroute = Callable[[str, Mapping[str, str]], Mapping[str, str]]
"""Returns the addresses at which a caller reaches the services, given the caller and their addresses."""


@dataclass(frozen=True, slots=True)
class StartOptions:
    """Settings of one start of a stack."""

    injections: Mapping[str, float] = field(default_factory=dict)
    """Values of knobs that slow the stack down, by knob."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Ports by service; the others are those of the declaration, or free ones."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that replace those of the caller's environment: in the compose file, or in each service."""
    cores: tuple[int, ...] = ()
    """The cores that the stack may use; empty for all."""
    tree: Path | None = None
    """Folder with the files of the services; `None` for the current folder."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Images that were built for this version, by service of the compose file."""
    is_compared: bool = False
    """Whether another version of the stack may be up at the same time."""
    shared_services: "SharedServices | None" = None
    """Services that another version uses, too; `None` without any."""
    state: Path | None = None
    """Folder for files that the services write; `None` for a new one, which is removed with the stack."""
    logs: Path | None = None
    """Folder that gets the logs of the services; `None` for a folder that is removed with the stack."""
    otlp_url: str | None = None
    """Address that receives the spans of the services; `None` for the one that the stack declares."""
    reroute: Reroute | None = None
    """Leads connections through relays; `None` to lead them to the services."""
    project: str = ""
    """Mark of the processes; empty for a project of this run."""
    on_wait: Callable[[str], None] = _ignore
    """Receives lines about a long wait."""

"""The origin of a run, and the conditions that make it comparable, as its start knows them."""

from typing import Annotated

from pydantic import AwareDatetime, StringConstraints

from bench.core.config.target import Name
from bench.core.values.record import Count, Record

# The name of a folder, and part of the commands that a report suggests.
RunId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
# Part of the name of a folder.
Short = Annotated[str, StringConstraints(max_length=200)]


class Fingerprint(Record):
    """The conditions of a run. Two runs are comparable if their fingerprints are equal."""

    stack: Name
    """Name of the stack."""
    stack_digest: str
    """SHA-256 of the stack's declaration."""
    work_digest: str
    """SHA-256 of the scenario's load, prompts and target."""
    system: Short
    """Operating system and processor architecture, or the image of the hosted runner."""
    cpu_model: Short
    """Model name of the processor."""
    cpu_count: Count
    """Number of logical processors."""
    simulated: bool
    """Whether the stack simulates time, so that the machine hardly matters."""
    model: Short | None = None
    """Model that the target's requests name; null if they name none, and in older results."""
    parts: dict[Short, Short] = {}
    """Images, settings and models that the stack's declaration leaves open, by name."""


class Provenance(Record):
    """The origin of a run."""

    run_id: RunId
    """Unique id, which sorts by time."""
    started_at: AwareDatetime
    """Planned time of the first request."""
    tool_version: str
    """Version of bench."""
    python_version: str
    """Python version of the load generator."""
    commit: str | None
    """Commit of the repository in which the run was started; null outside a repository."""
    dirty: bool | None
    """Whether that repository had uncommitted changes; `None` outside a repository."""
    injections: dict[str, float] = {}
    """Injected faults, by knob."""

"""The origin of a run, and the conditions that make it comparable, as its start knows them."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from bench.core.config.target import Name
from bench.core.values import wording
from bench.core.values.record import Count, Record

# The name of a folder, and part of the commands that a report suggests.
RunId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
# Part of the name of a folder.
Short = Annotated[str, StringConstraints(max_length=200)]
RunNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]
Attempt = Annotated[int, Field(ge=1, le=1000)]
MOST_CHANGED_FILES = 5
"""Most files with uncommitted changes that a run names."""
LONGEST_COMMIT_TEXT = 120
"""Most characters of a commit's branch, subject and author; longer texts are cut."""
CommitText = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=LONGEST_COMMIT_TEXT,
        # On one line: without control characters, and without the line separators of Unicode.
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$",
    ),
]


RECORDED_ONLY = frozenset({"cpu_model", "image", "kernel"})
"""Fields that may differ between comparable runs, because the reference workload shows their effect."""


class Fingerprint(Record):
    """The conditions of a run. Two runs are comparable if all but the `RECORDED_ONLY` ones are equal."""

    stack: Name
    """Name of the stack."""
    stack_digest: str
    """SHA-256 of the stack's declaration."""
    work_digest: str
    """SHA-256 of the scenario's load, prompts and target."""
    system: Short
    """Operating system with its major release, and processor architecture, such as `ubuntu-24-x86_64`."""
    cpu_model: Short
    """Model name of the processor; only recorded."""
    cpu_count: Count
    """Number of logical processors."""
    simulated: bool
    """Whether the stack simulates time, so that the machine hardly matters."""
    model: Short | None = None
    """Model that the target's requests name; null if they name none, and in older results."""
    parts: dict[Short, Short] = {}
    """Images, settings and models that the stack's declaration leaves open, by name."""
    image: Short | None = None
    """Image of the hosted runner with its version, which changes every week; only recorded."""
    kernel: Short | None = None
    """Release of the kernel; only recorded."""


class WorkflowAttempt(Record):
    """The attempt of a workflow run of GitHub Actions that measured."""

    run: RunNumber
    """Number of the workflow run."""
    attempt: Attempt = 1
    """Number of the attempt; a re-run has a higher one."""

    @property
    def order(self) -> tuple[int, int]:
        """A value by which attempts are sorted, the newest last."""
        return int(self.run), self.attempt


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
    changed_files: Annotated[tuple[CommitText, ...], Field(max_length=MOST_CHANGED_FILES)] = ()
    """The first files with uncommitted changes, below the top of the repository."""
    more_changed_files: Count = 0
    """Number of further files with uncommitted changes."""
    branch: CommitText | None = None
    """Branch of the commit; null if it is unknown. Only for people, as the next two."""
    subject: CommitText | None = None
    """First line of the commit's message; null if it is unknown."""
    author: CommitText | None = None
    """Name of the commit's author; null if it is unknown."""
    injections: dict[str, float] = {}
    """Injected faults, by knob."""
    workflow: WorkflowAttempt | None = None
    """The attempt of the workflow run that measured; null outside of GitHub Actions."""

    def describe_changes(self) -> str:
        """Return the files with uncommitted changes, as far as they are known: `a.py, b.py and 3 more`."""
        names = [*self.changed_files]
        if self.more_changed_files:
            names.append(f"{self.more_changed_files} more")
        return wording.listing(names)

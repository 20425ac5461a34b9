"""The start of a run: everything that its result needs besides what the run records.

`run.json` has it while the run is in progress, so that `bench recover` can finish a run that was killed.
"""

from collections.abc import Mapping

from bench.core.config.run_spec import MixedSpec, RunSpec
from bench.core.config.target import Target
from bench.core.config.watching import AlertLimits
from bench.core.load.machine_limits import MachineLimits
from bench.core.load.needs import needs_of
from bench.core.run.origin import Fingerprint, Provenance
from bench.core.run.recording import Recording
from bench.core.samples.samples import Samples
from bench.core.values.record import Record

SCHEMA_VERSION = 1
RUNS = "runs"
"""Folder of the single runs of `bench ab`, in the folder of the comparison."""
_PLACEHOLDER = "${"


class RunStart(Record):
    """The start of a run."""

    schema_version: int = SCHEMA_VERSION
    """Version of this file format."""
    owner: str
    """The process of the run."""
    spec: RunSpec
    """The scenario with its targets and messages, without secrets."""
    provenance: Provenance
    """The origin of the run."""
    fingerprint: Fingerprint
    """The conditions of the run."""
    limits: AlertLimits
    """Limits of the stack for alerts."""
    workers: int
    """Number of load generators."""
    machine_limits: MachineLimits
    """Limits of the load generator's machine."""
    remainder: str | None
    """Tier that gets the time that no other tier reports."""
    is_mentioned: bool = False
    """Whether a later run has mentioned that this run is unfinished."""


def begin_recording(
    spec: RunSpec, samples: Samples, workers: int, machine_limits: MachineLimits, remainder: str | None
) -> Recording:
    """Return a recording without recorded values; `add_values` adds them."""
    last_s = float(samples.column("finished_s").max()) if len(samples) else 0.0
    return Recording(
        planned_s=spec.scenario.duration_s,
        elapsed_s=max(0.0, last_s),
        samples=samples,
        needs=needs_of(spec, workers),
        machine_limits=machine_limits,
        remainder=remainder,
    )


def hide_secrets(spec: RunSpec) -> RunSpec:
    """Return a copy without values that a file must not contain: rows, files, variables, values of headers.

    A header keeps its placeholders, which name variables and have no values.
    """
    changes: dict[str, object] = {
        "rows": (),
        "files": {},
        "variables": {},
        "target": _hide_headers(spec.target),
        "mix": tuple(MixedSpec(**{**dict(part), "spec": hide_secrets(part.spec)}) for part in spec.mix),
    }
    if spec.compare_with is not None:
        changes["compare_with"] = _hide_headers(spec.compare_with)
    return spec.model_copy(update=changes)


def _hide_headers(target: Target) -> Target:
    headers: Mapping[str, str] = {
        name: value if _PLACEHOLDER in value else "" for name, value in target.headers.items()
    }
    return target.model_copy(update={"headers": headers})

"""Compare the files of this folder with a commit of its repository, on this machine, in pairs."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.config.choices import model_variables
from bench.core.config.quick_load import is_address
from bench.core.config.stack import Stack, receive_spans
from bench.core.config.version import Version
from bench.core.verdict.pair_limits import choose_limits
from bench.errors import ConfigError
from bench.measure.run.alternate import Arm
from bench.measure.run.checkout import commit_of
from bench.measure.run.conditions import Listener
from bench.measure.run.two_versions import blame_base
from bench.store import stacks
from bench.store.folders import RESULTS
from bench.usecases.failed_run import keep_reasons
from bench.usecases.options import RunOptions
from bench.usecases.paired import MeasuredPairs, measure_pairs
from bench.usecases.plan_run import make_conditions
from bench.usecases.time_limit import NO_LIMIT, TimeLimit
from bench.usecases.unfinished import mention_unfinished
from bench.usecases.versions import (
    PlannedVersion,
    check_version,
    load_specs,
    plan_pairs,
    provide_version,
    refuse_unpaired,
)

_HEAD = "this folder"
_ELSEWHERE = "compare two addresses: bench ab http://HOST:PORT http://OTHER:PORT"


def measure_against(
    ref: str,
    names: Sequence[str],
    options: RunOptions,
    listener: Listener,
    *,
    pairs: str | int | None = None,
    scenarios: int | None = None,
    time_limit: TimeLimit = NO_LIMIT,
    base_name: str | None = None,
) -> MeasuredPairs:
    """Measure scenarios on the files of this folder and on those of a commit, in pairs; judge this folder.

    Args:
        ref: A branch, a tag or a commit.
        names: The scenarios, at least one.
        options: Options of the measurement.
        listener: Receives progress, notes and warnings, and what is known after each pair.
        pairs: Largest number of pairs, or `LEAST..MOST`.
        scenarios: Number of scenarios that are judged together; default: the number of `names`.
        time_limit: The time until the comparison has to end. A scenario is left out if the time ends before
            its first pair.
        base_name: Name of the commit in reports; default: `ref`.

    Raises:
        BenchError: The commit or a scenario does not exist, the stack runs elsewhere, or as for `bench.ab`.
        KeyboardInterrupt: As for `bench.ab`.
    """
    limits = choose_limits(pairs)
    results = Path(options.get("results", RESULTS))
    stack = _load_stack(ref, names, options)
    refuse_unpaired(names)
    commit_of(ref)
    mention_unfinished(results, listener)
    with ExitStack() as files:
        planner = _Planner(stack, names, options, files, listener)
        with keep_reasons(names, results):
            with blame_base(base_name or ref):
                base = planner.plan(base_name or ref, commit=ref)
            head = planner.plan(_HEAD, inject=options.get("inject", ()))
        plan = plan_pairs(base, head, limits)
        plan = replace(plan, scenarios=scenarios or len(names), time_limit=time_limit)
        return measure_pairs(plan, results, listener)


def _load_stack(ref: str, names: Sequence[str], options: RunOptions) -> Stack:
    """Return the stack of this folder.

    Raises:
        ConfigError: It runs elsewhere, or does not exist.
    """
    for name in names:
        if is_address(name):
            raise ConfigError(f"--against {ref}: {name} runs elsewhere", _ELSEWHERE)
    if options.get("urls"):
        raise ConfigError(f"--against {ref}: --url names a stack that is up already", _ELSEWHERE)
    stack = stacks.load(options.get("stack") or "embedded", model_variables(options.get("model")))
    if stack.is_external:
        message = (
            f"--against {ref}: stack '{stack.name}' runs elsewhere, so bench cannot start a version of it"
        )
        raise ConfigError(message, _ELSEWHERE)
    return stack


@dataclass(frozen=True, slots=True)
class _Planner:
    """Plans the two versions."""

    stack: Stack
    """The stack, as this folder declares it."""
    names: Sequence[str]
    options: RunOptions
    files: ExitStack
    """Keeps the files of a version until it is closed."""
    listener: Listener

    def plan(self, name: str, commit: str | None = None, inject: Sequence[str] = ()) -> PlannedVersion:
        """Return a version: this folder, or a commit."""
        variables = model_variables(self.options.get("model"))
        # The images of both versions are built from their files.
        has_images = self.stack.compose is not None and not self.stack.prepare
        version = Version(self.stack.name, commit, "." if has_images and commit is None else None, variables)
        check_version(name, version, self.stack)
        provided = self.files.enter_context(provide_version(name, version, self.stack, self.listener))
        own = receive_spans(provided.stack, self.options.get("otlp"))
        options = RunOptions(**{**self.options, "inject": inject})
        specs = load_specs(self.names, own, options, version.variables)
        conditions = make_conditions(specs[0], own, options)
        conditions = replace(
            conditions, tree=provided.tree, images=provided.images, state=provided.state, shared=False
        )
        return PlannedVersion(Arm(name, own, conditions, provided.commit), specs)

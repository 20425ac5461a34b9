"""Plan a comparison of two versions: from the texts of a command to two stacks and their scenarios."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

from bench.core.config.injections import parse_injections
from bench.core.config.quick_load import is_address
from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack
from bench.core.config.version import Version, parse_version
from bench.core.verdict.pair_limits import PairLimits
from bench.errors import ConfigError
from bench.measure.run.alternate import Arm, PairedSpec
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.version_files import VersionFiles, provide_files
from bench.store import scenarios, stacks
from bench.usecases.options import LoadOptions, RunOptions
from bench.usecases.paired import PairedPlan
from bench.usecases.plan_run import (
    ADDRESS_OPTIONS,
    check_side_effects,
    load_spec,
    plan_address,
    refuse_options,
)


@dataclass(frozen=True, slots=True)
class PlannedVersion:
    """A version, and each scenario as it gets it."""

    arm: Arm
    specs: Sequence[RunSpec]


class VersionPlanner:
    """Plans versions that get the same scenarios.

    Args:
        names: The scenarios, at least one.
        options: Options of the load, and the service.
        conditions: Conditions of both versions.
        files: Keeps the files of the versions until it is closed.
        listener: Receives notes.

    Raises:
        ConfigError: A scenario or an option does not fit a comparison of two versions.
    """

    def __init__(
        self,
        names: Sequence[str],
        options: RunOptions,
        conditions: Conditions,
        files: ExitStack,
        listener: Listener,
    ) -> None:
        problem = "needs two addresses without --scenario"
        refuse_options(options, ADDRESS_OPTIONS, problem, "change the scenario's file")
        refuse_unpaired(names)
        self._names = names
        self._options = options
        self._conditions = conditions
        self._files = files
        self._listener = listener

    def plan(self, name: str, inject: Sequence[str] = ()) -> PlannedVersion:
        """Return a version, with its files for as long as `files` is open.

        Args:
            name: STACK, STACK@COMMIT or STACK@./FOLDER, each with +VARIABLE=VALUE, or an address.
            inject: Knobs that make the version slower.

        Raises:
            ConfigError: The version does not exist, or an option does not fit it.
            TargetError: A command of `prepare` failed.
        """
        if is_address(name):
            return self._plan_running(name)
        version = parse_version(name)
        stack = stacks.load(version.stack, version.variables)
        check_version(name, version, stack)
        injections = parse_injections(stack, tuple(inject))
        provided = self._files.enter_context(provide_version(name, version, stack, self._listener))
        stack = provided.stack
        specs = load_specs(self._names, stack, self._options, version.variables)
        conditions = replace(
            self._conditions,
            injections=injections,
            tree=provided.tree,
            images=provided.images,
            state=provided.state,
            shared=False,
            variables=version.variables,
        )
        arm = Arm(name, stack, conditions, provided.commit, is_elsewhere=version.folder is not None)
        return PlannedVersion(arm, specs)

    def _plan_running(self, address: str) -> PlannedVersion:
        stack = stacks.load("external")
        specs = load_specs(self._names, stack, self._options, {})
        urls = {spec.target.service: address for spec in specs}
        return PlannedVersion(Arm(address, stack, replace(self._conditions, urls=urls)), specs)


def provide_version(
    name: str, version: Version, stack: Stack, listener: Listener
) -> AbstractContextManager[VersionFiles]:
    """Provide the files of a version, and its stack as these files declare it."""
    declare = partial(load_stack_of, stack=stack, version=version, listener=listener)
    return provide_files(name, version, stack, listener.note, declare)


def load_specs(
    names: Sequence[str], stack: Stack, options: RunOptions, variables: Mapping[str, str]
) -> list[RunSpec]:
    """Return some scenarios, as a version of a stack gets them.

    Raises:
        ConfigError: A scenario or an option is wrong, or a scenario has side effects that are not allowed.
    """
    specs: list[RunSpec] = []
    for name in names:
        spec = load_spec(name, stack, options, variables)
        check_side_effects(spec.scenario, stack, allowed=options.get("allow_side_effects", False))
        specs.append(spec)
    return specs


def refuse_unpaired(names: Sequence[str]) -> None:
    """Check that each scenario can run in pairs on two versions.

    Raises:
        ConfigError: A scenario compares two targets itself, searches the safe load, or is wrong.
    """
    for name in names:
        spec = scenarios.load(name)
        if spec.unpaired is not None:
            command = "run" if spec.compare_with is not None else "check"
            raise ConfigError(
                f"scenario '{name}' cannot run in pairs: {spec.unpaired}", f"bench {command} {name}"
            )


def load_stack_of(tree: Path, stack: Stack, version: Version, listener: Listener) -> Stack:
    """Return a stack as the files of a commit declare it, else as the current folder does.

    A change of the stack's own file is a part of the version, too. An older commit may not have the file, or
    one that this bench cannot read.
    """
    place = f"scenarios/stacks/{stack.name}.yaml"
    try:
        own = stacks.load_from(tree, stack.name, version.variables)
    except ConfigError as error:
        reason = f"cannot be read: {error.message}"
    else:
        if own is not None:
            return own
        if stacks.is_shipped(stack.name):
            return stack
        reason = "does not exist"
    listener.warning(f"{place} of {version.commit} {reason}; bench uses the file of this folder")
    return stack


def plan_addresses(
    addresses: tuple[str, str], ca: Path | None, conditions: Conditions, load: LoadOptions, listener: Listener
) -> tuple[PlannedVersion, PlannedVersion]:
    """Return the load at two addresses, which must have the same interface.

    Raises:
        ConfigError: An address or an option is wrong, or the interfaces differ.
        TargetError: An interface was not recognised.
    """
    base, head = [_plan_address(address, ca, conditions, load, listener) for address in addresses]
    base_target = base.specs[0].target
    head_target = head.specs[0].target
    if base_target != head_target:
        raise ConfigError(
            f"the two addresses have different interfaces or models: {base_target.name} and "
            f"{head_target.name}",
            "name the model (--model NAME), or one target for both (--target NAME)",
        )
    return base, head


def _plan_address(
    address: str, ca: Path | None, conditions: Conditions, load: LoadOptions, listener: Listener
) -> PlannedVersion:
    plan = plan_address(address, cast("RunOptions", {**load, "ca": ca}), listener)
    own = replace(conditions, urls=plan.conditions.urls, is_ready=True)
    return PlannedVersion(Arm(address.partition("?")[0], plan.stack, own), [plan.spec])


def plan_pairs(base: PlannedVersion, head: PlannedVersion, limits: PairLimits) -> PairedPlan:
    """Return the comparison of two versions that get the same scenarios."""
    specs = [PairedSpec(*specs) for specs in zip(base.specs, head.specs, strict=True)]
    return PairedPlan(base.arm, head.arm, specs, limits, len(specs))


def check_version(name: str, version: Version, stack: Stack) -> None:
    """Check that bench can start a version of a stack.

    Raises:
        ConfigError: The stack runs elsewhere.
    """
    has_files = version.commit is not None or version.folder is not None
    if stack.is_external and (has_files or version.variables):
        raise ConfigError(
            f"{name}: stack '{version.stack}' runs elsewhere, so bench cannot start a version of it",
            "name its address: http://HOST:PORT",
        )

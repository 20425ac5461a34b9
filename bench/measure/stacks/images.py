"""The images of a compose file: find missing ones, and build those of a version from its files."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.core.config.compose import Compose, ComposeService, list_images
from bench.core.config.compose_file import active_services
from bench.core.config.engine_errors import explain
from bench.core.config.stack import Stack
from bench.core.values import wording
from bench.errors import BaseUnavailableError, ConfigError
from bench.measure.machine.signals import defer_signals
from bench.measure.stacks import docker
from bench.measure.stacks.build_key import digest_files, find_context
from bench.measure.stacks.compose_call import ComposeCall, make_call, make_secrets
from bench.measure.stacks.container_watch import hide_secrets
from bench.measure.stacks.log_tail import end_of_log, last_lines
from bench.measure.stacks.projects import persistent_project
from bench.measure.stacks.start_options import StartOptions
from bench.owners.temporary import temporary_folder

KEEP_VARIABLE = "BENCH_KEEP_IMAGES"
"""Environment variable that keeps the images of versions, for example for the cache of a CI job."""
PULL_VARIABLE = "BENCH_PULL_IMAGES"
"""Environment variable that lets bench pull missing images, for a machine that has none, such as a runner."""
_PULL_TIMEOUT_S = 1800.0
_BUILD_TIMEOUT_S = 1800.0
_KEY_DIGITS = 24


@dataclass(frozen=True, slots=True)
class _Build:
    """How one image of a version is built."""

    service: str
    """Service of the compose file."""
    image: str
    """Name of the image, with a digest of the files that it is built from."""
    source: str | tuple[str, ...] | None
    """Folder of the Dockerfile, or a command; `None` if the compose file declares the build."""
    variable: str | None
    """Variable that names the image for a command."""


@contextmanager
def name_images(images: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the options of a second compose file, which names the images of services.

    Without it, Compose would look for images that are named after bench's own project.
    """
    if not images:
        yield []
        return
    services = {service: {"image": image, "pull_policy": "never"} for service, image in images.items()}
    with temporary_folder("images") as folder:
        path = folder / "images.yml"
        path.write_text(yaml.safe_dump({"services": services}), encoding="utf-8")
        yield ["--file", str(path)]


def require_images(
    call: ComposeCall, images: Mapping[str, str], options: StartOptions, secret_values: Mapping[str, str]
) -> None:
    """Refuse a missing image. An automatic pull or build could produce another image than intended.

    With `BENCH_PULL_IMAGES`, missing images are pulled from their registry, or built from the files.

    Args:
        call: How to call Compose, and the file.
        images: Images that replace those of the file, by service.
        options: The folder of the files.
        secret_values: Secrets by name, which no message contains.

    Raises:
        ConfigError: An image is missing.
        TargetError: An image cannot be pulled or built.
    """
    compose = call.compose
    profiles = "".join(f" --profile {profile}" for profile in compose.profiles)
    for service, (declared, is_buildable) in list_images(call.config, compose.profiles).items():
        name = images.get(service) or declared
        if not name or docker.find_image_id(name) is not None:
            continue
        if os.environ.get(PULL_VARIABLE):
            _get_image(call, service, name, options.tree or Path.cwd(), secret_values)
            continue
        build = f"docker compose --file {compose.file}{profiles} build {service}"
        pull = f"docker pull {name}, or docker build --tag {name} if you have its source"
        raise ConfigError(
            f"the image {name} of service '{service}' is not on this machine",
            build if is_buildable else pull,
        )


def _get_image(
    call: ComposeCall, service: str, name: str, tree: Path, secret_values: Mapping[str, str]
) -> None:
    """Build a missing image if the stack file or the compose file can, else pull it."""
    declared = call.compose.services.get(call.compose.target_name(service), ComposeService())
    action = f"get the image {name} of service '{service}'"
    if declared.build is not None:
        _build_by_command(
            call, _Build(service, name, declared.build, declared.under_test), tree, secret_values
        )
    elif "build" in call.config["services"][service]:
        _run_build([*call.program, *call.options, "build", service], action, call.environment, secret_values)
    else:
        docker.run(["docker", "pull", "--quiet", name], action, timeout_s=_PULL_TIMEOUT_S)


@contextmanager
def provide_images(
    stack: Stack, tree: Path, variables: Mapping[str, str], note: Callable[[str], None]
) -> Iterator[dict[str, str]]:
    """Build the images of a version from its files; the block's end removes them.

    The name of an image contains a digest of its files. An image that exists is not built again, so two
    versions with the same files use one image.

    Args:
        stack: The stack, as the version declares it.
        tree: The files of the version.
        variables: Variables of the version. A service whose image one of them chooses is not built.
        note: Receives a line about what is built.

    Returns:
        The images by service of the compose file.

    Raises:
        ConfigError: The compose file does not exist or lacks a variable.
        TargetError: A build failed or took too long, or no image can be built from files.
    """
    secret_values = make_secrets(stack)
    repository = f"{persistent_project(stack.name)}-image"
    try:
        call = make_call(stack, StartOptions(variables=variables, tree=tree), secret_values)
        builds = list(_plan_builds(call, tree, variables, repository))
        if not builds:
            raise _explain_no_build(call.compose, variables)
        _build_missing(call, builds, tree, secret_values, note)
        yield {build.service: build.image for build in builds}
    finally:
        if not os.environ.get(KEEP_VARIABLE):
            with defer_signals():
                docker.remove_images(repository)


def _plan_builds(
    call: ComposeCall, tree: Path, variables: Mapping[str, str], repository: str
) -> Iterator[_Build]:
    compose = call.compose
    for name in active_services(call.config, compose.profiles):
        service = compose.services.get(compose.target_name(name), ComposeService())
        section = call.config["services"][name].get("build")
        is_chosen = bool(service.under_test and _value_of(service.under_test, variables))
        if is_chosen or (service.build is None and section is None):
            continue
        key = _make_key(service.build or section, tree, variables)
        yield _Build(name, f"{repository}:{key}", service.build, service.under_test)


def _value_of(variable: str, variables: Mapping[str, str]) -> str:
    return variables.get(variable, os.environ.get(variable, ""))


def _make_key(
    source: str | tuple[str, ...] | Mapping[str, Any], tree: Path, variables: Mapping[str, str]
) -> str:
    """Return a digest of everything that an image is built from; a random text if that is not known."""
    context: Path | None = tree
    if isinstance(source, str):
        context = find_context({"context": source}, tree)
    elif isinstance(source, Mapping):
        context = find_context(source, tree)
    if context is None:
        return secrets.token_hex(_KEY_DIGITS // 2)
    described = json.dumps([source, dict(variables)], sort_keys=True, default=str)
    described = described.replace(str(tree.resolve()), ".").replace(str(tree), ".")
    text = f"{described}\n{digest_files(context)}"
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]


def _explain_no_build(compose: Compose, variables: Mapping[str, str]) -> BaseUnavailableError:
    """Return why no image can be built from the files of a version."""
    chosen = [name for name in compose.image_variables if _value_of(name, variables)]
    if chosen:
        names = wording.listing(chosen)
        return BaseUnavailableError(
            f"{names} choose the images, so both versions would have the same",
            f"unset {names}, or compare images: bench ab STACK+{chosen[0]}=OLD STACK+{chosen[0]}=NEW",
        )
    return BaseUnavailableError(
        f"{compose.file} builds no image, so the containers would not have the files of the version",
        "add build: to the services of your code (in the compose file or in the stack file), or compare "
        "images: STACK+VARIABLE=IMAGE",
    )


def _build_missing(
    call: ComposeCall,
    builds: Sequence[_Build],
    tree: Path,
    secret_values: Mapping[str, str],
    note: Callable[[str], None],
) -> None:
    """Build the images that do not exist, each of them once."""
    missing: dict[str, _Build] = {}
    for build in builds:
        if build.image not in missing and docker.find_image_id(build.image) is None:
            missing[build.image] = build
    unchanged = [build.service for build in builds if build.image not in missing]
    if unchanged:
        note(f"the files of {', '.join(unchanged)} are unchanged, so the image is not built again")
    if missing:
        note(
            f"building the images of {', '.join(build.service for build in builds if build.image in missing)}"
        )
    for build in missing.values():
        if build.source is not None:
            _build_by_command(call, build, tree, secret_values)
    by_file = {build.service: build.image for build in missing.values() if build.source is None}
    if by_file:
        with name_images(by_file) as more_files:
            command = [*call.program, *call.options, *more_files, "build", *by_file]
            _run_build(command, f"build the images of {', '.join(by_file)}", call.environment, secret_values)


def _build_by_command(call: ComposeCall, build: _Build, tree: Path, secret_values: Mapping[str, str]) -> None:
    """Build an image as the stack file declares it, and check that the image exists."""
    action = f"build the image of {build.service}"
    environment = dict(call.environment)
    if isinstance(build.source, str):
        command = ["docker", "build", "--tag", build.image, str(tree / build.source)]
    else:
        command = list(build.source or ())
        environment[build.variable or ""] = build.image
    _run_build(command, action, environment, secret_values, folder=tree)
    if docker.find_image_id(build.image) is None:
        raise ConfigError(
            f"cannot {action}: `{' '.join(command)}` built no image with the name in {build.variable}",
            f"use the variable in the command: docker build --tag ${build.variable} .",
        )


def _run_build(
    command: Sequence[str],
    action: str,
    environment: Mapping[str, str],
    secret_values: Mapping[str, str],
    *,
    folder: Path | None = None,
) -> None:
    """Run a command that builds images.

    Raises:
        TargetError: It failed or took too long; the message has the end of its output.
    """
    code, stdout, stderr = docker.attempt(
        command, action, environment=environment, timeout_s=_BUILD_TIMEOUT_S, folder=folder
    )
    if code:
        output = hide_secrets(f"{stdout}\n{stderr}", secret_values)
        error = explain(action, hide_secrets(stderr, secret_values))
        error.message += f" (exit code {code}){end_of_log(last_lines(output))}"
        raise error

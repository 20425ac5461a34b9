"""The images of a compose file: find missing ones, and build those of a version from its files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

from bench.core.config.compose import Compose, list_images
from bench.errors import ConfigError
from bench.measure.stacks import docker
from bench.measure.stacks.start_options import StartOptions
from bench.owners.temporary import temporary_folder

_BUILD_TIMEOUT_S = 1800.0


@dataclass(frozen=True, slots=True)
class ComposeCall:
    """How to call Compose for a file."""

    command: Sequence[str]
    """The program, with the options of the file and its profiles."""
    environment: Mapping[str, str]
    """Variables of the program."""
    config: Mapping[str, Any]
    """The file, as `config` prints it."""


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


PULL_VARIABLE = "BENCH_PULL_IMAGES"
"""Environment variable that lets bench pull missing images, for a machine that has none, such as a runner."""
_PULL_TIMEOUT_S = 1800.0


def require_images(compose: Compose, config: Mapping[str, Any], built: Mapping[str, str]) -> None:
    """Refuse a missing image. An automatic pull or build could produce another image than intended.

    With `BENCH_PULL_IMAGES`, images of a registry are pulled.

    Args:
        compose: Declaration of the stack.
        config: Output of `docker compose config`.
        built: Images that replace those of the file, by service.

    Raises:
        ConfigError: An image is missing.
        TargetError: An image cannot be pulled.
    """
    profiles = "".join(f" --profile {profile}" for profile in compose.profiles)
    for service, (declared, is_buildable) in list_images(config, compose.profiles).items():
        name = built.get(service) or declared
        if name and docker.find_image_id(name) is None:
            if os.environ.get(PULL_VARIABLE) and not is_buildable:
                action = f"pull the image {name} of service '{service}'"
                docker.run(["docker", "pull", "--quiet", name], action, timeout_s=_PULL_TIMEOUT_S)
                continue
            build = f"docker compose --file {compose.file}{profiles} build {service}"
            pull = f"docker pull {name}, or docker build --tag {name} if you have its source"
            raise ConfigError(
                f"the image {name} of service '{service}' is not on this machine",
                build if is_buildable else pull,
            )


def build_images(compose: Compose, project: str, call: ComposeCall, options: StartOptions) -> dict[str, str]:
    """Build the images that a compose file builds, under names of the project; return them by service.

    A service whose image a variable of the version chooses is not built.

    Raises:
        ConfigError: The file builds no image, so that the containers would not have the files.
        TargetError: A build failed, or took too long.
    """
    chosen: set[str] = set()
    for name, service in compose.services.items():
        if service.under_test in options.variables:
            chosen.add(compose.compose_name(name))
    images: dict[str, str] = {}
    for name, (_, is_buildable) in list_images(call.config, compose.profiles).items():
        if is_buildable and name not in chosen:
            images[name] = f"{project}-{name}"
    if not images:
        raise ConfigError(
            f"{compose.file} builds no image, so the containers would not have the files of the version",
            "add build: to the services of your code, or compare images: STACK+VARIABLE=IMAGE",
        )
    options.on_wait(f"building the images of {', '.join(images)}")
    with name_images(images) as more_files:
        command = [*call.command, *more_files, "--project-name", project, "build", *images]
        action = f"build the images of {compose.file}"
        docker.run(command, action, environment=call.environment, timeout_s=_BUILD_TIMEOUT_S)
    return images

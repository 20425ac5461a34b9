"""How to call Docker Compose for the file of a stack, and the content of the file."""

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.core.config.compose import Compose
from bench.core.config.engine_errors import lacks_compose
from bench.core.config.injections import write_knob
from bench.core.config.placeholders import expand
from bench.core.config.stack import OTLP_URL, Stack, list_secrets
from bench.core.tiers.environment import fixed_url
from bench.errors import ConfigError
from bench.measure.stacks import docker
from bench.measure.stacks.running_stack import placeholder_values
from bench.measure.stacks.start_options import StartOptions

JWT = "JWT_SECRET"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ComposeCall:
    """How to call Compose for a file."""

    stack: str
    """Name of the stack."""
    compose: Compose
    """The declaration, with the path of the file."""
    program: Sequence[str]
    """The program."""
    options: Sequence[str]
    """The options of the file and its profiles."""
    environment: Mapping[str, str]
    """Variables of the program."""
    config: Mapping[str, Any]
    """The file, as `config` prints it."""


def make_call(stack: Stack, options: StartOptions, secret_values: Mapping[str, str]) -> ComposeCall:
    """Return how to call Compose for a stack.

    Args:
        stack: The declaration.
        options: The folder of its files, and variables and knobs of the compose file.
        secret_values: The secrets by name.

    Raises:
        ConfigError: The compose file does not exist or lacks a variable, or Compose is not installed.
        TargetError: The engine does not answer.
    """
    compose = require_compose(stack, options.tree)
    program = _find_program()
    files = ["--file", _require_file(stack, compose)]
    for profile in compose.profiles:
        files += ["--profile", profile]
    environment = _environment(stack, compose, options, secret_values)
    action = f"start the stack '{stack.name}'"
    # The name of the file's own project, not that of bench, is part of the names of built images.
    printed = docker.run([*program, *files, "config"], action, environment=environment)
    return ComposeCall(stack.name, compose, program, files, environment, yaml.safe_load(printed))


def require_compose(stack: Stack, tree: Path | None = None) -> Compose:
    """Return the `compose` section of a stack.

    Args:
        stack: The declaration.
        tree: The folder of the version that has the compose file; `None` for the current folder.

    Raises:
        ConfigError: The stack has none, or its file is not relative, so that no other folder has it.
    """
    if stack.compose is None:
        raise ConfigError(f"stack '{stack.name}' declares no containers", "--stack compose")
    file = expand(stack.compose.file, placeholder_values(None), "compose.file")
    if tree is not None:
        if Path(file).is_absolute():
            raise ConfigError(
                f"stack '{stack.name}': the compose file {file} is not a file of the version",
                f"write a relative path in scenarios/stacks/{stack.name}.yaml",
            )
        file = str(tree / file)
    return stack.compose.model_copy(update={"file": file})


def make_secrets(stack: Stack) -> dict[str, str]:
    """Return the secrets of a stack by name, from the environment or generated."""
    return {name: os.environ.get(name) or secrets.token_urlsafe(_SECRET_BYTES) for name in secrets_of(stack)}


def secrets_of(stack: Stack) -> tuple[str, ...]:
    """Return the names of a stack's secrets, which are environment variables."""
    return (JWT, *(name for name in list_secrets(stack) if name != JWT))


def secret_placeholders(secret_values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a declaration's placeholders, without the addresses of its services."""
    values = placeholder_values(None)
    for name, value in secret_values.items():
        values[f"secret.{name}"] = value
    values["jwt_secret"] = secret_values[JWT]
    return values


def visible_variables(compose: Compose, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the declared variables that have a value.

    Args:
        compose: The declaration, with the names of the variables.
        variables: Values that replace those of the caller's environment.
    """
    visible = {}
    for name in compose.visible_variables:
        value = variables.get(name, os.environ.get(name, ""))
        if value:
            visible[name] = value
    return visible


def _require_file(stack: Stack, compose: Compose) -> str:
    if not Path(compose.file).is_file():
        raise ConfigError(
            f"the compose file {compose.file} does not exist in {Path.cwd()}",
            f"run bench in its folder, or correct the path in scenarios/stacks/{stack.name}.yaml",
        )
    return compose.file


def _find_program() -> list[str]:
    """Return the command of Docker's compose plugin, or of its predecessor."""
    code, _, stderr = docker.attempt(["docker", "compose", "version"], "start containers")
    if code == 0:
        return ["docker", "compose"]
    standalone = shutil.which("docker-compose")
    if standalone is not None and lacks_compose(stderr):
        return [standalone]
    raise ConfigError(
        "the docker program has no compose plugin",
        "install docker-compose-plugin, or measure without containers: --stack embedded",
    )


def _environment(
    stack: Stack, compose: Compose, options: StartOptions, secret_values: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of the compose file. Injections come last: they replace all others."""
    unknown = sorted(options.variables.keys() - set(compose.visible_variables))
    if unknown:
        variables = ", ".join(compose.visible_variables) or "none"
        raise ConfigError(f"stack '{stack.name}' has no variable {unknown[0]}", f"variables: {variables}")
    environment = docker.docker_environment()
    values = secret_placeholders(secret_values)
    if stack.tiers.otlp is not None:
        values[OTLP_URL] = options.otlp_url or fixed_url(stack.tiers.otlp)
    for name, text in compose.environment.items():
        environment[name] = expand(text, values, f"compose.environment.{name}")
    environment |= visible_variables(compose, options.variables)
    for knob, value in options.injections.items():
        environment[stack.knobs[knob]] = write_knob(value)
    return environment

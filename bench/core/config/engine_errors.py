"""Turn the error output of the `docker` program into an error with advice."""

import re
from dataclasses import dataclass

from bench.errors import BenchError, ConfigError, TargetError

PORT_TAKEN = "a port is in use"
_WITHOUT_CONTAINERS = "or measure without containers: --stack embedded"
_LONGEST_MESSAGE = 400


@dataclass(frozen=True, slots=True)
class _KnownError:
    pattern: str
    """Words of the engine, as a regular expression."""
    error: type[BenchError]
    problem: str
    hint: str


# The first error that matches a line counts.
_KNOWN_ERRORS = (
    _KnownError(
        r"permission denied.*(socket|docker\.sock|dial unix)",
        TargetError,
        "this account may not use Docker's socket",
        f"add the account to the group that owns the socket (usually docker), {_WITHOUT_CONTAINERS}",
    ),
    _KnownError(
        r"cannot connect to the docker daemon|is the docker daemon running|error during connect",
        TargetError,
        "the Docker engine is not running",
        f"start it (sudo systemctl start docker) or set DOCKER_HOST, {_WITHOUT_CONTAINERS}",
    ),
    _KnownError(
        r"port is already allocated|address already in use|ports are not available",
        TargetError,
        PORT_TAKEN,
        "choose another port: bench stack up --port SERVICE=PORT; by default the kernel chooses a free one",
    ),
    _KnownError(
        r"no such image|pull access denied|manifest unknown|not found: manifest|failed to resolve reference",
        ConfigError,
        "an image is missing",
        "pull it with docker pull, or build it",
    ),
    _KnownError(
        r"no space left on device",
        TargetError,
        "the disk is full",
        "find the largest items with docker system df",
    ),
    # Last, because compose also warns of every unset variable if another error occurs.
    _KnownError(
        r"required variable|is missing a value|invalid interpolation format|is not set\. ",
        ConfigError,
        "the compose file needs a variable",
        "set it under compose: environment: in the stack's file",
    ),
)
# Parts of a message that do not help: its sender, the request's address, a container's id after its name.
_NOISE = re.compile(r'Error response from daemon: |(Get|Head|Post|Put|Delete) "[^"]*": | \([0-9a-f]{64}\)')
_NO_PLUGIN = re.compile(
    r"is not a docker command|unknown command|unknown shorthand flag|unknown flag: --file"
)


def explain(action: str, output: str) -> BenchError:
    """Return the error for a `docker` program that failed.

    Args:
        action: The attempted action, for example `start the stack 'compose'`.
        output: Text that the program wrote to stderr.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for known_error in _KNOWN_ERRORS:
        for line in lines:
            if re.search(known_error.pattern, line, re.IGNORECASE):
                message = f"cannot {action}: {known_error.problem}: {_shorten(line)}"
                return known_error.error(message, known_error.hint)
    last = next((line for line in reversed(lines) if not _is_help(line)), "docker printed no message")
    return TargetError(f"cannot {action}: {_shorten(last)}", "run docker info and docker compose config")


def lacks_compose(output: str) -> bool:
    """Check whether `docker` reports that it has no compose plugin."""
    return bool(_NO_PLUGIN.search(output))


def _is_help(line: str) -> bool:
    """Check whether a line explains how to get help, and not the error."""
    return re.match(r"(See|Usage:|Run|Encountered errors) ", line) is not None


def _shorten(text: str) -> str:
    text = _NOISE.sub("", text)
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"

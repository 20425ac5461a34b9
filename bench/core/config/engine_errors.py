"""What the `docker` program complained of, as an error that says what to do about it."""

import re

from bench.errors import BenchError, ConfigError, TargetError

PORT_TAKEN = "a port is taken"
_ELSEWHERE = "or measure without containers: --stack embedded"
_MOST_CHARACTERS = 400
# Words of the engine's, by their meaning; the first that is found counts.
_KNOWN: tuple[tuple[str, type[BenchError], str, str], ...] = (
    (
        r"permission denied.*(socket|docker\.sock|dial unix)",
        TargetError,
        "Docker's socket may not be used by this account",
        f"have yourself added to the group that owns it (usually docker), {_ELSEWHERE}",
    ),
    (
        r"cannot connect to the docker daemon|is the docker daemon running|error during connect",
        TargetError,
        "the Docker engine does not run",
        f"start it (sudo systemctl start docker) or set DOCKER_HOST, {_ELSEWHERE}",
    ),
    (
        r"port is already allocated|address already in use|ports are not available",
        TargetError,
        PORT_TAKEN,
        "choose another one: bench stack up --port SERVICE=PORT; without it the kernel chooses",
    ),
    (
        r"no such image|pull access denied|manifest unknown|not found: manifest|failed to resolve reference",
        ConfigError,
        "an image is missing",
        "docker pull it, or build it",
    ),
    (r"no space left on device", TargetError, "the disk is full", "docker system df shows what takes it"),
    # The last, for compose warns of every variable that is not set, whatever else is wrong.
    (
        r"required variable|is missing a value|invalid interpolation format|is not set\. ",
        ConfigError,
        "the compose file wants a variable",
        "give it under compose: environment: in the stack's file",
    ),
)
# Of a complaint: who passes it on, the request's address, a container's id after its name.
_NOISE = re.compile(r'Error response from daemon: |(Get|Head|Post|Put|Delete) "[^"]*": | \([0-9a-f]{64}\)')
_NO_PLUGIN = re.compile(
    r"is not a docker command|unknown command|unknown shorthand flag|unknown flag: --file"
)


def explain(doing: str, said: str) -> BenchError:
    """The error for a `docker` program that failed.

    Args:
        doing: What was tried, such as `start the stack 'compose'`.
        said: What it wrote on stderr.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = _shortened(next((line for line in reversed(lines) if _telling(line)), "it said nothing"))
    for words, kind, meaning, hint in _KNOWN:
        found = next((line for line in lines if re.search(words, line, re.IGNORECASE)), None)
        if found is not None:
            return kind(f"cannot {doing}: {meaning}: {_shortened(found)}", hint)
    return TargetError(f"cannot {doing}: {last}", "docker info, and docker compose config, may say more")


def lacks_compose(said: str) -> bool:
    """Whether `docker` said that it has no compose plugin."""
    return bool(_NO_PLUGIN.search(said))


def _telling(line: str) -> bool:
    """Whether a line says what went wrong, and not how to get help."""
    return not re.match(r"(See|Usage:|Run) ", line)


def _shortened(text: str) -> str:
    text = _NOISE.sub("", text)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"

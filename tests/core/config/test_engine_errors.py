import pytest

from bench.core.config.engine_errors import explain, lacks_compose
from bench.errors import BenchError, ConfigError, TargetError

DAEMON = "Error response from daemon: "


@pytest.mark.parametrize(
    ("output", "kind", "problem"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            TargetError,
            "this account may not use Docker's socket",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?",
            TargetError,
            "the Docker engine is not running",
        ),
        (
            "Error response from daemon: Bind for 127.0.0.1:3000 failed: port is already allocated",
            TargetError,
            "a port is in use",
        ),
        (
            "listen tcp4 127.0.0.1:3000: bind: address already in use",
            TargetError,
            "a port is in use",
        ),
        ("Error response from daemon: No such image: mongo:7.0", ConfigError, "an image is missing"),
        (
            "error while interpolating services.backend: required variable JWT_SECRET is missing a value: x",
            ConfigError,
            "the compose file needs a variable",
        ),
        ("write /data: no space left on device", TargetError, "the disk is full"),
    ],
)
def test_a_known_error_has_the_problem_and_advice(output: str, kind: type[BenchError], problem: str) -> None:
    """The problem comes first, the engine's own words follow, and the hint has the next step."""
    error = explain("start the stack 'x'", f"Container x  Starting\n{output}\n")
    assert type(error) is kind
    assert error.message == f"cannot start the stack 'x': {problem}: {output.removeprefix(DAEMON)}"
    assert error.hint


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            f"{DAEMON}failed on x-backend-1 ({'c885fc63' * 8}): bind: address already in use",
            "a port is in use: failed on x-backend-1: bind: address already in use",
        ),
        (
            'permission denied: Get "http://%2Fd.sock/v1.50/containers/json?all=1": dial unix /d.sock',
            "this account may not use Docker's socket: permission denied: dial unix /d.sock",
        ),
    ],
)
def test_a_message_leaves_out_ids_and_addresses(output: str, message: str) -> None:
    """Ids of 64 digits after a name, and the address of the request, do not help a person."""
    assert explain("start", output).message == f"cannot start: {message}"


def test_an_unknown_error_is_the_last_line() -> None:
    """The last line that does not explain how to get help is the message."""
    error = explain("list", "first\nsomething odd\n\nSee 'docker --help'.\n")
    assert error.message == "cannot list: something odd"
    assert explain("list", "").message == "cannot list: docker printed no message"


def test_a_warning_of_an_unset_variable_does_not_hide_another_error() -> None:
    """Compose warns of every unset variable; it is the cause only if no other known error occurs."""
    warning = 'level=warning msg="The \\"TAG\\" variable is not set. Defaulting to a blank string."'
    full = explain("start the stack 'x'", f"{warning}\nwrite /data: no space left on device\n")
    assert "the disk is full" in full.message
    assert "needs a variable" in explain("start the stack 'x'", f"{warning}\ninvalid reference\n").message


def test_a_long_message_is_cut() -> None:
    """An error stays short enough to read."""
    assert len(explain("list", "x" * 9000).message) < 500


def test_a_docker_without_compose_is_detected() -> None:
    """Docker reports `compose` as an unknown command."""
    assert lacks_compose("docker: 'compose' is not a docker command.\nSee 'docker --help'")
    assert lacks_compose("docker: unknown command: docker compose")
    assert not lacks_compose("permission denied")

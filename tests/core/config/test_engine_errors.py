import pytest

from bench.core.config.engine_errors import explain, lacks_compose
from bench.errors import BenchError, ConfigError, TargetError

DAEMON = "Error response from daemon: "


@pytest.mark.parametrize(
    ("said", "kind", "meaning"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            TargetError,
            "Docker's socket may not be used by this account",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?",
            TargetError,
            "the Docker engine does not run",
        ),
        (
            "Error response from daemon: Bind for 127.0.0.1:3000 failed: port is already allocated",
            TargetError,
            "a port is taken",
        ),
        (
            "listen tcp4 127.0.0.1:3000: bind: address already in use",
            TargetError,
            "a port is taken",
        ),
        ("Error response from daemon: No such image: mongo:7.0", ConfigError, "an image is missing"),
        (
            "error while interpolating services.backend: required variable JWT_SECRET is missing a value: x",
            ConfigError,
            "the compose file wants a variable",
        ),
        ("write /data: no space left on device", TargetError, "the disk is full"),
    ],
)
def test_what_the_engine_says_is_said_in_our_words(said: str, kind: type[BenchError], meaning: str) -> None:
    """The meaning comes first, the engine's own words follow, and the hint says what to do."""
    error = explain("start the stack 'x'", f"Container x  Starting\n{said}\n")
    assert type(error) is kind
    assert error.message == f"cannot start the stack 'x': {meaning}: {said.removeprefix(DAEMON)}"
    assert error.hint


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (
            f"{DAEMON}failed on x-backend-1 ({'c885fc63' * 8}): bind: address already in use",
            "a port is taken: failed on x-backend-1: bind: address already in use",
        ),
        (
            'permission denied: Get "http://%2Fd.sock/v1.50/containers/json?all=1": dial unix /d.sock',
            "Docker's socket may not be used by this account: permission denied: dial unix /d.sock",
        ),
    ],
)
def test_what_nobody_reads_is_left_out(said: str, heard: str) -> None:
    """Ids of 64 digits after a name, and the address of the request that was refused."""
    assert explain("start", said).message == f"cannot start: {heard}"


def test_other_words_are_passed_on() -> None:
    """What is not known is the last line that tells something, not the one that says how to get help."""
    error = explain("list", "first\nsomething odd\n\nSee 'docker --help'.\n")
    assert error.message == "cannot list: something odd"
    assert explain("list", "").message == "cannot list: it said nothing"


def test_a_warning_that_always_stands_there_hides_no_error() -> None:
    """Compose warns of every variable that is not set; it is the cause only where no other is known."""
    warning = 'level=warning msg="The \\"TAG\\" variable is not set. Defaulting to a blank string."'
    full = explain("start the stack 'x'", f"{warning}\nwrite /data: no space left on device\n")
    assert "the disk is full" in full.message
    assert "wants a variable" in explain("start the stack 'x'", f"{warning}\ninvalid reference\n").message


def test_a_long_complaint_is_cut() -> None:
    """An error is read by people."""
    assert len(explain("list", "x" * 9000).message) < 500


def test_a_docker_without_compose_is_known() -> None:
    """By what it says of a command that it does not have."""
    assert lacks_compose("docker: 'compose' is not a docker command.\nSee 'docker --help'")
    assert lacks_compose("docker: unknown command: docker compose")
    assert not lacks_compose("permission denied")

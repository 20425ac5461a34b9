import json
import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import assert_usage_error, hex_id, make_user, run, serving, start_interpreter

USAGE = (
    "usage: python -m chatstack backend|agent|model, model --engine simulated|llama-cpp, "
    "users|forms add|remove < JSON, or audit < JSON"
)
# A role that unexpectedly listens ends with its stdin, so that its test fails instead of hanging.
ENDING = {"EXIT_WITH_STDIN": "1"}
BACKEND = {"JWT_SECRET": secrets.token_hex(32), "AGENT_URL": "http://x", "SQLITE_PATH": ":memory:"}


@pytest.mark.parametrize(
    "arguments", [[], ["frontend"], ["model", "again"], ["users"], ["users", "drop"], ["add", "users"]]
)
def test_wrong_arguments_show_the_usage(arguments: list[str]) -> None:
    """Unknown roles and unknown commands print the usage."""
    done = run(arguments, {})
    assert_usage_error(done, USAGE)


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["model", "again"], ""),
        (["model"], ""),
        (["users", "add"], "[]"),
        (["users", "add"], '[{"username": "ü"}]'),
    ],
)
def test_a_forked_command_does_the_same_as_a_started_one(
    store: dict[str, str], arguments: list[str], stdin: str
) -> None:
    """Both print the same and exit with the same code; tests fork because a start takes half a second."""
    variables = {**store, "PORT": "65536"}
    forked = run(arguments, variables, stdin)
    started = start_interpreter(arguments, variables, stdin)
    for name in ("returncode", "stdout", "stderr"):
        assert getattr(forked, name) == getattr(started, name)


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        ("backend", {}, "JWT_SECRET is not set"),
        ("backend", {"JWT_SECRET": secrets.token_hex(32)}, "AGENT_URL is not set"),
        ("backend", {**BACKEND, "WEBSOCKET": "false"}, "WEBSOCKET=false: must be 0 or 1"),
        ("backend", {**BACKEND, "RATE_LIMIT_PER_MINUTE": "00"}, "RATE_LIMIT_PER_MINUTE=00: must be 1 to"),
        ("agent", {}, "OLLAMA_URL is not set"),
        ("agent", {"OLLAMA_URL": "localhost:11434"}, "OLLAMA_URL=localhost:11434: not an address"),
        (
            "backend",
            {"JWT_SECRET": secrets.token_hex(32), "AGENT_URL": "http://x:y"},
            "AGENT_URL=http://x:y: not an address",
        ),
        ("agent", {"OLLAMA_URL": "http://x", "UPSTREAM_TIMEOUT_S": "0"}, "UPSTREAM_TIMEOUT_S=0: must be"),
        ("model", {"MODEL_DECODE_TPS": "fast"}, "MODEL_DECODE_TPS=fast: not a number"),
        ("model", {"OLLAMA_NUM_PARALLEL": "1.5"}, "OLLAMA_NUM_PARALLEL=1.5: not a whole number"),
        ("model", {"OLLAMA_NUM_PARALLEL": "0"}, "OLLAMA_NUM_PARALLEL=0: must be 1 to 1000000000"),
        ("model", {"MODEL_ERROR_RATIO": "2"}, "MODEL_ERROR_RATIO=2: must be 0 to 1"),
        ("model", {"MODEL_SLOWDOWN": "inf"}, "MODEL_SLOWDOWN=inf: must be"),
        ("model", {"PORT": "65536"}, "PORT=65536: must be 0 to 65535"),
        ("model", {"HOST": "192.0.2.1", "PORT": "0"}, "cannot listen on 192.0.2.1:0: "),
    ],
)
def test_wrong_settings_print_one_line(arguments: str, variables: dict[str, str], message: str) -> None:
    """A role with wrong settings ends with code 2 and one line that starts with the command."""
    assert_usage_error(run([arguments], {**ENDING, **variables}), f"chatstack {arguments}: {message}")


def test_a_used_port_prints_one_line() -> None:
    """A port that another process uses is a settings error."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = run(["model"], {**ENDING, "PORT": str(port)})
    assert_usage_error(done, f"chatstack model: cannot listen on 127.0.0.1:{port}: ")


@pytest.mark.parametrize("role", ["model", "agent", "backend"])
def test_a_service_announces_itself(stack: Stack, role: str) -> None:
    """The first line on stdout names the role, the address and the process id."""
    service = {"model": stack.model, "agent": stack.agent, "backend": stack.backend}[role]
    announcement = service.announcement
    assert announcement == {
        "event": "listening",
        "role": role,
        "url": service.url,
        "pid": service.process.pid,
    }
    assert httpx.get(f"{service.url}/metrics", trust_env=False).status_code == 200


def test_an_ipv6_address_is_announced_in_brackets() -> None:
    """The announced URL of an IPv6 host has brackets."""
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    with serving("model", {"HOST": "::1"}) as model:
        assert model.url.startswith("http://[::1]:")
        assert httpx.get(f"{model.url}/", trust_env=False).status_code == 200


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_service_without_an_error(signal_number: signal.Signals) -> None:
    """After SIGTERM or SIGINT a service ends with code 0 or by the signal, and stderr is empty."""
    with serving("model") as model:
        model.process.send_signal(signal_number)
        model.process.wait()
        code, err = model.process.stop()
    assert code in (0, -signal_number)
    assert err == ""


def test_closing_stdin_ends_a_service_with_exit_with_stdin() -> None:
    """With EXIT_WITH_STDIN a service ends when its stdin is closed."""
    with serving("model", ENDING) as model:
        model.process.stdin.write("ignored text")
        model.process.stdin.close()
        assert model.process.wait() == 0
        assert model.process.stop() == (0, "")


Command = Callable[[str, str, object], int]


@pytest.fixture
def store(tmp_path: Path) -> dict[str, str]:
    """Return the variables of a new store."""
    return {"SQLITE_PATH": str(tmp_path / "store.sqlite")}


@pytest.fixture
def command(store: dict[str, str]) -> Command:
    """Return a function that runs a command on the store and returns the number of changes."""

    def run_command(collection: str, action: str, content: object) -> int:
        done = run([collection, action], store, json.dumps(content))
        assert (done.returncode, done.stderr) == (0, "")
        (changed,) = json.loads(done.stdout).items()
        assert changed[0] == "changed"
        return int(changed[1])

    return run_command


def test_users_are_added_and_removed(command: Command) -> None:
    """The command prints the number of added or removed users."""
    users = [make_user(), make_user()]
    ids = [user["_id"] for user in users]
    assert command("users", "add", users) == 2
    assert command("users", "remove", [*ids, hex_id()]) == 2
    assert command("users", "remove", ids) == 0


def test_forms_are_added_and_removed(command: Command) -> None:
    """The command prints the number of forms, and adding a form twice is no error."""
    ids = [hex_id(), hex_id()]
    assert command("forms", "add", ids) == 2
    assert command("forms", "add", ids) == 2
    assert command("forms", "remove", [*ids, hex_id()]) == 2
    assert command("forms", "remove", []) == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ("users add", "not JSON", "stdin is not JSON: "),
        ("users add", "", "stdin is not JSON: "),
        pytest.param("users add", "[" * 100_000, "stdin is not JSON: ", id="too deep"),
        ("users add", "{}", "stdin must be a JSON list"),
        ("users add", '["id"]', "stdin must be a list of users with _id, username and email"),
        ("users add", '[{"_id": "1"}]', "stdin must be a list of users with _id, username and email"),
        ("users remove", "[1]", "stdin must be a list of ids"),
        ("forms add", '[{"_id": "1"}]', "stdin must be a list of ids"),
        ("forms remove", "null", "stdin must be a JSON list"),
    ],
)
def test_wrong_input_prints_one_line(store: dict[str, str], arguments: str, stdin: str, message: str) -> None:
    """Input that is not the expected list is refused with one line."""
    done = run(arguments.split(), store, stdin)
    assert_usage_error(done, f"chatstack {arguments}: {message}")


@pytest.mark.parametrize("field", ["_id", "username", "email"])
@pytest.mark.parametrize("value", [None, "", 1, [], {}])
def test_the_names_of_a_user_must_be_texts(store: dict[str, str], field: str, value: object) -> None:
    """A user with an empty or non-text id, user name or e-mail address is refused."""
    done = run(["users", "add"], store, json.dumps([make_user(**{field: value})]))
    message = "stdin must be a list of users with _id, username and email"
    assert_usage_error(done, f"chatstack users add: {message}")


def test_a_duplicate_user_prints_one_line(store: dict[str, str], command: Command) -> None:
    """A user who exists is refused with one line, and no user of the list is added."""
    present, new = make_user(), make_user()
    command("users", "add", [present])
    done = run(["users", "add"], store, json.dumps([new, present]))
    assert_usage_error(done, "chatstack users add: this user exists already: ")
    assert command("users", "remove", [new["_id"]]) == 0


WITHOUT_STORE: list[tuple[dict[str, str], str]] = [
    ({}, "SQLITE_PATH is not set"),
    ({"SQLITE_PATH": "/does/not/exist"}, "SQLITE_PATH=/does/not/exist: unable to open database file"),
]


@pytest.mark.parametrize(("variables", "message"), WITHOUT_STORE)
@pytest.mark.parametrize(
    ("role", "others"),
    [
        ("agent", {"OLLAMA_URL": "http://127.0.0.1:1"}),
        ("backend", {"AGENT_URL": "http://127.0.0.1:1", "JWT_SECRET": secrets.token_hex(32)}),
    ],
)
def test_a_role_needs_a_store(
    role: str, others: dict[str, str], variables: dict[str, str], message: str
) -> None:
    """A role without a store never listens, and ends with one line that names the variable."""
    assert_usage_error(run([role], {**ENDING, **others, **variables}), f"chatstack {role}: {message}")


@pytest.mark.parametrize(("variables", "message"), WITHOUT_STORE)
def test_a_command_needs_a_store(variables: dict[str, str], message: str) -> None:
    """A command without a store ends with one line that names the variable."""
    assert_usage_error(run(["forms", "add"], variables, "[]"), f"chatstack forms add: {message}")

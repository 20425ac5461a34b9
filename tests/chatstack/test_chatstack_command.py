import json
import secrets
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import assert_one_line, ended, hex_id, make_user, run, serving

USAGE = "usage: python -m chatstack backend|agent|model, or users|forms add|remove < JSON"
# A role that listens against all expectation ends with its stdin, so its test fails and does not hang.
ENDING = {"EXIT_WITH_STDIN": "1"}


@pytest.mark.parametrize(
    "arguments", [[], ["frontend"], ["model", "again"], ["users"], ["users", "drop"], ["add", "users"]]
)
def test_wrong_arguments_show_the_usage(arguments: list[str]) -> None:
    """Whatever is no role and no command on a collection ends with the usage."""
    done = run(arguments, {})
    assert_one_line(done, USAGE)


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        ("backend", {}, "JWT_SECRET is not set"),
        ("backend", {"JWT_SECRET": secrets.token_hex(32)}, "AGENT_URL is not set"),
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
        ("model", {"OLLAMA_NUM_PARALLEL": "0"}, "OLLAMA_NUM_PARALLEL=0: must be 1 to 1e+09"),
        ("model", {"MODEL_ERROR_RATIO": "2"}, "MODEL_ERROR_RATIO=2: must be 0 to 1"),
        ("model", {"MODEL_SLOWDOWN": "inf"}, "MODEL_SLOWDOWN=inf: must be"),
        ("model", {"PORT": "65536"}, "PORT=65536: must be 0 to 65535"),
        ("model", {"HOST": "192.0.2.1", "PORT": "0"}, "cannot listen on 192.0.2.1:0: "),
    ],
)
def test_wrong_settings_are_one_line(arguments: str, variables: dict[str, str], message: str) -> None:
    """A role whose settings are wrong ends with code 2 and one sentence, which begins with the command."""
    assert_one_line(run([arguments], {**ENDING, **variables}), f"chatstack {arguments}: {message}")


def test_a_taken_port_is_one_line() -> None:
    """A port that somebody else listens on is an error of the settings."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(["model"], {**ENDING, "PORT": str(port)})
    assert_one_line(done, f"chatstack model: cannot listen on 127.0.0.1:{port}: ")


@pytest.mark.parametrize("role", ["model", "agent", "backend"])
def test_a_service_announces_itself(stack: Stack, role: str) -> None:
    """The first line on stdout says what listens where, and there it does."""
    service = {"model": stack.model, "agent": stack.agent, "backend": stack.backend}[role]
    said = service.announcement
    assert said == {"event": "listening", "role": role, "url": service.url, "pid": service.process.pid}
    assert httpx.get(f"{service.url}/metrics", trust_env=False).status_code == 200


def test_an_address_of_ipv6_is_a_url_in_brackets() -> None:
    """The address of an IPv6 host is announced as URLs write it."""
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


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_service_quietly(told: signal.Signals) -> None:
    """Told to end, or interrupted, a service ends with code 0 or by that signal, and complains of nothing."""
    with serving("model") as model:
        model.process.send_signal(told)
        model.process.wait()
        code, err = ended(model.process)
    assert code in (0, -told)
    assert err == ""


def test_closing_stdin_ends_a_service_that_was_asked_to() -> None:
    """With EXIT_WITH_STDIN a service ends by itself once its starter's end of the pipe is closed."""
    with serving("model", ENDING) as model:
        assert model.process.stdin
        model.process.stdin.write("said meanwhile")
        model.process.stdin.close()
        assert model.process.wait() == 0
        assert ended(model.process) == (0, "")


Command = Callable[[str, str, object], int]


@pytest.fixture
def store(tmp_path: Path) -> dict[str, str]:
    """A new store."""
    return {"SQLITE_PATH": str(tmp_path / "store.sqlite")}


@pytest.fixture
def command(store: dict[str, str]) -> Command:
    """Runs a command on that store and returns how much changed."""

    def run_it(collection: str, action: str, content: object) -> int:
        done = run([collection, action], store, json.dumps(content))
        assert (done.returncode, done.stderr) == (0, "")
        (changed,) = json.loads(done.stdout).items()
        assert changed[0] == "changed"
        return int(changed[1])

    return run_it


def test_users_are_added_and_removed(command: Command) -> None:
    """The count that is printed is how many users went in, or were there to be taken out."""
    users = [make_user(), make_user()]
    ids = [each["_id"] for each in users]
    assert command("users", "add", users) == 2
    assert command("users", "remove", [*ids, hex_id()]) == 2
    assert command("users", "remove", ids) == 0


def test_forms_are_added_and_removed(command: Command) -> None:
    """Forms likewise, but a form that is there already is no error."""
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
def test_wrong_input_is_one_line(store: dict[str, str], arguments: str, stdin: str, message: str) -> None:
    """What is not the list that the command reads is refused in one sentence."""
    done = run(arguments.split(), store, stdin)
    assert_one_line(done, f"chatstack {arguments}: {message}")


@pytest.mark.parametrize("field", ["_id", "username", "email"])
@pytest.mark.parametrize("value", [None, "", 1, [], {}])
def test_a_users_names_are_texts(store: dict[str, str], field: str, value: object) -> None:
    """A user whose id, name or e-mail address is empty or no text is refused in one sentence."""
    done = run(["users", "add"], store, json.dumps([make_user(**{field: value})]))
    message = "stdin must be a list of users with _id, username and email"
    assert_one_line(done, f"chatstack users add: {message}")


def test_a_duplicate_user_is_one_line(store: dict[str, str], command: Command) -> None:
    """A user that is there already is refused in one sentence, and those who came along stay out."""
    present, new = make_user(), make_user()
    command("users", "add", [present])
    done = run(["users", "add"], store, json.dumps([new, present]))
    assert_one_line(done, "chatstack users add: this user exists already: ")
    assert command("users", "remove", [new["_id"]]) == 0


STORELESS: list[tuple[dict[str, str], str]] = [
    ({}, "SQLITE_PATH is not set"),
    ({"SQLITE_PATH": "/does/not/exist"}, "SQLITE_PATH=/does/not/exist: unable to open database file"),
]


@pytest.mark.parametrize(("variables", "message"), STORELESS)
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
    """Without a store that opens, a role never listens and ends in one sentence that names the variable."""
    assert_one_line(run([role], {**ENDING, **others, **variables}), f"chatstack {role}: {message}")


@pytest.mark.parametrize(("variables", "message"), STORELESS)
def test_a_command_needs_a_store(variables: dict[str, str], message: str) -> None:
    """Without a store that opens, a command ends in one sentence that names the variable."""
    assert_one_line(run(["forms", "add"], variables, "[]"), f"chatstack forms add: {message}")

import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from jwt.utils import base64url_decode

from tests.chatstack.conftest import Stack
from tests.chatstack.stacks import Service, assert_usage_error, bearer, mint, run, serving
from tests.eventually import eventually

ME = "/api/auth/me"
LOGOUT = "/api/auth/logout"
THREADS = 4
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class KeysOnDisk:
    """A file of keys that a test rotates."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.secrets: dict[str, str] = {}

    def write(self, *kids: str) -> None:
        """Write these keys in this order, with new secrets for new ids, in one step."""
        for kid in kids:
            self.secrets.setdefault(kid, secrets.token_hex(32))
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({kid: self.secrets[kid] for kid in kids}), encoding="utf-8")
        new.replace(self.path)

    def mint(self, kid: object, user: Mapping[str, Any], secret: str | None = None) -> str:
        """Return a token with this key id, signed by its key or another secret."""
        claims = jwt.decode(mint("x" * 32, user), options={"verify_signature": False})
        return jwt.encode(claims, secret or self.secrets[str(kid)], algorithm="HS256", headers={"kid": kid})


@pytest.fixture(scope="module")
def shared_keys(tmp_path_factory: pytest.TempPathFactory) -> KeysOnDisk:
    """Return the file of keys of both backends."""
    made = KeysOnDisk(tmp_path_factory.mktemp("keys") / "keys.json")
    made.write("first")
    return made


@pytest.fixture
def keys(shared_keys: KeysOnDisk) -> KeysOnDisk:
    """Return the file with one key."""
    shared_keys.write("first")
    return shared_keys


@pytest.fixture(scope="module")
def backends(shared_keys: KeysOnDisk, stack: Stack) -> Iterator[list[Service]]:
    """Run two backends with the same file of keys and the same store."""
    variables = {**stack.variables, "AGENT_URL": stack.agent.url, "JWT_KEYS_FILE": str(shared_keys.path)}
    with serving("backend", variables) as one, serving("backend", variables) as two:
        yield [one, two]


def _get(backend: Service, token: str) -> tuple[int, str | None]:
    response = httpx.get(backend.url + ME, headers=bearer(token), timeout=60, trust_env=False)
    return response.status_code, response.json().get("error")


ACCEPTED = (200, None)
INVALID = (401, "Invalid token")


def test_keys_are_rotated_without_a_refused_request(
    backends: list[Service], keys: KeysOnDisk, user: dict[str, Any]
) -> None:
    """While clients send without a pause through two backends, a key is added, promoted, and removed."""
    tokens = [keys.mint("first", user)]
    stopped = threading.Event()
    answers: list[list[tuple[int, str | None]]] = [[] for _ in range(THREADS)]

    def send(number: int) -> None:
        backend = backends[number % len(backends)]
        with httpx.Client(base_url=backend.url, timeout=60, trust_env=False) as client:
            while not stopped.is_set():
                response = client.get(ME, headers=bearer(tokens[0]))
                answers[number].append((response.status_code, response.json().get("error")))

    def wait_for_answers() -> None:
        """Wait until each client has answers of requests that it began after this call."""
        goals = [len(of_client) + 3 for of_client in answers]
        eventually(lambda: all(len(answers[number]) >= goal for number, goal in enumerate(goals)))

    with ThreadPoolExecutor(THREADS) as pool:
        senders = [pool.submit(send, number) for number in range(THREADS)]
        try:
            wait_for_answers()
            for old, new in (("first", "second"), ("second", "third")):
                keys.write(old, new)
                wait_for_answers()
                keys.write(new, old)
                tokens[0] = keys.mint(new, user)
                wait_for_answers()
                keys.write(new)
                wait_for_answers()
        finally:
            stopped.set()
        for sender in senders:
            sender.result()
    assert set().union(*answers) == {ACCEPTED}
    assert _get(backends[0], keys.mint("first", user)) == INVALID


def test_the_first_key_signs_and_all_keys_verify(
    backends: list[Service], keys: KeysOnDisk, stack: Stack, user: dict[str, Any]
) -> None:
    """New tokens name the first key; tokens of the other key, and tokens without a key id, stay valid."""
    keys.write("second", "first")
    refresh = {"refreshToken": mint(stack.secret, user, type="refresh")}
    for backend in backends:
        answer = httpx.post(f"{backend.url}/api/auth/refresh", json=refresh, timeout=60, trust_env=False)
        token = answer.json()["accessToken"]
        assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": "second"}
        for accepted in (token, keys.mint("first", user), mint(stack.secret, user)):
            assert _get(backend, accepted) == ACCEPTED


def test_tokens_of_other_keys_are_refused(
    backends: list[Service], keys: KeysOnDisk, stack: Stack, user: dict[str, Any]
) -> None:
    """An unknown key id, the secret of another key, and another algorithm are invalid."""
    keys.write("first", "second")
    claims = jwt.decode(mint("x" * 32, user), options={"verify_signature": False})
    refused = [
        keys.mint("third", user, secrets.token_hex(32)),
        keys.mint("", user, keys.secrets["first"]),
        keys.mint("../first", user, keys.secrets["first"]),
        keys.mint("first", user, keys.secrets["second"]),
        keys.mint("first", user, stack.secret),
        mint(keys.secrets["first"], user),
        jwt.encode(claims, keys.secrets["first"], algorithm="HS512", headers={"kid": "first"}),
        jwt.encode(claims, "", algorithm="none", headers={"kid": "first"}),
    ]
    assert {_get(backends[0], token) for token in refused} == {INVALID}


def test_a_file_that_is_not_valid_changes_no_key(
    backends: list[Service], keys: KeysOnDisk, user: dict[str, Any]
) -> None:
    """While the file is half written, missing or wrong, the keys from before stay in use."""
    token = keys.mint("first", user)
    keys.write("second")
    text = keys.path.read_text(encoding="utf-8")
    keys.write("first")
    for broken in (text[:-5], "", "{}", "[]", '{"second": "short"}', '{"second": 5}'):
        keys.path.write_text(broken, encoding="utf-8")
        assert _get(backends[0], token) == ACCEPTED
    keys.path.unlink()
    assert _get(backends[0], token) == ACCEPTED
    keys.path.write_text(text, encoding="utf-8")
    assert _get(backends[0], token) == INVALID
    assert _get(backends[0], keys.mint("second", user)) == ACCEPTED


def test_a_revoked_token_stays_revoked_under_rotation_and_at_every_replica(
    backends: list[Service], keys: KeysOnDisk, user: dict[str, Any]
) -> None:
    """A token that one backend revoked is refused by the other too, wherever its key stands in the file."""
    token = keys.mint("first", user)
    logout = httpx.post(backends[0].url + LOGOUT, headers=bearer(token), timeout=60, trust_env=False)
    assert logout.status_code == 200
    for kids in (("first",), ("first", "second"), ("second", "first")):
        keys.write(*kids)
        for backend in backends:
            assert _get(backend, token) == (401, "Token revoked")
    assert _get(backends[1], keys.mint("first", user)) == ACCEPTED


def test_a_revoked_token_has_no_other_spelling(stack: Stack, user: dict[str, Any]) -> None:
    """Decoders read several texts as one signature; one of them is accepted, so that it can be revoked."""
    token = mint(stack.secret, user)
    head, _, signature = token.rpartition(".")
    place = BASE64URL.index(signature[-1])
    other_bits = signature[:-1] + BASE64URL[place ^ 1]
    assert base64url_decode(other_bits) == base64url_decode(signature)
    for spelling in (other_bits, signature + "=", signature + "!", signature[:4] + "." + signature[4:]):
        assert _get(stack.backend, f"{head}.{spelling}") == INVALID
    assert _get(stack.backend, token) == ACCEPTED


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["No such file"]),
        ("[", ["not JSON"]),
        ("[]", ["not a JSON object"]),
        ("{}", ["not a JSON object"]),
        ('{"a": "too-short"}', ["'a'", "32 bytes"]),
        ('{"": "0123456789abcdef0123456789abcdef"}', ["empty"]),
        ('{"a": "x", "a": "y"}', ["twice"]),
    ],
)
def test_a_wrong_file_of_keys_is_a_usage_error(
    tmp_path: Path, stack: Stack, content: str | None, words: list[str]
) -> None:
    """A backend does not start without valid keys, and its message repeats no secret."""
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    variables = {**stack.variables, "AGENT_URL": stack.agent.url, "JWT_KEYS_FILE": str(path)}
    done = run(["backend"], variables)
    assert_usage_error(done, f"JWT_KEYS_FILE={path}", *words)
    assert "too-short" not in done.stderr

import json
import secrets
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from bench.core.config.stack import Stack, Users
from bench.errors import ConfigError, StoreError, TargetError
from bench.measure.persistent.manual import add_manual_users, remove_manual_users
from bench.measure.users.auth import Account, jwt_secret, mint, require_users
from bench.measure.users.document_stores import (
    CommandDocumentStore,
    MongoDocumentStore,
    open_store,
)
from bench.measure.users.provisioning import JOURNALS, provision_fixtures, provision_users
from bench.owners.process import Owner
from bench.store import stacks

# A store in a text file: one JSON line for each change.
PROGRAM = """
import json, os, sys
with open(os.environ["LOG"], "a") as log:
    print(json.dumps([sys.argv[1], json.load(sys.stdin)]), file=log)
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _stack(program: str = PROGRAM) -> Stack:
    users = {
        "store": {
            "kind": "command",
            "command": ["${python}", "-c", program],
            "environment": {"LOG": "${state}/log"},
        },
        "document": {"_id": "${id}", "username": "${username}", "createdAt": "${now}", "isActive": True},
        "claims": {"userId": "${id}", "username": "${username}"},
    }
    return Stack.model_validate({"name": "trial", "purpose": "A test.", "users": users})


def _values(folder: Path) -> dict[str, str]:
    return {"python": sys.executable, "state": str(folder)}


def _changes(folder: Path) -> list[list[Any]]:
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


def test_users_exist_during_the_block(tmp_path: Path) -> None:
    """The requested number of distinct users is added, and the same users are removed."""
    with provision_users(_stack(), _values(tmp_path), 3, "run-1", pytest.fail) as users:
        ((action, documents),) = _changes(tmp_path)
        assert action == "add"
        assert [document["_id"] for document in documents] == [user.id for user in users]
        assert len({user.id for user in users}) == 3
        assert all(document["isActive"] is True for document in documents)
        assert list(JOURNALS.glob("*.json"))
    assert _changes(tmp_path)[1] == ["remove", [user.id for user in users]]
    assert not list(JOURNALS.glob("*.json"))


def test_users_are_removed_when_the_run_fails(tmp_path: Path) -> None:
    """An error and Ctrl-C during the block remove the users too."""
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), provision_users(_stack(), _values(tmp_path), 1, "run-1", pytest.fail):
            raise error
    assert [action for action, _ in _changes(tmp_path)] == ["add", "remove"] * 2


def test_the_next_run_removes_the_users_of_a_killed_run(tmp_path: Path) -> None:
    """This holds for the same stack only. A younger process with its id is not its owner."""
    left = {"stack": "trial", "owner": str(replace(Owner.current(), start=1)), "ids": ["a" * 24]}
    JOURNALS.mkdir(parents=True)
    (JOURNALS / "old.json").write_text(json.dumps(left))
    (JOURNALS / "other.json").write_text(json.dumps({**left, "stack": "elsewhere"}))
    (JOURNALS / "half.json").write_text('{"sta')
    with provision_users(_stack(), _values(tmp_path), 1, "run-2", pytest.fail):
        assert _changes(tmp_path)[0] == ["remove", ["a" * 24]]
    assert sorted(path.name for path in JOURNALS.glob("*.json")) == ["half.json", "other.json"]


def test_users_of_a_running_process_are_kept(tmp_path: Path) -> None:
    """Two simultaneous runs do not remove each other's users."""
    with (
        provision_users(_stack(), _values(tmp_path), 1, "run-1", pytest.fail),
        provision_users(_stack(), _values(tmp_path), 1, "run-2", pytest.fail),
    ):
        assert [action for action, _ in _changes(tmp_path)] == ["add", "add"]


def test_users_that_cannot_be_removed_give_a_warning(tmp_path: Path) -> None:
    """The run does not fail, and the journal remains for the next run."""
    program = PROGRAM + "\nif sys.argv[1] == 'remove': sys.exit('the store is gone')\n"
    warnings: list[str] = []
    with provision_users(_stack(program), _values(tmp_path), 1, "run-1", warnings.append):
        pass
    assert warnings == ["cannot remove test data: the store is gone; the next run on 'trial' tries again"]
    assert [path.name for path in JOURNALS.glob("*.json")] == ["run-1.json"]


def test_the_error_of_a_store_contains_its_last_line(tmp_path: Path) -> None:
    """The last line of stderr is the reason."""
    stack = _stack("import sys; sys.exit('no such table\\nreally')")
    with (
        pytest.raises(TargetError, match="cannot add test data: really"),
        provision_users(stack, _values(tmp_path), 1, "run-1", lambda _: None),
    ):
        pass


def test_a_silent_or_missing_program_is_an_error() -> None:
    """Both have a message."""
    silent = CommandDocumentStore([sys.executable, "-c", "import sys; sys.exit(1)"], {})
    with pytest.raises(TargetError, match="the program printed no error"):
        silent.add([])
    with pytest.raises(TargetError, match="No such file"):
        CommandDocumentStore(["/no/such/program"], {}).remove([])


def test_a_stack_without_users_gets_none(tmp_path: Path) -> None:
    """A stack that needs no token declares no users."""
    stack = Stack(name="open", purpose="x")
    with provision_users(stack, _values(tmp_path), 3, "run-1", pytest.fail) as users:
        assert users == ()
    with pytest.raises(ConfigError, match="stack 'open' declares no users"):
        require_users(stack)


def test_a_journal_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    """A user without a journal could not be removed after a crash, so none is added."""
    (tmp_path / ".bench").write_text("a file stands here")
    with (
        pytest.raises(StoreError, match="cannot write"),
        provision_users(_stack(), _values(tmp_path), 1, "run-1", pytest.fail),
    ):
        pass
    assert not (tmp_path / "log").exists()


def test_a_token_has_the_declared_claims() -> None:
    """It has the signature of the secret, and was issued a minute ago, for clocks that differ."""
    users = _declared()
    secret = jwt_secret({"JWT_SECRET": secrets.token_hex(32)}, generate=False)
    user = Account.make("RUN", 3)
    now = datetime.now(UTC).replace(microsecond=0)
    token = mint(user, users, secret, now)
    claims = jwt.decode(token, secret.get_secret_value(), algorithms=["HS256"])
    assert claims == {
        "userId": user.id,
        "username": "bench-run-3",
        "iat": int((now - timedelta(minutes=1)).timestamp()),
        "exp": int((now + timedelta(days=1)).timestamp()),
    }
    assert len(user.id) == 24


@pytest.mark.filterwarnings("error")
def test_a_short_secret_gives_no_warning_of_a_package() -> None:
    """The service chose the secret."""
    token = mint(Account.make("run", 1), _declared(), SecretStr("short"))
    assert token.count(".") == 2


def _declared() -> Users:
    return require_users(_stack())


def test_the_secret_is_read_or_generated() -> None:
    """A stack that bench starts gets a new secret; one that runs elsewhere has its own."""
    one, two = jwt_secret({}, generate=True), jwt_secret({}, generate=True)
    assert one.get_secret_value() != two.get_secret_value()
    assert len(one.get_secret_value()) >= 32
    assert one.get_secret_value() not in f"{one} {one!r}"
    with pytest.raises(ConfigError, match="JWT_SECRET is not set") as caught:
        jwt_secret({"JWT_SECRET": ""}, generate=False)
    assert caught.value.hint is not None


def test_manual_users_need_a_stack_that_is_up() -> None:
    """Adding and removing them reports a stack that is not up."""
    with pytest.raises(TargetError, match="stack 'embedded' is not up"):
        add_manual_users(stacks.load("embedded"), 1)
    with pytest.raises(TargetError, match="stack 'embedded' is not up"):
        remove_manual_users(stacks.load("embedded"), ["a" * 24])


def test_an_external_stack_needs_its_database_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint names MONGODB_URI."""
    monkeypatch.delenv("MONGODB_URI", raising=False)
    with pytest.raises(ConfigError, match=r"users\.store\.uri") as caught:
        add_manual_users(stacks.load("external"), 1)
    assert (caught.value.hint or "").startswith("export MONGODB_URI=…")


def test_the_error_of_a_database_omits_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message omits the address, which may contain a password."""
    monkeypatch.setattr("bench.measure.users.document_stores._TIMEOUT_MS", 50)
    password = secrets.token_hex(8)
    uri = f"mongodb://tess:{password}@127.0.0.1:1/doc2formjson"
    users = require_users(stacks.load("external"))
    store = open_store(users.store, {"env.MONGODB_URI": uri}, {}, "users.store")
    assert isinstance(store, MongoDocumentStore)
    with pytest.raises(TargetError, match="cannot add test data in MongoDB") as caught:
        store.add([{"_id": "a" * 24, "createdAt": datetime.now(UTC).isoformat()}])
    assert password not in caught.value.message + (caught.value.hint or "")
    with pytest.raises(TargetError, match="cannot remove"):
        store.remove(["a" * 24])


def test_an_invalid_database_address_is_a_target_error() -> None:
    """An invalid port raises no other exception."""
    users = require_users(stacks.load("external"))
    store = open_store(users.store, {"env.MONGODB_URI": "mongodb://127.0.0.1:99999/db"}, {}, "users.store")
    with pytest.raises(TargetError, match="cannot remove test data in MongoDB"):
        store.remove(["a" * 24])


def _stack_with_fixtures(program: str = PROGRAM) -> Stack:
    fixture = {
        "store": {
            "kind": "command",
            "command": ["${python}", "-c", program],
            "environment": {"LOG": "${state}/log"},
        },
        "items": ["form-1", {"_id": "form-2"}],
    }
    return Stack.model_validate({"name": "trial", "purpose": "A test.", "fixtures": {"forms": fixture}})


def test_fixtures_exist_during_the_block(tmp_path: Path) -> None:
    """They are replaced at the start, and removed even after an error."""
    with (
        pytest.raises(RuntimeError),
        provision_fixtures(_stack_with_fixtures(), _values(tmp_path), ["forms"], pytest.fail),
    ):
        raise RuntimeError
    ids = ["form-1", "form-2"]
    assert _changes(tmp_path) == [["remove", ids], ["add", ["form-1", {"_id": "form-2"}]], ["remove", ids]]


def test_an_undeclared_fixture_is_an_error(tmp_path: Path) -> None:
    """The message contains its name."""
    with (
        pytest.raises(ConfigError, match="stack 'trial' declares no fixture 'pets'"),
        provision_fixtures(_stack_with_fixtures(), _values(tmp_path), ["pets"], pytest.fail),
    ):
        pass


def test_a_fixture_that_cannot_be_removed_gives_a_warning(tmp_path: Path) -> None:
    """The run does not fail."""
    program = PROGRAM + "\nif open(os.environ['LOG']).read().count('remove') > 1: sys.exit('gone')\n"
    warnings: list[str] = []
    with provision_fixtures(_stack_with_fixtures(program), _values(tmp_path), ["forms"], warnings.append):
        pass
    assert warnings == ["cannot remove test data: gone"]

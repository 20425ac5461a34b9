"""The same laws for every store; the MongoDB tests need a server at BENCH_TEST_MONGODB_URI."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import pytest
from pymongo import MongoClient

from chatstack.settings import Settings, SettingsError
from chatstack.stores.opening import open_store
from chatstack.stores.store import Store, TakenError
from tests.chatstack.stacks import hex_id, make_user

Opener: TypeAlias = Callable[[], AbstractAsyncContextManager[Store]]
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def mongodb() -> Iterator[dict[str, str]]:
    """Use a new database on the server of the environment, and drop it afterwards."""
    server = os.environ.get("BENCH_TEST_MONGODB_URI")
    if not server:
        pytest.skip("BENCH_TEST_MONGODB_URI is not set: the MongoDB store was not tested")
    name = f"chatstack_test_{secrets.token_hex(6)}"
    uri = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    yield {"MONGODB_URI": uri}
    with MongoClient[dict[str, Any]](server) as client:
        client.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("mongodb", marks=pytest.mark.containers)])
def variables(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Return the environment variables of each store."""
    if request.param == "sqlite":
        return {"SQLITE_PATH": str(tmp_path / "store.sqlite")}
    mongodb_variables: dict[str, str] = request.getfixturevalue("mongodb")
    return mongodb_variables


@pytest.fixture
def open_test_store(variables: dict[str, str]) -> Opener:
    """Return a function that opens the store."""

    @asynccontextmanager
    async def opened_store() -> AsyncIterator[Store]:
        store = await open_store(Settings(variables))
        try:
            yield store
        finally:
            await store.close()

    return opened_store


def _check_store(open_test_store: Opener, check: Callable[[Store], Awaitable[None]]) -> None:
    """Open the store and run a check."""

    async def run() -> None:
        async with open_test_store() as store:
            await check(store)

    asyncio.run(run())


def _comparable(user: dict[str, Any]) -> dict[str, Any]:
    """Return the user with its dates as moments, because a store may write dates in its own format."""
    return {
        key: datetime.fromisoformat(value) if key.endswith("At") and value else value
        for key, value in user.items()
    }


def test_a_user_is_read_as_it_was_added(open_test_store: Opener) -> None:
    """Every field of a user is read back, and dates are the same moments."""

    async def check(store: Store) -> None:
        user = make_user(fullName="Ada 👩‍💻", passkeys=[{"id": "x"}], lastLoginAt="2025-06-01T12:00:00.500Z")
        other = make_user(isActive=False)
        await store.add_users([user, other])
        for added in (user, other):
            stored = await store.user(added["_id"])
            assert stored is not None
            assert _comparable(stored) == _comparable(added)

    _check_store(open_test_store, check)


def test_a_missing_user_is_none(open_test_store: Opener) -> None:
    """An unknown id of any shape gives None."""

    async def check(store: Store) -> None:
        await store.add_users([make_user()])
        for user_id in (hex_id(), "", "not hexadecimal", "🙂"):
            assert await store.user(user_id) is None

    _check_store(open_test_store, check)


@pytest.mark.parametrize("field", ["_id", "username", "email"])
def test_users_are_added_all_or_none(open_test_store: Opener, field: str) -> None:
    """If one id, user name or e-mail address is taken, no user of the list is added."""

    async def check(store: Store) -> None:
        present, before, after = make_user(), make_user(), make_user()
        await store.add_users([present])
        clash = make_user(**{field: present[field]})
        with pytest.raises(TakenError):
            await store.add_users([before, clash, after])
        for user in (before, after, *([clash] if field != "_id" else [])):
            assert await store.user(user["_id"]) is None
        stored = await store.user(present["_id"])
        assert stored is not None
        assert _comparable(stored) == _comparable(present)

    _check_store(open_test_store, check)


@pytest.mark.parametrize("field", ["_id", "username", "email"])
def test_a_list_of_users_may_not_have_duplicates(open_test_store: Opener, field: str) -> None:
    """Two users of one list with the same id, user name or e-mail address are both refused."""

    async def check(store: Store) -> None:
        first = make_user()
        second = make_user(**{field: first[field]})
        with pytest.raises(TakenError):
            await store.add_users([first, second])
        assert await store.user(first["_id"]) is None
        assert await store.user(second["_id"]) is None

    _check_store(open_test_store, check)


def test_removing_users_counts_the_removed_users(open_test_store: Opener) -> None:
    """Only the named users are removed, and their names are free again."""

    async def check(store: Store) -> None:
        removed, kept = make_user(), make_user()
        await store.add_users([removed, kept])
        assert await store.remove_users([removed["_id"], hex_id(), "not hexadecimal"]) == 1
        assert await store.remove_users([removed["_id"]]) == 0
        assert await store.user(removed["_id"]) is None
        assert await store.user(kept["_id"]) is not None
        await store.add_users([removed])

    _check_store(open_test_store, check)


def test_empty_lists_change_nothing(open_test_store: Opener) -> None:
    """Adding and removing an empty list is not an error."""

    async def check(store: Store) -> None:
        await store.add_users([])
        await store.add_forms([])
        assert await store.remove_users([]) == 0
        assert await store.remove_forms([]) == 0

    _check_store(open_test_store, check)


def test_a_revoked_token_stays_revoked(open_test_store: Opener) -> None:
    """Revoking a token once or twice affects this token only."""

    async def check(store: Store) -> None:
        token, other = secrets.token_hex(100), secrets.token_hex(100)
        assert not await store.is_revoked(token)
        await store.revoke(token, NOW + timedelta(hours=24))
        await store.revoke(token, NOW + timedelta(hours=25))
        assert await store.is_revoked(token)
        assert not await store.is_revoked(other)

    _check_store(open_test_store, check)


def test_forms_stay_until_they_are_removed(open_test_store: Opener) -> None:
    """A form may be added twice, may have an id of any shape, and is removed once."""

    async def check(store: Store) -> None:
        hexadecimal, other_shape = hex_id(), f"form-{secrets.token_hex(4)}"
        await store.add_forms([hexadecimal, other_shape])
        await store.add_forms([hexadecimal])
        assert await store.has_form(hexadecimal)
        assert await store.has_form(other_shape)
        assert not await store.has_form(hex_id())
        assert await store.remove_forms([hexadecimal, other_shape, hex_id()]) == 2
        assert not await store.has_form(hexadecimal)
        assert await store.remove_forms([hexadecimal]) == 0

    _check_store(open_test_store, check)


def test_publications_are_counted_by_form(open_test_store: Opener) -> None:
    """Each publication counts for its form, even at the same moment."""

    async def check(store: Store) -> None:
        form = hex_id()
        assert await store.publications(form) == 0
        for _ in range(3):
            await store.record_publication(form, NOW)
        assert await store.publications(form) == 3
        assert await store.publications(hex_id()) == 0

    _check_store(open_test_store, check)


def test_chats_are_counted_by_user(open_test_store: Opener) -> None:
    """Each message counts for its user."""

    async def check(store: Store) -> None:
        user = hex_id()
        assert await store.chats(user) == 0
        await store.record_chat(user, 5, NOW)
        await store.record_chat(user, 9_999, NOW)
        assert await store.chats(user) == 2
        assert await store.chats(hex_id()) == 0

    _check_store(open_test_store, check)


def test_two_processes_share_a_store(open_test_store: Opener) -> None:
    """A process reads at once what another process wrote to the same store."""

    async def check() -> None:
        async with open_test_store() as backend, open_test_store() as agent:
            user, form = make_user(), hex_id()
            await backend.add_users([user])
            assert await agent.user(user["_id"]) is not None
            await agent.add_forms([form])
            await agent.record_publication(form, NOW)
            assert await backend.has_form(form)
            assert await backend.publications(form) == 1
            with pytest.raises(TakenError):
                await agent.add_users([user])

    asyncio.run(check())


def test_a_store_keeps_its_content_after_closing(open_test_store: Opener) -> None:
    """A store that is closed and opened again still has its content."""

    async def check() -> None:
        user, token = make_user(), secrets.token_hex(8)
        async with open_test_store() as store:
            await store.add_users([user])
            await store.revoke(token, NOW)
        async with open_test_store() as store:
            assert await store.user(user["_id"]) is not None
            assert await store.is_revoked(token)

    asyncio.run(check())


def test_concurrent_writes_all_count(open_test_store: Opener) -> None:
    """Concurrent requests lose no write."""

    async def check(store: Store) -> None:
        user = hex_id()
        await asyncio.gather(*(store.record_chat(user, number, NOW) for number in range(50)))
        assert await store.chats(user) == 50

    _check_store(open_test_store, check)


def _opening_error(variables: dict[str, str]) -> str:
    """Return the message of the error that a store raises when it is opened."""
    with pytest.raises(SettingsError) as raised:
        asyncio.run(open_store(Settings(variables)))
    return str(raised.value)


def test_a_store_needs_a_variable() -> None:
    """Without a path and without an address there is no store."""
    assert _opening_error({}) == "SQLITE_PATH is not set"
    assert _opening_error({"MONGODB_URI": "", "SQLITE_PATH": ""}) == "SQLITE_PATH is not set"


def test_a_wrong_sqlite_path_is_a_settings_error(tmp_path: Path) -> None:
    """A file that cannot be created, or that is no SQLite database, is an error."""
    missing = tmp_path / "missing" / "store.sqlite"
    assert (
        _opening_error({"SQLITE_PATH": str(missing)})
        == f"SQLITE_PATH={missing}: unable to open database file"
    )
    no_database = tmp_path / "notes.txt"
    no_database.write_text("no database " * 100, encoding="utf-8")
    assert (
        _opening_error({"SQLITE_PATH": str(no_database)})
        == f"SQLITE_PATH={no_database}: file is not a database"
    )


def test_a_wrong_mongodb_address_is_a_settings_error(tmp_path: Path) -> None:
    """The message never repeats a malformed address, which may contain a password."""
    password = secrets.token_hex(8)
    sqlite = {"SQLITE_PATH": str(tmp_path / "store.sqlite")}
    addresses = [
        f"http://ada:{password}@host/db",
        f"mongodb://ada:{password}@127.0.0.1:1",
        f"mongodb://ada:{password}/x@127.0.0.1:1/db",
        f"mongodb://ada:x/{password}@127.0.0.1:1/db",
        f"mongodb://ada:x/y?{password}=1@127.0.0.1:1/db",
        f"mongodb://ada:12/{password}@host/db",
        f"mongodb://ada:x:{password}@host/db",
    ]
    for address in addresses:
        message = _opening_error({"MONGODB_URI": address, **sqlite})
        assert message.startswith("MONGODB_URI: ")
        assert password not in message


def test_every_store_operation_is_counted(variables: dict[str, str]) -> None:
    """A store reports each operation of its database, but not its opening."""
    operations: list[None] = []

    async def check() -> None:
        store = await open_store(Settings(variables), lambda: operations.append(None))
        counts = [len(operations)]
        try:
            for operation in (store.user(hex_id()), store.is_revoked("x"), store.has_form(hex_id())):
                await operation
                counts.append(len(operations))
            await store.record_chat(hex_id(), 5, NOW)
            counts.append(len(operations))
        finally:
            await store.close()
        assert counts == [0, 1, 2, 3, 4]

    asyncio.run(check())
    assert len(operations) == 4

"""One set of laws for every store; MongoDB's half needs a server, whose address is BENCH_TEST_MONGODB_URI."""

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
    """A database of a fresh name on the server that the environment names; it is dropped afterwards."""
    server = os.environ.get("BENCH_TEST_MONGODB_URI")
    if not server:
        pytest.skip("BENCH_TEST_MONGODB_URI is not set, so nothing was tested against a MongoDB")
    name = f"chatstack_test_{secrets.token_hex(6)}"
    uri = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    yield {"MONGODB_URI": uri}
    with MongoClient[dict[str, Any]](server) as client:
        client.drop_database(name)


@pytest.fixture(params=["sqlite", "mongodb"])
def variables(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The variables of each kind of store."""
    if request.param == "sqlite":
        return {"SQLITE_PATH": str(tmp_path / "store.sqlite")}
    named: dict[str, str] = request.getfixturevalue("mongodb")
    return named


@pytest.fixture
def opened(variables: dict[str, str]) -> Opener:
    """Opens that store."""

    @asynccontextmanager
    async def store() -> AsyncIterator[Store]:
        opened = await open_store(Settings(variables))
        try:
            yield opened
        finally:
            await opened.close()

    return store


def _with(opened: Opener, check: Callable[[Store], Awaitable[None]]) -> None:
    """Check something of a store that is open."""

    async def run() -> None:
        async with opened() as store:
            await check(store)

    asyncio.run(run())


def _comparable(user: dict[str, Any]) -> dict[str, Any]:
    """With its dates as moments: a store may write them in its own way."""
    return {
        key: datetime.fromisoformat(value) if key.endswith("At") and value else value
        for key, value in user.items()
    }


def test_a_user_is_found_as_it_was_put_in(opened: Opener) -> None:
    """Every field of a user comes back: texts, lists, booleans, nothing, and dates as the same moments."""

    async def check(store: Store) -> None:
        user = make_user(fullName="Ada 👩‍💻", passkeys=[{"id": "x"}], lastLoginAt="2025-06-01T12:00:00.500Z")
        other = make_user(isActive=False)
        await store.add_users([user, other])
        for each in (user, other):
            found = await store.user(each["_id"])
            assert found is not None
            assert _comparable(found) == _comparable(each)

    _with(opened, check)


def test_a_user_who_is_not_there_is_none(opened: Opener) -> None:
    """An id that nobody has finds nobody, whatever its shape."""

    async def check(store: Store) -> None:
        await store.add_users([make_user()])
        for each in (hex_id(), "", "not hexadecimal", "🙂"):
            assert await store.user(each) is None

    _with(opened, check)


@pytest.mark.parametrize("field", ["_id", "username", "email"])
def test_users_go_in_all_or_none(opened: Opener, field: str) -> None:
    """When the id, name or e-mail address of one is taken, none of them goes in, and who was there stays."""

    async def check(store: Store) -> None:
        present, before, after = make_user(), make_user(), make_user()
        await store.add_users([present])
        clash = make_user(**{field: present[field]})
        with pytest.raises(TakenError):
            await store.add_users([before, clash, after])
        for each in (before, after, *([clash] if field != "_id" else [])):
            assert await store.user(each["_id"]) is None
        found = await store.user(present["_id"])
        assert found is not None
        assert _comparable(found) == _comparable(present)

    _with(opened, check)


@pytest.mark.parametrize("field", ["_id", "username", "email"])
def test_users_may_not_clash_with_each_other(opened: Opener, field: str) -> None:
    """Two of one list with the same id, user name or e-mail address are refused, both."""

    async def check(store: Store) -> None:
        first = make_user()
        second = make_user(**{field: first[field]})
        with pytest.raises(TakenError):
            await store.add_users([first, second])
        assert await store.user(first["_id"]) is None
        assert await store.user(second["_id"]) is None

    _with(opened, check)


def test_removing_users_counts_those_who_were_there(opened: Opener) -> None:
    """Only the users that were named go, their names are free again, and the count is of those who went."""

    async def check(store: Store) -> None:
        gone, kept = make_user(), make_user()
        await store.add_users([gone, kept])
        assert await store.remove_users([gone["_id"], hex_id(), "not hexadecimal"]) == 1
        assert await store.remove_users([gone["_id"]]) == 0
        assert await store.user(gone["_id"]) is None
        assert await store.user(kept["_id"]) is not None
        await store.add_users([gone])

    _with(opened, check)


def test_nothing_is_no_error(opened: Opener) -> None:
    """Empty lists change nothing."""

    async def check(store: Store) -> None:
        await store.add_users([])
        await store.add_forms([])
        assert await store.remove_users([]) == 0
        assert await store.remove_forms([]) == 0

    _with(opened, check)


def test_a_revoked_token_is_revoked(opened: Opener) -> None:
    """A token is on the blacklist once it was put there, once or twice, and no other is."""

    async def check(store: Store) -> None:
        token, other = secrets.token_hex(100), secrets.token_hex(100)
        assert not await store.is_revoked(token)
        await store.revoke(token, NOW + timedelta(hours=24))
        await store.revoke(token, NOW + timedelta(hours=25))
        assert await store.is_revoked(token)
        assert not await store.is_revoked(other)

    _with(opened, check)


def test_forms_are_there_until_they_are_removed(opened: Opener) -> None:
    """A form may be put in twice, has an id of any shape, and goes once."""

    async def check(store: Store) -> None:
        hexadecimal, free = hex_id(), f"form-{secrets.token_hex(4)}"
        await store.add_forms([hexadecimal, free])
        await store.add_forms([hexadecimal])
        assert await store.has_form(hexadecimal)
        assert await store.has_form(free)
        assert not await store.has_form(hex_id())
        assert await store.remove_forms([hexadecimal, free, hex_id()]) == 2
        assert not await store.has_form(hexadecimal)
        assert await store.remove_forms([hexadecimal]) == 0

    _with(opened, check)


def test_publications_are_counted_by_form(opened: Opener) -> None:
    """Each publication of a form counts, at the same moment as well, and for no other form."""

    async def check(store: Store) -> None:
        form = hex_id()
        assert await store.publications(form) == 0
        for _ in range(3):
            await store.record_publication(form, NOW)
        assert await store.publications(form) == 3
        assert await store.publications(hex_id()) == 0

    _with(opened, check)


def test_chats_are_counted_by_user(opened: Opener) -> None:
    """Each message of a user counts, and for no other user."""

    async def check(store: Store) -> None:
        user = hex_id()
        assert await store.chats(user) == 0
        await store.record_chat(user, 5, NOW)
        await store.record_chat(user, 9_999, NOW)
        assert await store.chats(user) == 2
        assert await store.chats(hex_id()) == 0

    _with(opened, check)


def test_two_processes_share_a_store(opened: Opener) -> None:
    """What one of two who opened a store writes, the other reads at once."""

    async def check() -> None:
        async with opened() as backend, opened() as agent:
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


def test_a_store_keeps_what_it_was_given(opened: Opener) -> None:
    """A store that is closed and opened again has everything still."""

    async def check() -> None:
        user, token = make_user(), secrets.token_hex(8)
        async with opened() as store:
            await store.add_users([user])
            await store.revoke(token, NOW)
        async with opened() as store:
            assert await store.user(user["_id"]) is not None
            assert await store.is_revoked(token)

    asyncio.run(check())


def test_many_at_once_all_count(opened: Opener) -> None:
    """Requests under way at once lose none of each other's writes."""

    async def check(store: Store) -> None:
        user = hex_id()
        await asyncio.gather(*(store.record_chat(user, number, NOW) for number in range(50)))
        assert await store.chats(user) == 50

    _with(opened, check)


def _refused(variables: dict[str, str]) -> str:
    """Why a store cannot be opened."""
    with pytest.raises(SettingsError) as refused:
        asyncio.run(open_store(Settings(variables)))
    return str(refused.value)


def test_a_store_must_be_named() -> None:
    """Without either variable there is no store."""
    assert _refused({}) == "SQLITE_PATH is not set"
    assert _refused({"MONGODB_URI": "", "SQLITE_PATH": ""}) == "SQLITE_PATH is not set"


def test_a_path_must_be_one(tmp_path: Path) -> None:
    """A file that cannot be made, or is none of SQLite's, is an error of the settings."""
    nowhere = tmp_path / "missing" / "store.sqlite"
    assert _refused({"SQLITE_PATH": str(nowhere)}) == f"SQLITE_PATH={nowhere}: unable to open database file"
    text = tmp_path / "notes.txt"
    text.write_text("no database " * 100, encoding="utf-8")
    assert _refused({"SQLITE_PATH": str(text)}) == f"SQLITE_PATH={text}: file is not a database"


def test_a_mongodb_address_must_be_one(tmp_path: Path) -> None:
    """An address that is none, or that names no database, is an error of the settings, whatever else is set,
    and is not repeated in the message.
    """
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
        message = _refused({"MONGODB_URI": address, **sqlite})
        assert message.startswith("MONGODB_URI: ")
        assert password not in message


def test_every_question_is_counted(variables: dict[str, str]) -> None:
    """Whoever opens a store is told of each thing that its database is asked, and not of its opening."""
    asked: list[None] = []

    async def check() -> None:
        store = await open_store(Settings(variables), lambda: asked.append(None))
        counts = [len(asked)]
        try:
            for question in (store.user(hex_id()), store.is_revoked("x"), store.has_form(hex_id())):
                await question
                counts.append(len(asked))
            await store.record_chat(hex_id(), 5, NOW)
            counts.append(len(asked))
        finally:
            await store.close()
        assert counts == [0, 1, 2, 3, 4]

    asyncio.run(check())
    assert len(asked) == 4

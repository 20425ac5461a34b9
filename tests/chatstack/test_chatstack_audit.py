import asyncio
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from chatstack.chat.events import Done, Event, FailedError, Piece, Question
from chatstack.measures import Measures
from chatstack.parts.audit.part import Audit
from chatstack.parts.audit.writer import AuditWriter
from chatstack.settings import Settings
from chatstack.stores.opening import open_store
from chatstack.stores.store import ChatRecord, Store
from chatstack.timing import Stopwatch
from tests.chatstack.conftest import Stack
from tests.chatstack.sockets import RefusedError, chat_socket
from tests.chatstack.stacks import (
    ENDLESS,
    FAST,
    MODEL,
    Service,
    assert_usage_error,
    bearer,
    change,
    connect,
    hex_id,
    make_user,
    mint,
    queue_state,
    read_store,
    refused_address,
    run,
    send_without_reading,
    serving,
)
from tests.eventually import eventually

CHAT = "/api/chat/ask-dynaform"
MESSAGE = "repeat exactly: Hello there"


class MemoryStore:
    """The part of a store that the audit log needs; it can fail."""

    def __init__(self) -> None:
        self.records: dict[str, ChatRecord] = {}
        self.fails = False

    async def save_chat_record(self, record: ChatRecord) -> None:
        """Keep a record, or fail."""
        await asyncio.sleep(0)
        if self.fails:
            raise OSError("no space left on device")
        self.records[record.id] = record


def _audit(store: Any, events: Sequence[Event | Exception], read: int = 99) -> list[Event]:
    """Ask a question whose answer has these events, read some of them, and return them."""

    async def answer(_: Question) -> Any:
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    async def run() -> list[Event]:
        writer = AuditWriter(store, Measures())
        question = Question({"_id": hex_id()}, "Hi", MODEL, stream=True, watch=Stopwatch("backend"))
        received: list[Event] = []
        answers = Audit(writer, keeps_text=False).wrap(answer)(question)
        try:
            async for event in answers:
                received.append(event)
                if len(received) == read:
                    break
        except FailedError:
            pass
        finally:
            await answers.aclose()
            await writer.close()
        return received

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("events", "read", "expected"),
    [
        ([Piece("ab"), Piece("c"), Done()], 99, ("answered", 200, 3)),
        ([Piece("ab"), Piece("c"), Done()], 1, ("cancelled", None, 2)),
        ([Piece("ab"), Done()], 2, ("answered", 200, 2)),
        ([FailedError(429, "no")], 99, ("refused", 429, 0)),
        ([FailedError(408, "late")], 99, ("failed", 408, 0)),
        ([Piece("ab"), FailedError(500, "broke off")], 99, ("failed", 500, 2)),
    ],
)
def test_every_end_of_an_answer_has_its_outcome(
    events: list[Event | Exception], read: int, expected: tuple[str, int | None, int]
) -> None:
    """An answer, a refusal, a failure at any moment, and a client that leaves are told apart."""
    store = MemoryStore()
    _audit(store, events, read)
    (record,) = store.records.values()
    assert (record.outcome, record.status, record.answer_characters) == expected
    assert record.duration_s is not None
    assert record.message_sha256 == sha256(b"Hi").hexdigest()


def test_a_record_that_cannot_be_written_is_logged_and_does_not_fail_the_answer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The answer is complete, and the log line has the facts of the lost record."""
    store = MemoryStore()
    store.fails = True
    assert _audit(store, [Piece("ab"), Done()]) == [Piece("ab"), Done()]
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["event"] for event in events] == ["audit record not begun", "audit record lost"]
    assert (events[1]["reason"], events[1]["outcome"]) == ("OSError", "answered")
    assert events[1]["message_sha256"] == sha256(b"Hi").hexdigest()


def test_a_question_is_recorded_before_it_is_asked() -> None:
    """If the backend is killed during an answer, its record is open."""
    store = MemoryStore()
    seen: list[str] = []

    async def answer(_: Question) -> Any:
        seen.extend(record.outcome for record in store.records.values())
        yield Done()

    async def run() -> None:
        writer = AuditWriter(store, Measures())  # type: ignore[arg-type]
        question = Question({"_id": hex_id()}, "Hi", MODEL, stream=True, watch=Stopwatch("backend"))
        async for _ in Audit(writer, keeps_text=False).wrap(answer)(question):
            pass
        await writer.close()

    asyncio.run(run())
    assert seen == ["open"]


RECORD = ChatRecord(
    id=hex_id(),
    at=datetime(2026, 6, 1, 12, 0, 0, 250_000, tzinfo=UTC),
    user_id=hex_id(),
    characters=2,
    message_sha256=sha256(b"Hi").hexdigest(),
    outcome="answered",
    status=200,
    answer_characters=3,
    duration_s=0.25,
    message="Hi",
    answer="abc",
)


def test_a_store_keeps_records(tmp_path: Path) -> None:
    """A record is read as it was written; a later state replaces an open one, but no open one a later."""

    async def check(store: Store) -> None:
        opened = replace(RECORD, outcome="open", status=None, duration_s=None, answer=None)
        for state in (opened, RECORD, opened):
            await store.save_chat_record(state)
        anonymous = replace(RECORD, id=hex_id(), user_id=None)
        await store.save_chat_record(anonymous)
        assert await store.chat_records(RECORD.user_id) == [RECORD]
        assert await store.chat_records(None) == [anonymous]
        assert await store.chat_records(hex_id()) == []

    async def open_and_check() -> None:
        store = await open_store(Settings({"SQLITE_PATH": str(tmp_path / "store.sqlite")}))
        try:
            await check(store)
        finally:
            await store.close()

    asyncio.run(open_and_check())


class Audited:
    """A backend with an audit log, and a new user of it."""

    def __init__(self, backend: Service, stack: Stack) -> None:
        self.url = backend.url
        self.user = make_user()
        self.stack = stack
        change("users", "add", [self.user], stack.variables)
        self.headers = bearer(mint(stack.secret, self.user))

    def ask(self, **request: Any) -> httpx.Response:
        """Send a message of the user."""
        given: dict[str, Any] = {"json": {"message": MESSAGE}, "headers": self.headers, **request}
        return httpx.post(self.url + CHAT, timeout=60, trust_env=False, **given)

    def records(self, count: int) -> list[ChatRecord]:
        """Return the user's records when this many are complete."""
        return eventually(lambda: self._complete(count))

    def anonymous(self) -> list[ChatRecord]:
        """Return the records of requests without a user."""
        return read_store(self.stack.variables, lambda store: store.chat_records(None))

    def _complete(self, count: int) -> list[ChatRecord]:
        records = read_store(self.stack.variables, lambda store: store.chat_records(self.user["_id"]))
        return [] if len(records) < count or any(item.outcome == "open" for item in records) else records


@pytest.fixture
def audited(stack: Stack) -> Iterator[Callable[..., Audited]]:
    """Return a function that starts a backend with an audit log and these settings."""
    with ExitStack() as opened:

        def start(**variables: str) -> Audited:
            all_variables = {**stack.variables, "AGENT_URL": stack.agent.url, "AUDIT_LOG": "1", **variables}
            return Audited(opened.enter_context(serving("backend", all_variables)), stack)

        yield start


def test_each_interaction_has_one_record(audited: Callable[..., Audited]) -> None:
    """Answers, refused bodies and messages above the limit are recorded with sizes and without text."""
    backend = audited(RATE_LIMIT_PER_MINUTE="2", INPUT_CHECK="1")
    before = datetime.now(UTC)
    answers = [
        backend.ask(),
        backend.ask(json={"message": MESSAGE, "stream": True}),
        backend.ask(),
        backend.ask(json={"message": ""}),
        backend.ask(content=b"{}", json=None),
        backend.ask(json={"message": "a\0b"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 400, 415, 400]
    records = backend.records(6)
    assert [(item.outcome, item.status, item.characters, item.answer_characters) for item in records] == [
        ("answered", 200, len(MESSAGE), len("Hello there")),
        ("answered", 200, len(MESSAGE), len("Hello there")),
        ("refused", 429, len(MESSAGE), 0),
        ("refused", 400, None, 0),
        ("refused", 415, None, 0),
        ("refused", 400, None, 0),
    ]
    assert {item.message_sha256 for item in records[:3]} == {sha256(MESSAGE.encode()).hexdigest()}
    assert {item.message for item in records} == {None}
    assert {item.answer for item in records} == {None}
    assert all(before <= item.at <= datetime.now(UTC) for item in records)
    done = run(["audit"], backend.stack.variables, json.dumps([backend.user["_id"]]))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["id"], line["outcome"]) for line in lines] == [(item.id, item.outcome) for item in records]


def test_a_request_without_a_token_has_a_record_without_a_user(audited: Callable[..., Audited]) -> None:
    """Refused tokens are recorded, so that attempts can be counted."""
    backend = audited()
    before = len(backend.anonymous())
    assert backend.ask(headers={}).status_code == 401
    records = eventually(lambda: backend.anonymous()[before:])
    assert [(item.outcome, item.status) for item in records] == [("refused", 401)]


def test_each_message_over_a_websocket_has_one_record(audited: Callable[..., Audited]) -> None:
    """Refused messages and refused handshakes are recorded like refused requests over HTTP."""
    backend = audited(WEBSOCKET="1")
    before = len(backend.anonymous())
    with chat_socket(backend.url, backend.headers) as chat:
        chat.ask(MESSAGE)
        chat.ask("")
        chat.send_text("no JSON")
        assert [chat.read_answer()[-1]["type"] for _ in range(3)] == ["done", "error", "error"]
    records = backend.records(3)
    assert [(item.outcome, item.status, item.characters) for item in records] == [
        ("answered", 200, len(MESSAGE)),
        ("refused", 400, None),
        ("refused", 400, None),
    ]
    with pytest.raises(RefusedError), chat_socket(backend.url):
        pass
    refused = eventually(lambda: backend.anonymous()[before:])
    assert [(item.outcome, item.status) for item in refused] == [("refused", 401)]


def test_messages_over_a_websocket_whose_client_leaves_are_recorded(
    audited: Callable[..., Audited], stack: Stack
) -> None:
    """The message in progress and the messages that wait for it are cancelled."""
    with (
        serving("model", {**FAST, **ENDLESS, "MODEL": MODEL}) as model,
        serving("agent", {**stack.variables, "OLLAMA_URL": model.url}) as agent,
    ):
        backend = audited(AGENT_URL=agent.url, WEBSOCKET="1")
        with chat_socket(backend.url, backend.headers) as chat:
            chat.ask_and_cancel(MESSAGE)
            chat.read_answer()
            for _ in range(3):
                chat.ask(MESSAGE)
            eventually(lambda: queue_state(model.url)[0] == 1)
        records = backend.records(4)
    assert [(item.outcome, item.status) for item in records] == [("cancelled", None)] * 4


def test_requests_on_one_connection_have_records_of_their_own(audited: Callable[..., Audited]) -> None:
    """A request that is sent before the answer to the last one is not taken for a part of it."""
    backend = audited()
    before = len(backend.anonymous())
    content = json.dumps({"message": MESSAGE})
    first = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n"
    token = f"Authorization: {backend.headers['Authorization']}\r\n"
    last = f"{first}Connection: close\r\n\r\n{content}"
    with connect(backend.url) as connection:
        connection.sendall(f"{first}{token}\r\n{content}{last}".encode())
        answers = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"401"]
    assert [item.status for item in backend.records(1)] == [200]
    refused = eventually(lambda: backend.anonymous()[before:])
    assert [item.status for item in refused] == [401]


def test_texts_are_recorded_only_by_request(audited: Callable[..., Audited]) -> None:
    """AUDIT_TEXT adds the text of the message and of the answer."""
    backend = audited(AUDIT_TEXT="1")
    backend.ask()
    (record,) = backend.records(1)
    assert (record.message, record.answer) == (MESSAGE, "Hello there")


def test_failed_interactions_are_recorded(audited: Callable[..., Audited]) -> None:
    """An agent that is not available, and a failure of the backend itself, have records."""
    with refused_address() as address:
        backend = audited(AGENT_URL=address)
        assert backend.ask().status_code == 503
        assert [(item.outcome, item.status) for item in backend.records(1)] == [("failed", 503)]
    failing = audited(BACKEND_ERROR_RATIO="1")
    before = len(failing.anonymous())
    assert failing.ask().status_code == 500
    records = eventually(lambda: failing.anonymous()[before:])
    assert [(item.outcome, item.status) for item in records] == [("failed", 500)]


def test_an_error_of_the_backend_is_recorded_as_a_failure(
    audited: Callable[..., Audited], tmp_path: Path
) -> None:
    """For example, an error of the store is not taken for a client that left."""
    path = tmp_path / "store.sqlite"
    backend = audited(SQLITE_PATH=str(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE token_blacklist")
    assert backend.ask().status_code == 500
    records = eventually(
        lambda: read_store({"SQLITE_PATH": str(path)}, lambda store: store.chat_records(None))
    )
    assert [(item.outcome, item.status) for item in records] == [("failed", 500)]


def test_cancelled_interactions_are_recorded(audited: Callable[..., Audited], stack: Stack) -> None:
    """A client that leaves before the answer has a record, for documents and for streams."""
    with (
        serving("model", {**FAST, **ENDLESS, "MODEL": MODEL}) as model,
        serving("agent", {**stack.variables, "OLLAMA_URL": model.url}) as agent,
    ):
        backend = audited(AGENT_URL=agent.url)
        for stream in (False, True):
            body = {"message": MESSAGE, "stream": stream}
            with send_without_reading(backend.url, CHAT, body, backend.headers):
                eventually(lambda: queue_state(model.url)[0] == 1)
            eventually(lambda: queue_state(model.url)[0] == 0)
        records = backend.records(2)
    assert [(item.outcome, item.status) for item in records] == [("cancelled", None)] * 2


@pytest.mark.parametrize("text", ["[", "{}", "[5]"])
def test_the_audit_command_needs_a_list_of_users(stack: Stack, text: str) -> None:
    """Any other input is a usage error."""
    assert_usage_error(run(["audit"], stack.variables, text), "stdin")

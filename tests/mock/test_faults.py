import asyncio

import pytest

from tests.mock.virtual import CHAT, MESSAGES, Client, ask, chat, make_server, run, text_of

CALLS = [
    (CHAT, chat()),
    ("/v1/completions", {"model": "mock", "prompt": "Say", "stream": True}),
    ("/api/chat", {"messages": MESSAGES}),
    ("/api/generate", {"prompt": "Say"}),
    ("/v1/messages", chat(max_tokens=99)),
]
TIMES = "ttft40-gap10-n6"


@pytest.mark.parametrize(("path", "body"), CALLS)
@pytest.mark.parametrize("stream", [True, False])
def test_an_http_error_comes_at_once(path: str, body: dict[str, object], stream: bool) -> None:
    """The status is the chosen one, and the error has the format of the API."""
    client = ask(path, {**body, "model": f"mock-{TIMES}-err100-status429", "stream": stream})
    assert client.status == 429
    assert client.moments_s == [0.0]
    error = client.document["error"]
    assert error == "injected failure" or error["message"] == "injected failure"


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_an_error_in_mid_stream_follows_half_of_the_tokens(path: str, body: dict[str, object]) -> None:
    """Three of six tokens leave, then the error at the time of the fourth; the stream itself is complete."""
    client = ask(path, {**body, "model": f"mock-{TIMES}-streamerr100"})
    assert client.status == 200
    assert client.moments_s == pytest.approx([0.04, 0.05, 0.06, 0.07])
    assert client.is_complete
    assert b"injected failure" in client.wire.writes[-1][1]


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_a_connection_is_cut_after_half_of_the_tokens(path: str, body: dict[str, object]) -> None:
    """The end of the chunks is missing."""

    async def work() -> Client:
        client = Client(make_server())
        client.send(path, {**body, "model": f"mock-{TIMES}-cut100"})
        await asyncio.sleep(0.065)
        assert client.wire.state == "open"
        await asyncio.sleep(0.01)
        return client

    client = run(work())
    assert client.wire.state == "aborted"
    assert len(client.wire.writes) == 3
    assert not client.is_complete


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_an_answer_hangs_after_half_of_the_tokens(path: str, body: dict[str, object]) -> None:
    """The connection stays open for as long as the client waits."""
    client = ask(path, {**body, "model": f"mock-{TIMES}-hang100"})
    assert client.wire.state == "open"
    assert len(client.wire.writes) == 3


def test_an_answer_that_is_not_streamed_fails_at_the_same_time() -> None:
    """An error is status 500; a cut and a hang send no byte."""
    failed = ask(CHAT, chat(f"mock-{TIMES}-streamerr100", stream=False))
    assert failed.status == 500
    assert failed.moments_s == pytest.approx([0.07])
    cut = ask(CHAT, chat(f"mock-{TIMES}-cut100", stream=False))
    assert (cut.received, cut.wire.state) == (b"", "aborted")
    hanging = ask(CHAT, chat(f"mock-{TIMES}-hang100", stream=False))
    assert (hanging.received, hanging.wire.state) == (b"", "open")


def test_a_model_fails_in_its_share_of_the_requests() -> None:
    """Each model name counts its own requests, and the metrics count the results."""

    async def work() -> tuple[list[Client], str]:
        server = make_server(ttft_s=0.01, gap_s=0.001, tokens=3)
        clients = []
        for _ in range(100):
            client = Client(server)
            client.send(CHAT, chat("mock-err20-cut10"))
            clients.append(client)
            other = Client(server)
            other.send(CHAT, chat("mock"))
            clients.append(other)
        await asyncio.sleep(10)
        counters = Client(server)
        counters.send("/metrics", b"", method="GET")
        return clients, counters.content.decode()

    clients, counters = run(work())
    failing = clients[::2]
    assert abs(sum(client.status == 500 for client in failing if client.received) - 20) <= 1
    assert abs(sum(client.wire.state == "aborted" for client in failing) - 10) <= 1
    assert all(client.is_complete for client in clients[1::2])
    complete = sum(client.is_complete for client in clients)
    assert f'bench_mock_requests_total{{path="{CHAT}",result="complete"}} {complete}' in counters
    assert f"bench_mock_tokens_total {3 * complete}" in counters


def test_equal_requests_get_equal_texts_unless_they_vary() -> None:
    """A seed, of the model or of the request, changes the text; `vary` changes it for each request."""

    async def texts(model: str, **more: object) -> list[str]:
        server = make_server()
        clients = [Client(server) for _ in range(3)]
        for client in clients:
            client.send(CHAT, chat(model, **more))
        await asyncio.sleep(10)
        return [text_of(client.events) for client in clients]

    equal = run(texts("mock-n20"))
    assert len(set(equal)) == 1
    assert len(set(run(texts("mock-n20-vary")))) == 3
    assert run(texts("mock-n20-vary")) == run(texts("mock-n20-vary"))
    assert run(texts("mock-n20-seed5"))[0] != equal[0]
    assert run(texts("mock-n20", seed=5)) == run(texts("mock-n20-seed5"))
    assert run(texts("mock-n20", messages=[{"role": "user", "content": "Other"}]))[0] != equal[0]

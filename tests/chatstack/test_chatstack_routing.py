"""Model routing: the complexity of messages, the cost of answers, and the real backend with a cloud model."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatstack.chat.events import Done
from chatstack.engines.latency import Latency
from chatstack.model import make_model
from chatstack.parts.routing.complexity import WORDS, Complexity, classify
from chatstack.parts.routing.prices import Price, read_prices
from chatstack.settings import Settings, SettingsError
from tests.chatstack.conftest import Stack
from tests.chatstack.ollamas import Answer, fake_ollama
from tests.chatstack.stacks import FAST, assert_usage_error, bearer, mint, refused_address, run, serving
from tests.mock.serving import serving as serving_mock

CHAT = "/api/chat/ask-dynaform"
SMALL = "small:1b"
LARGE = "large:7b"
PRICES = "MODEL_PRICES"
COUNTS = st.integers(0, 100_000)
PRICE = st.floats(0, 1000)
EVENTS = [("Content-Type", "text/event-stream")]


@pytest.mark.parametrize(
    ("message", "complexity"),
    [
        ("Hello!", Complexity.SIMPLE),
        ("What can you help me with when I create a form?", Complexity.SIMPLE),
        ("Create a form with name, email, phone, address.", Complexity.DEMANDING),
        ("Hi! Could you please ANALYSE this PDF?", Complexity.DEMANDING),
        ("I have a PDF. Please make a form from it.", Complexity.DEMANDING),
        ("Help me to design a survey", Complexity.DEMANDING),
        ("Creation is hard, and so is design.", Complexity.SIMPLE),
        ("x" * 1000, Complexity.LONG),
        ("create " + "x" * 1000, Complexity.LONG),
        ("x" * 999, Complexity.SIMPLE),
        ("", Complexity.SIMPLE),
    ],
)
def test_a_message_that_asks_for_a_result_is_demanding(message: str, complexity: Complexity) -> None:
    """Length decides first, then the verb at the start of a sentence."""
    assert classify(message, long_characters=1000) is complexity


@given(st.text(max_size=200), st.integers(1, 300))
def test_the_complexity_depends_on_length_and_words_only(message: str, long_characters: int) -> None:
    """Case does not matter, and without words no message is demanding."""
    complexity = classify(message, long_characters)
    assert (complexity is Complexity.LONG) == (len(message) >= long_characters)
    assert classify(message, 1000, words=()) is Complexity.SIMPLE
    assert classify(f"Please {WORDS[0]} {message}", 1000) is Complexity.DEMANDING


@given(COUNTS, COUNTS, PRICE, PRICE)
def test_the_cost_is_linear_in_the_tokens(
    prompt_tokens: int, tokens: int, per_input: float, per_output: float
) -> None:
    """A million tokens cost the price of the table, and no tokens cost nothing."""
    price = Price(per_input, per_output)
    cost = price.cost(Done(tokens, prompt_tokens))
    assert cost == pytest.approx((prompt_tokens * per_input + tokens * per_output) / 1e6, abs=1e-9)
    assert price.cost(Done(0, 0)) == 0
    assert price.cost(Done(tokens)) is None
    assert price.cost(Done(None, prompt_tokens)) is None


def test_a_price_table_has_names_with_any_characters() -> None:
    """Names of models contain colons and slashes."""
    prices = read_prices(Settings({PRICES: " qwen2.5:0.5b=0.05/0.1, lab/x=y:7b=1/2,"}))
    assert prices == {"qwen2.5:0.5b": Price(0.05, 0.1), "lab/x=y:7b": Price(1, 2)}
    assert read_prices(Settings({})) == {}


@pytest.mark.parametrize(
    ("table", "word"),
    [("m", "m:"), ("m=1", "m=1"), ("m=1/x", "m=1/x"), ("m=-1/1", "0 or more"), ("m=1/1,m=2/2", "twice")],
)
def test_a_wrong_price_is_refused(table: str, word: str) -> None:
    """The message names the variable and the entry."""
    with pytest.raises(SettingsError, match=PRICES) as raised:
        read_prices(Settings({PRICES: table}))
    assert word in str(raised.value)


def test_a_cloud_model_needs_an_address(stack: Stack) -> None:
    """No message leaves the backend for an address that nobody named."""
    variables = {**stack.variables, "AGENT_URL": stack.agent.url, "ROUTE_CLOUD_MODEL": "gpt"}
    assert_usage_error(run(["backend"], variables), "OPENAI_BASE_URL is not set")


@pytest.mark.parametrize("sizes", ["m", "m=0", "m=fast", "m=nan", "m=1,m=2"])
def test_a_wrong_size_is_refused(sizes: str) -> None:
    """A size is a positive factor."""
    with pytest.raises(SettingsError, match="MODEL_SIZES"):
        make_model(Settings({"MODEL_SIZES": sizes}))


@given(st.floats(0.01, 100), st.integers(1, 10_000), st.integers(1, 8))
def test_a_larger_model_takes_longer_for_each_token(size: float, tokens: int, running: int) -> None:
    """All times of tokens grow by its factor."""
    usual = Latency()
    sized = usual.of_size(size)
    assert sized.token_s(running) == pytest.approx(size * usual.token_s(running))
    assert sized.prefill_s(tokens) == pytest.approx(size * usual.prefill_s(tokens))
    assert sized.answer("Hello", None) == usual.answer("Hello", None)


@contextlib.contextmanager
def routing(stack: Stack, token: str, **variables: str) -> Iterator[httpx.Client]:
    """Run a model of two sizes and a backend that chooses between them."""
    with (
        serving("model", {**FAST, "MODEL": SMALL, "MODEL_SIZES": f"{LARGE}=5"}) as model,
        serving("agent", {**stack.variables, "OLLAMA_URL": model.url}) as agent,
        serving(
            "backend",
            {
                **stack.variables,
                "AGENT_URL": agent.url,
                "MODEL": SMALL,
                "ROUTE_LARGE_MODEL": LARGE,
                PRICES: f"{SMALL}=1/2,{LARGE}=10/20",
                **variables,
            },
        ) as backend,
        httpx.Client(base_url=backend.url, headers=bearer(token), timeout=60, trust_env=False) as client,
    ):
        yield client


def done_event(response: httpx.Response) -> dict[str, Any]:
    """Return the content of the last event of a stream."""
    content: dict[str, Any] = json.loads(response.text.rpartition("data: ")[2])
    return content


def counters(client: httpx.Client) -> list[str]:
    """Return the lines of the cost in the metrics."""
    lines = client.get("/metrics").text.splitlines()
    return [line for line in lines if line.startswith("chatstack_cost_") and "_created" not in line]


def test_a_backend_chooses_the_model_and_reports_the_cost(stack: Stack, token: str) -> None:
    """A demanding message goes to the large model; the cost is that of its tokens; a hit costs nothing."""
    with routing(stack, token, CACHE_TTL_S="600") as client:
        simple = client.post(CHAT, json={"message": "Hello"})
        assert (simple.status_code, simple.headers["x-model"]) == (200, SMALL)
        streamed = client.post(CHAT, json={"message": "Create a form", "stream": True})
        assert streamed.headers["x-model"] == LARGE
        done = done_event(streamed)
        prompt_tokens = 4  # four characters each
        cost = (10 * prompt_tokens + 20 * done["tokens"]) / 1e6
        assert (done["model"], done["cost"]) == (LARGE, pytest.approx(cost))
        hit = client.post(CHAT, json={"message": "create a FORM"})
        assert [hit.headers[name] for name in ("x-cache", "x-model", "x-cost")] == ["hit", LARGE, "0"]
        assert float(simple.headers["x-cost"]) > 0
        total = float(simple.headers["x-cost"]) + cost
        lines = counters(client)
        costs = [float(line.split()[1]) for line in lines if line.startswith("chatstack_cost_total")]
        assert sum(costs) == pytest.approx(total)
        assert f'chatstack_cost_answers_total{{complexity="demanding",model="{LARGE}"}} 1.0' in lines


def test_long_messages_go_to_a_cloud_model(stack: Stack, token: str) -> None:
    """A mock of OpenAI's API answers both forms; a message that publishes a form stays at the agent."""
    cloud = {"ROUTE_CLOUD_MODEL": "mock-n7", "ROUTE_LONG_CHARACTERS": "100", "OPENAI_API_KEY": "sk-test-key"}
    prices = f"{SMALL}=1/2,mock-n7=100/1000"
    with (
        serving_mock("--ttft", "0ms", "--gap", "0ms") as url,
        routing(stack, token, OPENAI_BASE_URL=f"{url}/v1", **cloud, **{PRICES: prices}) as client,
    ):
        message = "Which fields does it need? " * 10
        document = client.post(CHAT, json={"message": message})
        streamed = client.post(CHAT, json={"message": message, "stream": True})
        assert document.headers["x-model"] == streamed.headers["x-model"] == "mock-n7"
        assert len(document.json()["data"]["message"].split()) == 7
        done = done_event(streamed)
        assert (done["tokens"], done["model"]) == (7, "mock-n7")
        assert float(document.headers["x-cost"]) == pytest.approx(done["cost"])
        assert "cloud;dur=" in document.headers["server-timing"]
        publishing = client.post(CHAT, json={"message": f"Publish form 1. {message}"})
        assert publishing.headers["x-model"] == LARGE
        assert f'chatstack_cost_unpriced_total{{model="{LARGE}"}} 1.0' in counters(client)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("answer", "status", "retry_after"),
    [
        (Answer([b'{"error": "key"}'], 401), 500, None),
        (Answer([b"{}"], 429, [("Retry-After", "7")]), 503, "7"),
        (Answer([b"{}"], 503), 503, None),
        (Answer([b"no JSON"], 200), 500, None),
        (Answer([b'{"choices": []}'], 200), 500, None),
        (Answer([b'data: {"choices": [{"delta": {}}]}\n\n'], 200, EVENTS), 500, None),
        (Answer([b'data: {"error": {"message": "x"}}\n\n'], 200, EVENTS), 500, None),
        (Answer([b'data: {"choices"'], 200, EVENTS, broken=True), 500, None),
    ],
)
def test_a_failure_of_the_cloud_model_is_one_of_the_backend(
    cloud_client: tuple[httpx.Client, Any], answer: Answer, status: int, retry_after: str | None, stream: bool
) -> None:
    """Its 401 is not the user's 401, and a stream that breaks ends with `event: error`."""
    client, cloud = cloud_client
    cloud.respond = lambda _: answer
    response = client.post(CHAT, json={"message": "Hello", "stream": stream})
    if stream and response.status_code == 200:
        assert "event: error" in response.text
        return
    assert (response.status_code, response.headers.get("retry-after")) == (status, retry_after)
    assert set(response.json()) == {"error"}


@pytest.fixture(scope="module")
def cloud_client(
    stack: Stack, store_variables: dict[str, str], user: dict[str, Any]
) -> Iterator[tuple[httpx.Client, Any]]:
    """Run a backend whose messages all go to a fake cloud model, and return its client and the fake."""
    with (
        fake_ollama() as cloud,
        serving(
            "backend",
            {
                **stack.variables,
                "AGENT_URL": stack.agent.url,
                "ROUTE_CLOUD_MODEL": "gpt",
                "OPENAI_BASE_URL": cloud.url,
                "ROUTE_LONG_CHARACTERS": "1",
            },
        ) as backend,
        httpx.Client(
            base_url=backend.url,
            headers=bearer(mint(store_variables["JWT_SECRET"], user)),
            timeout=60,
            trust_env=False,
        ) as client,
    ):
        yield client, cloud


def test_a_cloud_model_gets_the_message_and_the_key_but_not_the_users_token(
    cloud_client: tuple[httpx.Client, Any],
) -> None:
    """Only the message leaves the backend."""
    client, cloud = cloud_client
    cloud.requests.clear()
    content = {
        "choices": [{"message": {"content": "Hi"}}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 1},
    }
    cloud.respond = lambda _: Answer([json.dumps(content).encode()])
    assert client.post(CHAT, json={"message": "Hello"}).json()["data"]["message"] == "Hi"
    (request,) = cloud.requests
    assert (request.method, request.target) == ("POST", "/chat/completions")
    expected = {"model": "gpt", "messages": [{"role": "user", "content": "Hello"}], "stream": False}
    assert json.loads(request.content) == expected
    assert "authorization" not in {name.lower() for name, _ in request.headers}


def test_a_cloud_model_that_refuses_connections_is_unavailable(stack: Stack, token: str) -> None:
    """The backend answers 503."""
    with (
        refused_address() as address,
        serving(
            "backend",
            {
                **stack.variables,
                "AGENT_URL": stack.agent.url,
                "ROUTE_CLOUD_MODEL": "gpt",
                "OPENAI_BASE_URL": address,
                "ROUTE_LONG_CHARACTERS": "1",
            },
        ) as backend,
        httpx.Client(base_url=backend.url, headers=bearer(token), timeout=60, trust_env=False) as client,
    ):
        for stream in (False, True):
            response = client.post(CHAT, json={"message": "Hello", "stream": stream})
            assert (response.status_code, response.json()) == (
                503,
                {"error": "the cloud model is not available"},
            )


def test_a_model_server_of_two_sizes_lists_both() -> None:
    """An unknown model is still 404."""
    with serving("model", {**FAST, "MODEL": SMALL, "MODEL_SIZES": f"{LARGE}=5"}) as model:
        names = [entry["name"] for entry in httpx.get(f"{model.url}/api/tags").json()["models"]]
        assert names == [SMALL, LARGE]
        body = {"prompt": "Hello", "stream": False}
        for name, status in ((SMALL, 200), (LARGE, 200), ("other", 404)):
            response = httpx.post(f"{model.url}/api/generate", json={**body, "model": name}, timeout=60)
            assert response.status_code == status
            assert response.json().get("model", name) == name

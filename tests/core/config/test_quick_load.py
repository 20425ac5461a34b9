from typing import Any

import pytest

from bench.core.config.executors import ConstantVus
from bench.core.config.load_override import SeriesFile
from bench.core.config.message_rows import prompts_of_rows, prompts_of_texts
from bench.core.config.open_loops import ConstantArrivalRate
from bench.core.config.quick_load import (
    MESSAGES,
    QuickLoad,
    is_address,
    looks_like_address,
    parse_headers,
    split_address,
)
from bench.core.config.run_spec import RunSpec
from bench.core.limits.threshold import parse_thresholds
from bench.errors import ConfigError
from tests.factories import make_target

RATES = SeriesFile("rates.csv", ((0.0, 5.0), (60.0, 10.0)))
TIMES = SeriesFile("times.csv", (0.0, 0.5, 10.0))


def _spec(rows: list[dict[str, Any]] | None = None, **options: Any) -> RunSpec:
    prompts = prompts_of_texts(MESSAGES) if rows is None else prompts_of_rows(rows, "rows.jsonl")
    return QuickLoad(**options).make_spec(make_target(), "A load.", prompts, {})


def test_vus_make_a_closed_loop() -> None:
    """Without options, the load is small and short."""
    (phase,) = _spec().scenario.phases
    assert isinstance(phase, ConstantVus)
    assert (phase.vus, phase.duration_s, phase.think_time_s) == (10, 30.0, (0.0, 0.0))
    spec = _spec(vus=20, duration="1m", think_time="1s..2s", timeout="30s")
    (phase,) = spec.scenario.phases
    assert isinstance(phase, ConstantVus)
    assert (phase.vus, phase.duration_s, phase.think_time_s) == (20, 60.0, (1.0, 2.0))
    assert spec.scenario.request_timeout_s == 30.0


def test_a_rate_makes_an_open_loop() -> None:
    """VUs then limit the requests in flight."""
    (phase,) = _spec(rate=50.0, vus=20).scenario.phases
    assert isinstance(phase, ConstantArrivalRate)
    assert (phase.rate, phase.max_vus) == (50.0, 20)


def test_a_spawn_rate_starts_users_one_after_the_other() -> None:
    """The load stays a closed loop."""
    (phase,) = _spec(spawn_rate=5.0).scenario.phases
    assert isinstance(phase, ConstantVus)
    assert (phase.vus, phase.spawn_rate) == (10, 5.0)


def test_burstiness_makes_gamma_arrivals() -> None:
    """Other arrivals have none."""
    for options, arrivals in (
        ({"burstiness": 0.5}, ("gamma", 0.5)),
        ({"arrivals": "poisson"}, ("poisson", None)),
    ):
        (phase,) = _spec(rate=50.0, **options).scenario.phases
        assert isinstance(phase, ConstantArrivalRate)
        assert (phase.arrivals, phase.burstiness) == arrivals


def test_a_file_decides_the_duration() -> None:
    """An option makes it shorter."""
    assert _spec(rates=RATES).scenario.duration_s == 60.0
    assert _spec(times=TIMES, speed=2.0, vus=7).scenario.duration_s == 5.0
    assert _spec(times=TIMES, duration="4s").scenario.duration_s == 4.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vus": 0}, "--vus: "),
        ({"vus": 10**9, "rate": 1.0}, "--vus: "),
        ({"rate": 0.0}, "--rate: "),
        ({"duration": "soon"}, "--duration: 'soon' is not a duration"),
        ({"think_time": "2s..1s"}, "--think-time: the shorter duration comes first"),
        (
            {"spawn_rate": 0.01},
            "--spawn-rate: 10 VUs at 0.01 per second start within 900 s, but end after 30 s",
        ),
        ({"spawn_rate": 1.0, "rate": 1.0}, "--spawn-rate: does not fit --rate"),
        ({"arrivals": "poisson"}, "--arrivals: needs --rate or --rates"),
        ({"burstiness": 0.5, "times": TIMES}, "--burstiness: does not fit --times"),
        ({"arrivals": "poisson", "burstiness": 0.5, "rate": 1.0}, "--burstiness: needs arrivals: gamma"),
        ({"speed": 2.0}, "--speed: needs --times"),
        ({"rate": 1.0, "rates": RATES}, "--rate: does not fit --rates"),
        ({"rates": RATES, "duration": "2m"}, "--duration: is longer than the rates"),
        ({"think_time": "1s", "rate": 1.0}, "--think-time: does not fit --rate"),
        ({"timeout": 0}, "--timeout: "),
    ],
)
def test_an_error_names_the_option(options: dict[str, Any], message: str) -> None:
    """The user wrote an option and no field of a scenario."""
    with pytest.raises(ConfigError, match=f"^{message}"):
        _spec(**options)


def test_a_conversation_needs_vus() -> None:
    """In an open loop, no VU waits for the first answer."""
    rows = [{"messages": ["Hello", "Bye"]}]
    assert _spec(rows).prompts[0].messages == ("Hello", "Bye")
    with pytest.raises(ConfigError, match="--rate: message 'row-1' is a conversation"):
        _spec(rows, rate=1.0)


def test_an_address_begins_with_its_scheme() -> None:
    """The name of a scenario never does."""
    assert is_address("http://127.0.0.1:8000")
    assert not is_address("quick")
    assert looks_like_address("localhost:8000/chat")
    assert not looks_like_address("scenarios/quick.yaml")
    assert split_address("https://a.example/v1?k=1#top") == ("https://a.example", "/v1?k=1")
    assert split_address("http://a.example:80/") == ("http://a.example:80", "")


def test_values_of_headers_are_variables() -> None:
    """A target contains a placeholder in place of each value, so no result and no digest depends on it."""
    headers = parse_headers(["Authorization: Bearer abc:def", "x-key: ${env.KEY}"])
    assert headers.templates == {
        "authorization": "${env.BENCH_HEADER_AUTHORIZATION}",
        "x-key": "${env.KEY}",
    }
    assert headers.variables == {"BENCH_HEADER_AUTHORIZATION": "Bearer abc:def"}


@pytest.mark.parametrize("text", ["authorization", ": x", "x-key:", ""])
def test_a_header_has_a_name_and_a_value(text: str) -> None:
    """Otherwise it is a typing error."""
    with pytest.raises(ConfigError, match="is not NAME: VALUE"):
        parse_headers([text])


def test_rows_may_have_their_message_in_common_fields() -> None:
    """The only field of a row may have any name."""
    rows: list[dict[str, Any]] = [
        {"id": "7", "prompt": "a"},
        {"Text": "b"},
        {"anything": "c"},
        {"conversations": [{"from": "human", "value": "d"}, {"from": "gpt", "value": "no"}]},
    ]
    assert [prompt.text for prompt in prompts_of_rows(rows, "f")] == ["a", "b", "c", "d"]


def test_a_conversation_consists_of_the_texts_of_the_user() -> None:
    """The system's text goes in front; the service gives the answers itself."""
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Bye"},
    ]
    (prompt,) = prompts_of_rows([{"messages": messages}], "f")
    assert prompt.messages == ("Be brief.\n\nHello", "Bye")


@pytest.mark.parametrize("row", [{}, {"a": "x", "b": "y"}, {"message": " "}, {"messages": [], "n": 1}])
def test_a_row_without_a_message_is_an_error(row: dict[str, Any]) -> None:
    """It names the file, the row, and the fields that the row has."""
    with pytest.raises(ConfigError, match="f: row 2 has no message; its fields: "):
        prompts_of_rows([{"message": "ok"}, row], "f")


def test_thresholds_of_options_are_those_of_files() -> None:
    """Several limits of a metric are kept."""
    thresholds = parse_thresholds(["e2e_ms p(95)<2000", "e2e_ms  max<9000", "success_ratio rate>0.9"])
    assert [str(limit.expression) for limit in thresholds["e2e_ms"]] == ["p(95)<2000", "max<9000"]
    assert list(thresholds) == ["e2e_ms", "success_ratio"]


@pytest.mark.parametrize("text", ["e2e_ms", "e2e_ms p(95)", "latency p(95)<1", "success_ratio p(95)<1"])
def test_a_wrong_threshold_is_quoted(text: str) -> None:
    """The error begins with the option."""
    with pytest.raises(ConfigError) as caught:
        parse_thresholds([text])
    assert caught.value.message.startswith(f"--threshold {text}: ")

from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.stack import Stack, receive_spans
from bench.core.config.stack_tiers import Layers, OtlpReceiver, StackTiers, layers_behind
from bench.core.config.tier_sources import Durations
from bench.core.tiers.environment import fixed_url, otlp_environment
from tests.factories import make_target


def test_a_place_is_a_path_or_a_header() -> None:
    """A dotted path, `{path: …}` and `{header: …}` are places; a place may have its own unit."""
    durations = Durations.model_validate(
        {"unit": "ms", "tiers": {"a": "t.a", "b": {"path": "t.b"}, "c": {"header": "X-C", "unit": "s"}}}
    )
    places = durations.places
    assert (places["a"].path, places["b"].path, places["c"].header) == ("t.a", "t.b", "X-C")
    assert (places["a"].unit, places["c"].unit) == (None, "s")


def test_a_declaration_keeps_its_form() -> None:
    """A declaration of paths only is written as it was read, so that baselines stay comparable."""
    declared = {"unit": "ns", "tiers": {"decode": "eval_duration"}, "total": "total_duration"}
    assert Durations.model_validate(declared).model_dump(mode="json", exclude_defaults=True) == declared


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tiers": {"a": {}}}, "declare header or path"),
        ({"tiers": {"a": {"header": "x-a", "path": "a"}}}, "declare header or path"),
        ({"tiers": {"a": {"header": "x a"}}}, "header"),
        ({"tiers": {"a": "a"}, "remainder": "a"}, "choose another name"),
        ({"tiers": {"a": "a"}, "remainder": "unattributed"}, "choose another name"),
        ({"tiers": {"a": "a"}, "total": "t", "remainder": "queue"}, "choose another name"),
        ({"tiers": {"a": {"header": "x", "includes": ["b"]}}}, "'b' is not another tier"),
        ({"tiers": {"a": {"header": "x", "includes": ["a"]}}}, "'a' is not another tier"),
        ({}, "declare the places"),
    ],
)
def test_a_contradiction_is_refused(wrong: dict[str, Any], words: str) -> None:
    """A place is one place, and a name of a tier has one meaning."""
    with pytest.raises(ValidationError, match=words):
        Durations.model_validate({"unit": "ms", **wrong})


def make_layers(**bodies: dict[str, Any]) -> Layers:
    """Layers with one body per tier; the service has the name of the tier."""
    tiers = [{"tier": tier, "target": make_target(service=tier, body=body)} for tier, body in bodies.items()]
    return Layers.model_validate({"message": "Hello.", "tiers": tiers})


def test_all_layers_get_the_same_work() -> None:
    """A model or an option of the model is the same in each tier that names it."""
    inner = {"prompt": "${message}", "model": "small"}
    assert make_layers(backend={"message": "${message}"}, agent=inner, model=inner).limit_s == 60.0
    with pytest.raises(ValidationError, match="'model' differs between the tiers 'agent' and 'model'"):
        make_layers(backend={"message": "${message}"}, agent=inner, model=inner | {"model": "large"})
    with pytest.raises(ValidationError, match="'options' differs"):
        make_layers(agent=inner | {"options": {"num_predict": 64}}, model=inner | {"options": {}})


def test_the_layers_begin_at_the_asked_service() -> None:
    """Only the asked service and the tiers behind it do the work of a request."""
    body = {"prompt": "${message}"}
    layers = make_layers(backend=body, agent=body, model=body).tiers
    assert [layer.tier for layer in layers_behind(layers, "agent")] == ["agent", "model"]
    assert [layer.tier for layer in layers_behind(layers, "model")] == ["model"]
    assert layers_behind(layers, "gateway") == layers


@pytest.mark.parametrize("included", ["model", "agent"])
def test_a_histogram_includes_other_histograms(included: str) -> None:
    """A histogram may contain the time of another one, but not of itself or of an unknown one."""
    agent = {"service": "agent", "series": "seconds", "includes": [included]}
    with pytest.raises(ValidationError, match="is not another tier"):
        StackTiers.model_validate({"histograms": {"agent": agent}})


def test_the_remainder_is_no_histogram() -> None:
    """The name of the remainder has one meaning."""
    with pytest.raises(ValidationError, match="choose another name"):
        StackTiers.model_validate({"histograms": {"unattributed": {"service": "a", "series": "s"}}})


def test_a_port_switches_spans_on() -> None:
    """A port of the command line adds to the declaration of the stack, or replaces its port."""
    plain = Stack(name="mine", purpose="A stack.")
    assert receive_spans(plain, None) is plain
    otlp = receive_spans(plain, 4318).tiers.otlp
    assert otlp is not None
    assert (otlp.port, otlp.host) == (4318, "127.0.0.1")
    declared = Stack.model_validate(
        {"name": "mine", "purpose": "A stack.", "tiers": {"otlp": {"host": "::1"}}}
    )
    otlp = receive_spans(declared, 9000).tiers.otlp
    assert otlp is not None
    assert (otlp.port, otlp.host) == (9000, "::1")


def test_a_service_gets_the_variables_of_opentelemetry() -> None:
    """Each service sends its spans under its own name, unless the stack names other services."""
    otlp = OtlpReceiver(services=("backend",))
    variables = otlp_environment(otlp, "backend", "http://127.0.0.1:4318")
    assert variables["OTEL_SERVICE_NAME"] == "backend"
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert otlp_environment(otlp, "model", "http://127.0.0.1:4318") == {}
    assert otlp_environment(otlp, "backend", None) == {}
    assert otlp_environment(None, "backend", "http://127.0.0.1:4318") == {}


def test_a_stack_that_stays_up_knows_its_receiver() -> None:
    """Services that are started before a run get the declared address, or the usual port."""
    assert fixed_url(OtlpReceiver()) == "http://127.0.0.1:4318"
    assert fixed_url(OtlpReceiver(port=9000, host="0.0.0.0")) == "http://0.0.0.0:9000"  # noqa: S104
    assert fixed_url(OtlpReceiver(url="http://host:1")) == "http://host:1"
    assert fixed_url(OtlpReceiver(host="::1")) == "http://[::1]:4318"

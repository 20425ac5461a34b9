from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.core.config.injections import parse_injections
from bench.core.config.placeholders import expand, expand_all
from bench.core.config.stack import CommandStore, MongoStore, Stack, list_secrets
from bench.errors import ConfigError


def make_stack(**changes: Any) -> Stack:
    """A simulated stack of an agent and a model with knobs; fields by name."""
    content: dict[str, Any] = {
        "name": "embedded",
        "purpose": "A test.",
        "simulated": True,
        "services": {
            "model": {"command": ["run"], "knobs": {"slowdown": "SLOWDOWN", "failures": "FAILURES"}},
            "agent": {"command": ["run"], "knobs": {"delay_ms": "DELAY_MS"}},
        },
    }
    return Stack.model_validate(content | changes)


def test_placeholders_are_replaced_by_their_values() -> None:
    """Every placeholder of a text becomes its value; the same one twice as well."""
    values = {"python": "/bin/python", "model.url": "http://m", "env.HOST": "h"}
    text = "${python} --model ${model.url}/v1 --host ${env.HOST} ${python}"
    assert expand(text, values, "here") == "/bin/python --model http://m/v1 --host h /bin/python"


@pytest.mark.parametrize(
    "text", ["", "plain", "$HOME", "${}", "${1}", "$${", "{python}", "${a b}", "${unclosed"]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    """Only a name in `${}` is a placeholder."""
    assert expand(text, {}, "here") == text


def test_a_value_is_not_expanded_again() -> None:
    """A value that looks like a placeholder stays: an environment variable cannot read secrets."""
    values = {"env.NAME": "${jwt_secret}", "jwt_secret": "hush"}
    assert expand("${env.NAME}", values, "here") == "${jwt_secret}"


def test_the_error_for_a_missing_variable_shows_how_to_set_it() -> None:
    """The message has the place of the placeholder, the hint the command that sets it."""
    with pytest.raises(ConfigError) as caught:
        expand("${env.MONGO_URI}", {"python": "p"}, "stacks/real.yaml: users.store.uri")
    assert caught.value.message == "stacks/real.yaml: users.store.uri: ${env.MONGO_URI} has no value"
    assert caught.value.hint == "export MONGO_URI=…, or write a default: ${env.MONGO_URI:-…}"


def test_the_error_for_an_unknown_placeholder_suggests_the_nearest() -> None:
    """For any other name the hint has the most similar name, else all names."""
    values = {"state": "s", "model.url": "u"}
    with pytest.raises(ConfigError) as caught:
        expand("${modle.url}", values, "here")
    assert caught.value.message == "here: ${modle.url} has no value"
    assert caught.value.hint == "did you mean 'model.url'?"
    with pytest.raises(ConfigError) as caught:
        expand("${zzz}", values, "here")
    assert caught.value.hint == "existing names: model.url, state"


def test_a_document_is_expanded_in_all_its_texts() -> None:
    """Texts in objects and lists at any depth are expanded; keys and other values stay."""
    content = {"id": "${id}", "n": 1, "on": True, "none": None, "in": [{"who": ("${id}!", 2.5)}], "${id}": ""}
    assert expand_all(content, {"id": "u1"}, "here") == {
        "id": "u1",
        "n": 1,
        "on": True,
        "none": None,
        "in": [{"who": ["u1!", 2.5]}],
        "${id}": "",
    }


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8).filter(lambda text: "${" not in text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(_JSON)
def test_a_document_without_placeholders_stays_the_same(content: Any) -> None:
    """Expanding changes placeholders only."""
    assert expand_all(content, {}, "here") == content


def test_injections_are_knobs_with_numbers() -> None:
    """Each text sets one knob of one service."""
    texts = ("model.slowdown=1.3", "agent.delay_ms=50")
    assert parse_injections(make_stack(), texts) == {"model.slowdown": 1.3, "agent.delay_ms": 50.0}


def test_every_stack_can_run_without_injections() -> None:
    """Without injections, knobs are not needed."""
    assert parse_injections(make_stack(simulated=False), ()) == {}


def test_a_stack_without_knobs_refuses_injections() -> None:
    """A stack that runs elsewhere has no knobs; the hint suggests a stack that has some."""
    with pytest.raises(ConfigError) as caught:
        parse_injections(Stack(name="external", purpose="A test."), ("model.slowdown=1.3",))
    assert caught.value.message == "--inject: stack 'external' has no knobs"
    assert caught.value.hint == "choose another stack: --stack embedded"


@pytest.mark.parametrize(
    ("text", "knob"), [("model.speed=2", "model.speed"), ("slowdown=2", "slowdown"), ("", ""), ("=2", "")]
)
def test_an_unknown_knob_is_refused_with_the_list(text: str, knob: str) -> None:
    """The hint lists the knobs of the stack."""
    with pytest.raises(ConfigError) as caught:
        parse_injections(make_stack(), (text,))
    assert caught.value.message == f"--inject {text}: knob '{knob}' does not exist"
    assert caught.value.hint == "existing knobs: agent.delay_ms, model.failures, model.slowdown"


@pytest.mark.parametrize("number", ["", "fast", "-1", "1e9", "inf", "nan", "1.", ".5", "1=2", " 1"])
def test_an_injection_needs_a_number(number: str) -> None:
    """The value of a knob is a plain number of 0 or more."""
    with pytest.raises(ConfigError) as caught:
        parse_injections(make_stack(), (f"model.slowdown={number}",))
    message = f"--inject model.slowdown={number}: '{number}' is not a number of 0 or more"
    assert caught.value.message == message
    assert caught.value.hint == "write for example model.slowdown=1.3"


@pytest.mark.parametrize(
    ("store", "kind"),
    [
        ({"kind": "command", "command": ["add-users"]}, CommandStore),
        ({"kind": "mongodb", "uri": "mongodb://h/db"}, MongoStore),
    ],
)
def test_the_kind_selects_the_fields_of_a_store(store: dict[str, Any], kind: type) -> None:
    """Each kind of store has its own fields."""
    stack = make_stack(users={"store": store, "document": {}, "claims": {}})
    assert stack.users is not None
    assert isinstance(stack.users.store, kind)


@pytest.mark.parametrize(
    "changes",
    [
        {"services": {"Model": {"command": ["run"]}}},
        {"services": {"model": {"command": []}}},
        {"services": {"model": {"command": ["run"], "knobs": {"Slow Down": "X"}}}},
        {"services": {"model": {"command": ["run"], "start_timeout_s": 0}}},
        {"users": {"store": {"kind": "mongodb", "command": ["x"]}, "document": {}, "claims": {}}},
        {"users": {"store": {"kind": "redis"}, "document": {}, "claims": {}}},
        {"colour": "red"},
    ],
)
def test_a_wrong_stack_is_refused(changes: dict[str, Any]) -> None:
    """Names, commands, knobs, durations and stores have their rules."""
    with pytest.raises(ValidationError):
        make_stack(**changes)


def test_a_stack_may_run_elsewhere() -> None:
    """A stack without services is external: it runs already."""
    stack = make_stack(services={}, simulated=False)
    assert (stack.services, stack.users) == ({}, None)
    assert stack.is_external
    assert stack.port_services == ()


COMPOSE: dict[str, Any] = {
    "file": "compose.yml",
    "environment": {"PASSWORD": "${secret.DB_PASSWORD}", "JWT": "${jwt_secret}"},
    "services": {
        "model": {"port": 1, "port_variable": "MODEL_PORT", "knobs": {"slowdown": "SLOWDOWN"}},
        "worker": {"knobs": {"delay_ms": "DELAY_MS"}},
    },
}


def test_processes_and_containers_have_knobs_alike() -> None:
    """A knob is named by service and knob, for processes and for containers."""
    assert make_stack().knobs["agent.delay_ms"] == "DELAY_MS"
    stack = make_stack(services={}, compose=COMPOSE)
    assert stack.knobs == {"model.slowdown": "SLOWDOWN", "worker.delay_ms": "DELAY_MS"}
    assert parse_injections(stack, ("model.slowdown=2",)) == {"model.slowdown": 2.0}


def test_a_port_can_be_set_for_processes_and_some_containers() -> None:
    """Every process has a port variable; a container has one if the stack declares it."""
    assert make_stack().port_services == ("model", "agent")
    assert make_stack(services={}, compose=COMPOSE).port_services == ("model",)
    assert not make_stack(services={}, compose=COMPOSE).is_external


def test_secrets_are_listed_once() -> None:
    """A secret may be used anywhere in the stack, and is listed once."""
    users = {"store": {"kind": "mongodb", "uri": "mongodb://u:${secret.DB_PASSWORD}@h/${secret.A}"}}
    stack = make_stack(services={}, compose=COMPOSE, users=users | {"document": {}, "claims": {}})
    assert list_secrets(stack) == ("A", "DB_PASSWORD")
    assert list_secrets(make_stack()) == ()


def test_a_stack_has_processes_or_containers() -> None:
    """With both, the name of a service would be ambiguous."""
    with pytest.raises(ValidationError, match="not both"):
        make_stack(compose=COMPOSE)

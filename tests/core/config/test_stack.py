from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.core.config.stack import (
    CommandStore,
    MongoStore,
    Stack,
    expand,
    expand_all,
    parse_injections,
    secret_names,
)
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
def test_what_is_no_placeholder_is_left_as_it_is(text: str) -> None:
    """Only a name in `${}` is a placeholder."""
    assert expand(text, {}, "here") == text


def test_a_value_is_not_expanded_again() -> None:
    """A value that looks like a placeholder is a value: what a variable holds cannot ask for secrets."""
    values = {"env.NAME": "${jwt_secret}", "jwt_secret": "hush"}
    assert expand("${env.NAME}", values, "here") == "${jwt_secret}"


def test_a_missing_environment_variable_is_named_with_how_to_set_it() -> None:
    """The message says where the placeholder stands, the hint how to give it a value."""
    with pytest.raises(ConfigError) as caught:
        expand("${env.MONGO_URI}", {"python": "p"}, "stacks/real.yaml: users.store.uri")
    assert caught.value.message == "stacks/real.yaml: users.store.uri: ${env.MONGO_URI} has no value"
    assert caught.value.hint == "export MONGO_URI=…"


def test_a_missing_placeholder_is_named_with_those_there_are() -> None:
    """For any other name the hint lists what could have been meant, in order."""
    with pytest.raises(ConfigError) as caught:
        expand("${modle.url}", {"state": "s", "model.url": "u"}, "here")
    assert caught.value.message == "here: ${modle.url} has no value"
    assert caught.value.hint == "there are: model.url, state"


def test_a_document_is_expanded_in_all_its_texts() -> None:
    """Texts in tables and lists at any depth are expanded; keys and other values stay."""
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
    """Expanding touches nothing but placeholders."""
    assert expand_all(content, {}, "here") == content


def test_injections_are_knobs_with_numbers() -> None:
    """Each text turns one knob of one service."""
    texts = ("model.slowdown=1.3", "agent.delay_ms=50")
    assert parse_injections(make_stack(), texts) == {"model.slowdown": 1.3, "agent.delay_ms": 50.0}


def test_no_injection_is_right_for_any_stack() -> None:
    """Any stack can be measured as it is."""
    assert parse_injections(make_stack(simulated=False), ()) == {}


def test_a_stack_without_knobs_is_not_made_worse() -> None:
    """What runs elsewhere is nobody's to turn; what is started for a run ends with it, knobs and all."""
    with pytest.raises(ConfigError) as caught:
        parse_injections(Stack(name="external", purpose="A test."), ("model.slowdown=1.3",))
    assert caught.value.message == "--inject: target 'external' has no knobs"
    assert caught.value.hint == "--stack embedded"


@pytest.mark.parametrize(
    ("text", "knob"), [("model.speed=2", "model.speed"), ("slowdown=2", "slowdown"), ("", ""), ("=2", "")]
)
def test_an_unknown_knob_is_refused_with_those_there_are(text: str, knob: str) -> None:
    """A knob that no service has would turn nothing."""
    with pytest.raises(ConfigError) as caught:
        parse_injections(make_stack(), (text,))
    assert caught.value.message == f"--inject {text}: there is no '{knob}'"
    assert caught.value.hint == "there are: agent.delay_ms, model.failures, model.slowdown"


@pytest.mark.parametrize("number", ["", "fast", "-1", "1e9", "inf", "nan", "1.", ".5", "1=2", " 1"])
def test_an_injection_that_is_no_number_is_refused(number: str) -> None:
    """A knob is turned to a plain number that is not negative."""
    with pytest.raises(ConfigError) as caught:
        parse_injections(make_stack(), (f"model.slowdown={number}",))
    assert caught.value.message == f"--inject model.slowdown={number}: '{number}' is no number"
    assert caught.value.hint == "write it like model.slowdown=1.3"


@pytest.mark.parametrize(
    ("store", "kind"),
    [
        ({"kind": "command", "command": ["add-users"]}, CommandStore),
        ({"kind": "mongodb", "uri": "mongodb://h/db"}, MongoStore),
    ],
)
def test_a_store_of_users_is_known_by_its_kind(store: dict[str, Any], kind: type) -> None:
    """The kind decides on which fields a store has."""
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
def test_a_stack_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """Names, commands, knobs, times and stores have their rules."""
    with pytest.raises(ValidationError):
        make_stack(**changes)


def test_a_stack_may_run_elsewhere() -> None:
    """A stack without services and users is one that is already there."""
    stack = make_stack(services={}, simulated=False)
    assert (stack.services, stack.users) == ({}, None)
    assert stack.elsewhere
    assert stack.names == ()


COMPOSE: dict[str, Any] = {
    "file": "compose.yml",
    "environment": {"PASSWORD": "${secret.DB_PASSWORD}", "JWT": "${jwt_secret}"},
    "services": {
        "model": {"port": 1, "port_variable": "MODEL_PORT", "knobs": {"slowdown": "SLOWDOWN"}},
        "worker": {"knobs": {"delay_ms": "DELAY_MS"}},
    },
}


def test_processes_and_containers_have_knobs_alike() -> None:
    """What can be made worse is named by service and knob, whichever way the services run."""
    assert make_stack().knobs["agent.delay_ms"] == "DELAY_MS"
    stack = make_stack(services={}, compose=COMPOSE)
    assert stack.knobs == {"model.slowdown": "SLOWDOWN", "worker.delay_ms": "DELAY_MS"}
    assert parse_injections(stack, ("model.slowdown=2",)) == {"model.slowdown": 2.0}


def test_a_port_can_be_given_to_what_listens() -> None:
    """Every process has one; of containers those that say by which variable."""
    assert make_stack().names == ("model", "agent")
    assert make_stack(services={}, compose=COMPOSE).names == ("model",)
    assert not make_stack(services={}, compose=COMPOSE).elsewhere


def test_secrets_are_named_where_they_are_used() -> None:
    """Anywhere in the declaration, and each once."""
    users = {"store": {"kind": "mongodb", "uri": "mongodb://u:${secret.DB_PASSWORD}@h/${secret.A}"}}
    stack = make_stack(services={}, compose=COMPOSE, users=users | {"document": {}, "claims": {}})
    assert secret_names(stack) == ("A", "DB_PASSWORD")
    assert secret_names(make_stack()) == ()


def test_a_stack_is_of_one_kind() -> None:
    """Processes and containers together would leave open which service is meant."""
    with pytest.raises(ValidationError, match="not both"):
        make_stack(compose=COMPOSE)

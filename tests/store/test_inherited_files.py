from pathlib import Path

import pytest

from bench.core.config.choices import make_choices
from bench.core.config.load_words import in_words
from bench.core.limits.expression import parse
from bench.errors import ConfigError
from bench.store import scenarios, stacks

SCENARIOS = Path("scenarios")
TARGET = "service: model\npath: /v1/chat\nbody: {m: '${message}', options: {a: 1, b: 2}}\n"
JSON = "answer: {kind: json, text: words}\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> Path:
    """Write a file in the user's folder of scenarios."""
    path = SCENARIOS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def fail(name: str = "lunch", *settings: str) -> ConfigError:
    """Return the error of a scenario."""
    with pytest.raises(ConfigError) as caught:
        scenarios.load(name, make_choices(None, None, settings))
    return caught.value


def test_a_scenario_inherits_the_values_of_a_shipped_one() -> None:
    """Three lines suffice for another load; its name is that of its file."""
    write("lunch.yaml", "extends: quick\nvus: 3\nthresholds: {e2e_ms: ['p(95)<900']}\n")
    scenario = scenarios.load("lunch").scenario
    shipped = scenarios.load("quick").scenario
    assert (scenario.name, scenario.target, scenario.seed) == ("lunch", "chat", 2025)
    assert in_words(scenario.phases) == "3 VUs, 30 s"
    assert scenario.thresholds["e2e_ms"][0].expression == parse("p(95)<900")
    assert scenario.thresholds["success_ratio"] == shipped.thresholds["success_ratio"]


def test_maps_are_merged_and_null_removes() -> None:
    """Lists and single values replace the inherited ones."""
    write("targets/base.yaml", TARGET + JSON + "headers: {x-a: '1', x-b: '2'}\n")
    write("targets/mine.yaml", "extends: base\nbody: {options: {a: null, c: [3]}}\nheaders: null\n")
    target = scenarios.load_target("mine")
    assert (target.name, target.path, target.headers) == ("mine", "/v1/chat", {})
    assert target.body == {"m": "${message}", "options": {"b": 2, "c": [3]}}
    assert scenarios.load_target("base").headers == {"x-a": "1", "x-b": "2"}


def test_another_kind_or_executor_replaces_the_inherited_one() -> None:
    """Fields of the old kind would not fit the new one."""
    stream = "answer: {kind: sse, text: words, done_data: end}\n"
    write("targets/base.yaml", TARGET + stream)
    write("targets/mine.yaml", "extends: base\nanswer: {kind: json, text: reply}\n")
    assert scenarios.load_target("mine").answer.model_dump(exclude_defaults=True) == {
        "kind": "json",
        "text": "reply",
    }
    write("lunch.yaml", "extends: quick\nexecutor: constant-arrival-rate\nrate: 5\nduration: 10s\n")
    assert in_words(scenarios.load("lunch").scenario.phases) == "5 requests/s, 10 s"
    write("lunch.yaml", "extends: quick\nphases: [{executor: cases}]\n")
    assert in_words(scenarios.load("lunch").scenario.phases) == "every message once"
    write("dinner.yaml", "extends: lunch\nexecutor: constant-vus\nvus: 1\nduration: 1s\n")
    assert in_words(scenarios.load("dinner").scenario.phases) == "1 VU, 1 s"


def test_a_file_extends_the_shipped_one_that_it_hides() -> None:
    """The rest of the shipped scenarios then use it, too."""
    write("targets/chat.yaml", "extends: chat\npath: /other\n")
    assert scenarios.load("quick").target.path == "/other"
    assert scenarios.load("quick").target.auth == "bearer"
    write("stacks/embedded.yaml", "extends: embedded\npurpose: Mine.\n")
    stack = stacks.load("embedded")
    assert (stack.name, stack.purpose, stack.service_names[0]) == ("embedded", "Mine.", "model")


def test_a_file_extends_another_one_by_its_path() -> None:
    """The path is relative to the file; its values may be inherited in turn."""
    write("common/base.yaml", "extends: quick\nseed: 1\n")
    write("lunch.yaml", "extends: common/base.yaml\nvus: 2\n")
    scenario = scenarios.load("lunch").scenario
    assert (scenario.name, scenario.seed, in_words(scenario.phases)) == ("lunch", 1, "2 VUs, 30 s")


def test_an_error_in_an_inherited_value_names_its_own_file_and_line() -> None:
    """An error in the file's own value names this file, also where both have the value."""
    write("base.yaml", "extends: quick\nseed: 1\nvus: -3\nthresholds:\n  e2e_ms: ['p95']\n")
    write("lunch.yaml", "extends: base\nduration: -1s\n\nthresholds:\n  ttft_ms: ['p(95)<x']\n")
    lines = fail().message.splitlines()
    assert lines[0].startswith("scenarios/lunch.yaml:2: duration")
    assert lines[1].startswith("scenarios/lunch.yaml:5: thresholds.ttft_ms[0]")
    assert lines[2] == "scenarios/base.yaml:3: vus must be above 0"
    assert lines[3].startswith("scenarios/base.yaml:5: thresholds.e2e_ms[0]")
    write("lunch.yaml", "extends: base\nduration: 1s\nvus: -4\nthresholds: null\n")
    assert fail().message == "scenarios/lunch.yaml:3: vus must be above 0"


def test_files_that_extend_each_other_are_refused() -> None:
    """So are a file that extends itself and one that does not exist."""
    write("lunch.yaml", "extends: dinner\n")
    write("dinner.yaml", "\nextends: lunch\n")
    error = fail()
    place = "scenarios/dinner.yaml:2: extends"
    assert error.message == f"{place}: the files extend each other: lunch → dinner → lunch"
    write("lunch.yaml", "extends: qick\n")
    error = fail()
    assert error.message == "scenarios/lunch.yaml:1: extends: there is no file qick"
    assert error.hint == "did you mean 'quick'?"
    write("lunch.yaml", "extends: lunch\n")
    assert fail().message == "scenarios/lunch.yaml:1: extends: there is no file lunch"
    write("lunch.yaml", "extends: lunch.yaml\n")
    assert "extend each other: lunch → lunch" in fail().message
    write("lunch.yaml", "extends: [quick]\n")
    assert fail().message.startswith("scenarios/lunch.yaml:1: extends: must be the name of a file")


def test_only_the_top_of_a_file_extends_another_one() -> None:
    """A target within a stack is refused, because its values would not be inherited."""
    target = f"{{extends: chat, name: a, {', '.join((TARGET + JSON).strip().splitlines())}}}"
    write("stacks/mine.yaml", f"purpose: Mine.\nreference_workload:\n  message: a\n  target: {target}\n")
    with pytest.raises(ConfigError) as caught:
        stacks.load("mine")
    message = (
        "scenarios/stacks/mine.yaml:4: reference_workload.target.extends: must stand at the top of a file"
    )
    assert caught.value.message == message


def test_messages_stand_in_the_scenario_and_have_stable_ids() -> None:
    """The id is the text's first words, so that it stays the same if another message comes before it."""
    text = "messages:\n- Say hello!\n- {text: Say hello!, weight: 3}\n- {id: bye, text: Good bye}\n- 你好\n"
    write("lunch.yaml", f"extends: quick\n{text}")
    spec = scenarios.load("lunch")
    assert [prompt.id for prompt in spec.prompts] == ["say-hello", "say-hello-2", "bye", "message-4"]
    assert [prompt.weight for prompt in spec.prompts] == [1, 3, 1, 1]
    assert spec.prompts[0].text == "Say hello!"
    write("lunch.yaml", f"extends: quick\nprompts: prompts/forms.yaml\n{text}")
    place = "scenarios/lunch.yaml:3: messages"
    assert fail().message == f"{place}: cannot be combined with prompts; remove one of them"
    write("lunch.yaml", "extends: quick\nprompts: null\n")
    assert "prompts is missing; name a file of messages, or write messages" in fail().message
    write("lunch.yaml", "extends: quick\nmessages: [a, {text: b, id: a}, {id: a, text: c}]\n")
    assert "messages[2].id: two messages have the id 'a'" in fail().message


def test_a_long_text_has_a_short_id() -> None:
    """A prompts file may have texts, too."""
    write("prompts/mine.yaml", f"messages:\n- {'word ' * 100}\n")
    write("lunch.yaml", "extends: quick\nprompts: prompts/mine.yaml\n")
    (prompt,) = scenarios.load("lunch").prompts
    assert prompt.id == "-".join(["word"] * 8)


def test_a_variable_may_be_a_number_of_a_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a default, and the result contains the number."""
    text = "extends: quick\nvus: ${env.USERS:-7}\nduration: ${env.TIME:-20s}\ntarget: ${env.TARGET:-agent}\n"
    write("lunch.yaml", text + "thresholds: {e2e_ms: ['p(95)<${env.LIMIT:-800}']}\n")
    spec = scenarios.load("lunch")
    assert in_words(spec.scenario.phases) == "7 VUs, 20 s"
    assert spec.target.name == "agent"
    assert spec.scenario.thresholds["e2e_ms"][0].expression == parse("p(95)<800")
    monkeypatch.setenv("USERS", "3")
    assert in_words(scenarios.load("lunch").scenario.phases) == "3 VUs, 20 s"
    monkeypatch.setenv("USERS", "many")
    message = "scenarios/lunch.yaml:2: vus must be a whole number, not 'many', from ${env.USERS:-7}"
    assert fail().message == message


def test_a_variable_without_a_value_is_an_error_at_its_line() -> None:
    """The message has the file, the line, the field and the cure."""
    write("base.yaml", "extends: quick\n\nvus: ${env.USERS}\n")
    write("lunch.yaml", "extends: base\nseed: x\n")
    first, second = fail().message.splitlines()
    assert first == "scenarios/lunch.yaml:2: seed must be a whole number, not 'x'"
    cure = "export USERS=…, or write a default: ${env.USERS:-…}"
    assert second == f"scenarios/base.yaml:3: vus: ${{env.USERS}} has no value; {cure}"


def test_variables_of_requests_stay_until_they_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key never becomes a part of a scenario, a target or a stack, and need not be set to check them."""
    monkeypatch.setenv("KEY", "hunter2")
    write(
        "targets/mine.yaml", TARGET.replace("/v1", "/${env.KEY}") + JSON + "headers: {x-key: '${env.KEY}'}\n"
    )
    step = "steps: [{name: a, request: {path: '/${env.KEY}', json: {k: '${env.KEY}'}}}]\n"
    write("lunch.yaml", f"extends: quick\ntarget: mine\nprompts: null\nservice: backend\n{step}")
    write(
        "stacks/mine.yaml",
        "purpose: P.\nservices: {a: {command: [x, '${env.KEY}'], environment: {K: '${env.KEY}'}}}\n",
    )
    spec = scenarios.load("lunch")
    assert "hunter2" not in spec.model_dump_json()
    assert spec.target.path == "/${env.KEY}/chat"
    assert "hunter2" not in stacks.load("mine").model_dump_json()


def test_a_number_of_a_stack_may_be_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a service does not change how its fields are read."""
    service = "{command: [x], start_timeout: '${env.WAIT:-5s}'}"
    write("stacks/mine.yaml", f"purpose: P.\nservices: {{a: {service}}}\n")
    assert stacks.load("mine").services["a"].start_timeout_s == 5
    monkeypatch.setenv("WAIT", "2m")
    assert stacks.load("mine").services["a"].start_timeout_s == 120


def test_a_setting_changes_one_value_of_the_target_or_the_scenario() -> None:
    """A key without a file belongs to the target's body; null removes a value."""
    settings = [
        "stream=true",
        "options.num_predict=5",
        "options.temperature=null",
        'stop=["a"]',
        "target.path=/x",
    ]
    spec = scenarios.load("agent-quick", make_choices(None, "big", [*settings, "scenario.seed=9"]))
    body = spec.target.body
    assert (body["stream"], body["options"], body["stop"]) == (True, {"num_predict": 5}, ["a"])
    assert (spec.target.path, spec.scenario.seed) == ("/x", 9)
    assert spec.variables == {"MODEL": "big"}
    assert spec.overrides == ("--model big", *(f"--set {text}" for text in (*settings, "scenario.seed=9")))
    assert scenarios.load("agent-quick").target.body["stream"] is False


def test_a_setting_of_a_list_needs_an_item_that_exists() -> None:
    """Items are numbered from 0."""
    write("targets/mine.yaml", TARGET.replace("m: '${message}'", "m: [{c: '${message}', r: x}]") + JSON)
    write("lunch.yaml", "extends: quick\ntarget: mine\n")
    spec = scenarios.load("lunch", make_choices(None, None, ["m.0.r=user"]))
    assert spec.target.body["m"] == [{"c": "${message}", "r": "user"}]
    error = fail("lunch", "m.1.r=user")
    assert error.message == "--set m.1.r=user: body.m is a list of 1, without an item 1"
    error = fail("lunch", "options.a.b=1")
    assert error.message == "--set options.a.b=1: body.options.a is 1, which has no fields"


def test_an_error_in_a_setting_names_the_option() -> None:
    """The field is checked as if it stood in the file."""
    assert fail("quick", "scenario.vus=many").message == (
        "--set scenario.vus=many: vus must be a whole number, not 'many'"
    )
    error = fail("quick", "target.answer.kind=xml")
    assert error.message.startswith("--set target.answer.kind=xml: answer.kind: 'xml' does not exist")
    assert fail("quick", "target.metod=PUT").message == (
        "--set target.metod=PUT: metod is not a field; did you mean 'method'?"
    )
    for text in ("stream", "=1", "a..b=1", ""):
        assert fail("quick", text).message == f"--set {text}: is not KEY=VALUE"


def test_a_key_that_may_mean_a_field_of_a_file_is_refused() -> None:
    """Otherwise a load that was meant would silently stay, and the body would get a field."""
    error = fail("quick", "vus=5")
    assert error.message == "--set vus=5: the body of the target has no 'vus', but the scenario has it"
    assert error.hint == "write --set scenario.vus=5 or --set body.vus=5"
    assert scenarios.load("quick", make_choices(None, None, ["body.vus=5"])).target.body["vus"] == 5


def test_the_value_of_a_header_is_not_part_of_the_result() -> None:
    """It may be a secret."""
    spec = scenarios.load("quick", make_choices(None, None, ["target.headers.x-key=hunter2"]))
    assert spec.target.headers == {"x-key": "hunter2"}
    assert spec.overrides == ("--set target.headers.x-key=…",)


def test_the_users_folder_replaces_a_target_and_messages_of_a_shipped_scenario(tmp_path: Path) -> None:
    """A file next to the scenario comes before both."""
    write("targets/chat.yaml", TARGET + JSON)
    write("prompts/forms.yaml", "messages: [Hello]\n")
    spec = scenarios.load("quick")
    assert (spec.target.path, len(spec.prompts)) == ("/v1/chat", 1)
    other = tmp_path / "elsewhere"
    (other / "targets").mkdir(parents=True)
    (other / "targets" / "chat.yaml").write_text("extends: chat\npath: /near\n")
    (other / "mine.yaml").write_text("extends: quick\n")
    assert scenarios.load(str(other / "mine.yaml")).target.path == "/near"


def test_a_run_needs_the_variables_of_its_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the file and the line; a chosen model needs no variable, and a default neither."""
    write("targets/base.yaml", TARGET + JSON + "headers:\n  x-key: '${env.KEY}'\n")
    write("targets/mine.yaml", "extends: base\nbody:\n  model: '${env.MODEL}'\n  n: '${env.N:-4}'\n")
    write("lunch.yaml", "extends: quick\ntarget: mine\n")
    scenarios.load("lunch")
    monkeypatch.delenv("MODEL", raising=False)
    monkeypatch.setenv("N", "x")
    with pytest.raises(ConfigError) as caught:
        scenarios.load_for_run("lunch")
    cure = "export KEY=…, or write a default: ${env.KEY:-…}"
    assert caught.value.message.splitlines() == [
        "scenarios/targets/mine.yaml:3: body.model: ${env.MODEL} has no value; name the model: --model NAME",
        "scenarios/targets/mine.yaml:4: body.n: ${env.N:-4} must be a number, not 'x'",
        f"scenarios/targets/base.yaml:6: headers.x-key: ${{env.KEY}} has no value; {cure}",
    ]
    monkeypatch.setenv("KEY", "a")
    monkeypatch.delenv("N")
    choices = make_choices(None, "small", ())
    assert scenarios.load_for_run("lunch", choices).target.body["model"] == "small"

import shutil
from pathlib import Path

import pytest

from bench.core.config.executors import ConstantVus
from bench.core.config.load_words import scenario_in_words
from bench.errors import ConfigError, Exit
from bench.store import scenarios, stacks
from bench.store.folders import find, shipped

SHIPPED = Path(__file__).parents[2] / "scenarios"
LONGEST = 9_999


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with copies of the shipped files."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(SHIPPED, tmp_path / "scenarios"))


def _change(mine: Path, old: str, new: str, file: str = "quick.yaml") -> Path:
    path = mine / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def _fail(name: str = "quick") -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        scenarios.load(name)
    assert caught.value.exit_code is Exit.USAGE
    return caught.value


def test_quick_has_the_load_of_the_specification() -> None:
    """`quick` has ten VUs for thirty seconds with think times of five to seven seconds, on the chat."""
    spec = scenarios.load("quick")
    (phase,) = spec.scenario.phases
    assert isinstance(phase, ConstantVus)
    assert (phase.vus, phase.duration_s, phase.think_time_s) == (10, 30, (5, 7))
    assert spec.target.path == "/api/chat/ask-dynaform"
    assert spec.scenario.thresholds.keys() == {"e2e_ms", "success_ratio"}


def test_messages_are_ten_short_and_three_long() -> None:
    """The messages are as specified, and the agent leaves all of them to the model."""
    prompts = scenarios.load("quick").prompts
    lengths = [len(prompt.text) for prompt in prompts]
    assert sum(length < 500 for length in lengths) == 10
    assert sum(9_000 <= length <= LONGEST for length in lengths) == 3
    for prompt in prompts:
        assert not any(word in prompt.text.lower() for word in ("publish", "deploy", "register"))


def test_every_shipped_file_is_valid() -> None:
    """Every scenario and stack that comes with the project can be loaded."""
    for name in scenarios.paths():
        assert scenarios.load(name).scenario.name == name
    for path in (SHIPPED / "stacks").glob("*.yaml"):
        assert stacks.load(path.stem).name == path.stem


def test_the_error_for_a_misspelt_field_has_its_line(mine: Path) -> None:
    """The error names file, line and field, and suggests the correct name."""
    path = _change(mine, "duration:", "duraton:")
    error = _fail()
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if "duraton" in text)
    assert f"scenarios/quick.yaml:{line}: duraton is not a field" in error.message
    assert "did you mean 'duration'?" in error.message
    assert "duration is missing" in error.message


def test_a_negative_duration_is_fail(mine: Path) -> None:
    """A duration must be above 0; the error names the line."""
    _change(mine, "duration: 30s", "duration: -30")
    assert _fail().message == "scenarios/quick.yaml:8: duration must be above 0"


def test_a_service_may_have_the_name_of_a_kind(mine: Path) -> None:
    """An error in the service `mongodb` has the full location, although a kind of store has that name too."""
    _change(
        mine,
        '  model:\n    command: ["${python}", -m, chatstack, model]',
        "  mongodb:\n    command: []",
        "stacks/embedded.yaml",
    )
    with pytest.raises(ConfigError) as caught:
        stacks.load("embedded")
    assert "services.mongodb.command needs 1 or more" in caught.value.message


def test_an_empty_list_is_too_short(mine: Path) -> None:
    """A scenario needs at least one phase."""
    text = (mine / "quick.yaml").read_text()
    start, end = text.index("executor:"), text.index("thresholds:")
    (mine / "quick.yaml").write_text(text[:start] + "phases: []\n" + text[end:])
    assert "phases needs 1 or more" in _fail().message


def test_the_error_for_an_unknown_metric_lists_the_metrics(mine: Path) -> None:
    """A threshold on an unknown metric is refused with the list of metrics."""
    _change(mine, "  e2e_ms:", "  e2e_seconds:")
    message = _fail().message
    assert "there is no metric 'e2e_seconds'" in message
    assert "e2e_ms" in message


def test_a_wrong_threshold_shows_the_grammar(mine: Path) -> None:
    """A threshold outside k6's grammar is refused with an example."""
    _change(mine, "p(95)<5000", "p95 under 5000")
    assert "write for example p(95)<5000" in _fail().message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: [unclosed", "quick.yaml:1: this is not YAML"),
        ("- a\n- b\n", "quick.yaml:1: the file must be a map of names to values"),
        ("", "quick.yaml:1: the file must be a map of names to values"),
        ("name: quick\n", "purpose is missing"),
    ],
)
def test_a_file_with_other_content_is_refused(mine: Path, content: str, message: str) -> None:
    """A file that is not YAML, not a mapping, or an incomplete scenario is an error with the path."""
    (mine / "quick.yaml").write_text(content)
    error = _fail()
    assert "scenarios/quick.yaml" in error.message
    assert message in error.message


def test_name_and_file_must_agree(mine: Path) -> None:
    """A scenario has the name of its file, so that its baseline can be found."""
    _change(mine, "name: quick", "name: quickly")
    error = _fail()
    assert error.message == "scenarios/quick.yaml:1: name: 'quickly' is not the name of the file"
    assert error.hint == "write name: quick"


def test_the_error_for_a_missing_file_names_line_and_nearest_file(mine: Path) -> None:
    """A scenario may name a file that does not exist; the hint suggests the nearest one."""
    _change(mine, "target: chat", "target: chatty")
    error = _fail()
    assert error.message == "scenarios/quick.yaml:3: target: there is no file targets/chatty.yaml"
    assert error.hint == "did you mean 'chat'?"
    _change(mine, "target: chatty", "target: chat\ncompare_with: olama")
    error = _fail()
    assert error.message == "scenarios/quick.yaml:4: compare_with: there is no file targets/olama.yaml"
    assert error.hint == "did you mean 'ollama'?"
    _change(mine, "compare_with: olama\n", "")
    _change(mine, "prompts/forms.yaml", "prompts/from.yaml")
    error = _fail()
    assert error.message == "scenarios/quick.yaml:5: prompts: there is no file prompts/from.yaml"
    assert error.hint == "did you mean 'prompts/forms.yaml'?"


def test_every_suite_names_existing_scenarios(mine: Path) -> None:
    """The suites are those of the specification; an unknown suite or scenario is an error."""
    assert scenarios.suites().keys() == {"pr", "nightly", "full", "weekly", "monthly", "predeploy", "model"}
    assert scenarios.of_suite("monthly") == ("heavy", "extreme", "capacity")
    with pytest.raises(ConfigError, match="suite 'hourly' does not exist") as caught:
        scenarios.of_suite("hourly")
    assert caught.value.hint == "existing names: full, model, monthly, nightly, pr, predeploy, weekly"
    (mine / "suites.yaml").write_text("pr: [quik]\n")
    with pytest.raises(ConfigError, match=r"suites.yaml:1: pr\[0\]: scenario 'quik' does not exist"):
        scenarios.suites()


CALM = "1 VU × 13 requests"  # noqa: RUF001 - times


def test_the_shipped_scenarios_have_the_loads_of_the_specification() -> None:
    """Every load of the specification is a scenario with its numbers."""
    loads = {name: scenario_in_words(scenarios.load(name).scenario) for name in scenarios.paths()}
    assert loads == {
        "quick": "10 VUs, 30 s",
        "chat-short": "10 VUs, 10 s",
        "stream-short": "10 VUs, 10 s",
        "trial": "10 VUs, 10 s",
        "trial-stream": "10 VUs, 10 s",
        "trial-deck": "4 VUs × 13 requests",  # noqa: RUF001 - times
        "trial-failover": "6 requests/s, 12 s",
        "cancel": f"{CALM}; then 10 VUs × 3 requests, 100 % cancelled; then {CALM}",  # noqa: RUF001 - times
        "capacity": "search from 1 to 150 VUs within 10m",
        "conversation": "5 VUs × 8 requests",  # noqa: RUF001 - times
        "endurance-short": "10 VUs, 60 s",
        "medium": "50 VUs, 120 s",
        "heavy": "100 VUs, 300 s",
        "extreme": "200 VUs, 300 s",
        "rampup": "0 to 50 VUs, 150 s",
        "spike": "10 and 40 more VUs, 80 s",
        "timeout": "every message once",
        "failover": "4 requests/s, 32 s",
        "failover-scaled": "8 requests/s, 32 s",
        "endurance": "10 VUs, 3600 s",
        "websocket-short": "10 VUs, 10 s",
        "chat-stream": "10 VUs, 30 s",
        "agent-quick": "5 VUs × 3 requests",  # noqa: RUF001 - times
        "agent-concurrent": "10 VUs × 25 requests",  # noqa: RUF001 - likewise
        "agent-comparison": "2 VUs × 20 requests",  # noqa: RUF001 - likewise
        "agent-interception": "5 VUs × 9 requests",  # noqa: RUF001 - likewise
        "model-quick": "1 VU × 3 requests",  # noqa: RUF001 - likewise
    }


def test_slow_answers_count_for_the_capacity() -> None:
    """No trial cuts off requests that may still be answered, so the slowest requests count."""
    scenario = scenarios.load("capacity").scenario
    assert scenario.graceful_stop_s is not None
    assert scenario.graceful_stop_s >= scenario.request_timeout_s
    assert scenario.objectives


def test_an_unknown_scenario_suggests_the_nearest() -> None:
    """The hint has the nearest name, else all names."""
    error = _fail("quik")
    assert error.message == "scenario 'quik' does not exist"
    assert error.hint == "did you mean 'quick'?"
    assert "existing names: agent-comparison, " in (_fail("zzz").hint or "")


def test_a_path_is_a_scenario_too(mine: Path, tmp_path: Path) -> None:
    """A file anywhere can be run; the files that it names come from its own folder first."""
    other = tmp_path / "elsewhere"
    shutil.copytree(mine, other)
    text = (other / "targets" / "chat.yaml").read_text()
    (other / "targets" / "chat.yaml").write_text(text.replace("path: /api", "path: /other"))
    assert scenarios.load(str(other / "quick.yaml")).target.path.startswith("/other")
    assert "No such file" in _fail("nowhere.yaml").message


def test_a_users_file_hides_the_shipped_one(mine: Path) -> None:
    """A user's file is used instead of the shipped one of the same name, for stacks too."""
    _change(mine, "seed: 2025", "seed: 7")
    assert scenarios.load("quick").scenario.seed == 7
    _change(mine, "purpose: Backend", "purpose: My backend", "stacks/embedded.yaml")
    assert stacks.load("embedded").purpose.startswith("My backend")


def test_an_unknown_stack_suggests_the_nearest() -> None:
    """The hint has the nearest name, else all names."""
    with pytest.raises(ConfigError, match="stack 'embeded' does not exist") as caught:
        stacks.load("embeded")
    assert caught.value.hint == "did you mean 'embedded'?"
    with pytest.raises(ConfigError) as caught:
        stacks.load("zzz")
    assert caught.value.hint == f"existing names: {', '.join(stacks.list_all())}"


def test_a_file_is_found_in_the_nearest_folder(mine: Path) -> None:
    """The scenario's folder comes first, then the user's folder, then the shipped one."""
    near = mine / "targets"
    assert find("scenarios", "chat.yaml", near=near) == near / "chat.yaml"
    assert find("scenarios", "quick.yaml", near=near) == Path("scenarios/quick.yaml")
    shutil.rmtree(mine)
    assert find("scenarios", "quick.yaml") == shipped("scenarios") / "quick.yaml"
    assert find("scenarios", "none.yaml") is None

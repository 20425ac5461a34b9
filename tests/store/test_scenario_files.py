import shutil
from pathlib import Path

import pytest

from bench.core.config.executors import ConstantVus, in_words
from bench.errors import ConfigError, Exit
from bench.store import scenarios, stacks
from bench.store.folders import find, shipped

SHIPPED = Path(__file__).parents[2] / "scenarios"
LONGEST = 9_999


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own folder, with copies of what is shipped."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(SHIPPED, tmp_path / "scenarios"))


def _changed(mine: Path, old: str, new: str, file: str = "quick.yaml") -> Path:
    path = mine / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def _refused(name: str = "quick") -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        scenarios.load(name)
    assert caught.value.exit_code is Exit.USAGE
    return caught.value


def test_quick_is_as_the_framework_asks() -> None:
    """`quick` is ten users for thirty seconds with pauses of five to seven, on the chat."""
    spec = scenarios.load("quick")
    (phase,) = spec.scenario.phases
    assert isinstance(phase, ConstantVus)
    assert (phase.vus, phase.duration_s, phase.think_time_s) == (10, 30, (5, 7))
    assert spec.target.path == "/api/chat/ask-dynaform"
    assert spec.scenario.thresholds.keys() == {"e2e_ms", "success_ratio"}


def test_messages_are_ten_short_and_three_long() -> None:
    """The messages are as the framework asks, and none of them makes an agent answer by itself."""
    prompts = scenarios.load("quick").prompts
    lengths = [len(prompt.text) for prompt in prompts]
    assert sum(length < 500 for length in lengths) == 10
    assert sum(9_000 <= length <= LONGEST for length in lengths) == 3
    for prompt in prompts:
        assert not any(word in prompt.text.lower() for word in ("publish", "deploy", "register"))


def test_every_shipped_file_is_right() -> None:
    """Every scenario and stack that comes with the project can be loaded."""
    for name in scenarios.paths():
        assert scenarios.load(name).scenario.name == name
    for path in (SHIPPED / "stacks").glob("*.yaml"):
        assert stacks.load(path.stem).name == path.stem


def test_a_typo_is_named_with_its_line(mine: Path) -> None:
    """A misspelt field is named with file and line, and the right one is suggested."""
    path = _changed(mine, "duration:", "duraton:")
    error = _refused()
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if "duraton" in text)
    assert f"scenarios/quick.yaml:{line}: duraton is not a field" in error.message
    assert "did you mean 'duration'?" in error.message
    assert "duration is missing" in error.message


def test_a_negative_duration_is_refused(mine: Path) -> None:
    """A duration must be above 0, and the line says where it is not."""
    _changed(mine, "duration: 30s", "duration: -30")
    assert _refused().message == "scenarios/quick.yaml:8: duration must be above 0"


def test_a_name_that_is_also_a_kind_is_kept(mine: Path) -> None:
    """A service may be called as a kind of store is, and is named in full where it is wrong."""
    _changed(
        mine,
        '  model:\n    command: ["${python}", -m, chatstack, model]',
        "  mongodb:\n    command: []",
        "stacks/embedded.yaml",
    )
    with pytest.raises(ConfigError) as caught:
        stacks.load("embedded")
    assert "services.mongodb.command needs 1 or more" in caught.value.message


def test_an_empty_list_is_too_short(mine: Path) -> None:
    """A scenario without a stage is told that it needs one."""
    text = (mine / "quick.yaml").read_text()
    start, end = text.index("executor:"), text.index("thresholds:")
    (mine / "quick.yaml").write_text(text[:start] + "phases: []\n" + text[end:])
    assert "phases needs 1 or more" in _refused().message


def test_an_unknown_metric_is_refused_with_those_there_are(mine: Path) -> None:
    """A threshold on a metric that is not there names the metrics that are."""
    _changed(mine, "  e2e_ms:", "  e2e_seconds:")
    message = _refused().message
    assert "there is no metric 'e2e_seconds'" in message
    assert "e2e_ms" in message


def test_a_wrong_threshold_shows_the_grammar(mine: Path) -> None:
    """A threshold that is not k6's is refused with an example."""
    _changed(mine, "p(95)<5000", "p95 under 5000")
    assert "write for example p(95)<5000" in _refused().message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: [unclosed", "not YAML"),
        ("- a\n- b\n", "scenario expected"),
        ("", "scenario expected"),
        ("name: quick\n", "purpose is missing"),
    ],
)
def test_a_file_that_is_no_scenario_is_called_that(mine: Path, content: str, message: str) -> None:
    """What is not YAML, not a mapping, or half a scenario is said to be, with the path."""
    (mine / "quick.yaml").write_text(content)
    error = _refused()
    assert "scenarios/quick.yaml" in error.message
    assert message in error.message


def test_a_file_that_cannot_be_read_is_named(mine: Path) -> None:
    """A file that is no text is named."""
    (mine / "quick.yaml").write_bytes(b"\xff\xfe")
    assert "cannot read scenarios/quick.yaml" in _refused().message


def test_name_and_file_must_agree(mine: Path) -> None:
    """A scenario is called as its file is, so that its baseline is found."""
    _changed(mine, "name: quick", "name: quickly")
    assert "name is 'quickly', the file's is 'quick'" in _refused().message


def test_a_missing_target_or_message_file_is_named(mine: Path) -> None:
    """A scenario that names files which are not there says which."""
    _changed(mine, "target: chat", "target: chatty")
    assert "target 'chatty': there is no file targets/chatty.yaml" in _refused().message
    _changed(mine, "target: chatty", "target: chat\ncompare_with: nobody")
    assert "compare_with 'nobody': there is no file targets/nobody.yaml" in _refused().message
    _changed(mine, "compare_with: nobody\n", "")
    _changed(mine, "prompts/forms.yaml", "prompts/none.yaml")
    assert "prompts: there is no file prompts/none.yaml" in _refused().message


def test_every_suite_names_scenarios_that_there_are(mine: Path) -> None:
    """The suites are those of the framework; a scenario or suite that is not there is named."""
    assert scenarios.suites().keys() == {"pr", "nightly", "weekly", "monthly", "predeploy", "model"}
    assert scenarios.of_suite("monthly") == ("heavy", "extreme", "capacity")
    with pytest.raises(ConfigError, match="there is no suite 'hourly'") as caught:
        scenarios.of_suite("hourly")
    assert caught.value.hint == "there are: pr, nightly, weekly, monthly, predeploy, model"
    (mine / "suites.yaml").write_text("pr: [quik]\n")
    with pytest.raises(ConfigError, match="pr: there is no scenario 'quik'"):
        scenarios.suites()


CALM = "1 VUs × 13 requests"  # noqa: RUF001 - times


def test_the_framework_is_there() -> None:
    """Every load of the framework is a scenario with its numbers."""
    loads = {name: in_words(scenarios.load(name).scenario.phases) for name in scenarios.paths()}
    assert loads == {
        "quick": "10 VUs, 30 s",
        "cancel": f"{CALM}; then 10 VUs × 3 requests, 100 % cancelled; then {CALM}",  # noqa: RUF001 - times
        "capacity": "; then ".join(f"{users} VUs, 90 s" for users in (5, 10, 15, 25, 50, 75, 100, 150)),
        "conversation": "5 VUs × 8 requests",  # noqa: RUF001 - times
        "endurance-short": "10 VUs, 60 s",
        "medium": "50 VUs, 120 s",
        "heavy": "100 VUs, 300 s",
        "extreme": "200 VUs, 300 s",
        "rampup": "0 to 50 VUs, 150 s",
        "spike": "10 and 40 more VUs, 80 s",
        "timeout": "every message once",
        "endurance": "10 VUs, 3600 s",
        "chat-stream": "10 VUs, 30 s",
        "agent-quick": "5 VUs × 3 requests",  # noqa: RUF001 - times
        "agent-concurrent": "10 VUs × 25 requests",  # noqa: RUF001 - likewise
        "agent-comparison": "2 VUs × 20 requests",  # noqa: RUF001 - likewise
        "agent-interception": "5 VUs × 9 requests",  # noqa: RUF001 - likewise
    }


def test_slow_answers_count_for_the_capacity() -> None:
    """No step takes back what may still be answered: the slowest requests must not be left out of a step."""
    scenario = scenarios.load("capacity").scenario
    assert scenario.graceful_stop_s >= scenario.request_timeout_s
    assert scenario.objectives


def test_an_unknown_scenario_suggests_the_nearest() -> None:
    """A misspelt name is answered with the one that was meant."""
    error = _refused("quik")
    assert error.message == "there is no scenario 'quik'"
    assert error.hint == "did you mean 'quick'?"
    assert "there are: " in (_refused("zzz").hint or "")


def test_a_path_is_a_scenario_too(mine: Path, tmp_path: Path) -> None:
    """A file anywhere can be run; what it names is looked for beside it first."""
    other = tmp_path / "elsewhere"
    shutil.copytree(mine, other)
    text = (other / "targets" / "chat.yaml").read_text()
    (other / "targets" / "chat.yaml").write_text(text.replace("path: /api", "path: /other"))
    assert scenarios.load(str(other / "quick.yaml")).target.path.startswith("/other")
    assert "No such file" in _refused("nowhere.yaml").message


def test_ones_own_hides_the_shipped(mine: Path) -> None:
    """A user's file is taken before the shipped one of the same name, for stacks as well."""
    _changed(mine, "seed: 2025", "seed: 7")
    assert scenarios.load("quick").scenario.seed == 7
    _changed(mine, "purpose: Backend", "purpose: My backend", "stacks/embedded.yaml")
    assert stacks.load("embedded").purpose.startswith("My backend")


def test_an_unknown_stack_names_those_there_are() -> None:
    """A misspelt target is answered with those that there are."""
    with pytest.raises(ConfigError, match="there is no target 'embeded'") as caught:
        stacks.load("embeded")
    assert caught.value.hint == "there are: compose, compose-ollama, embedded, external"


def test_a_file_is_found_in_the_nearest_folder(mine: Path) -> None:
    """Beside the scenario, then in the user's folder, then in the shipped one, then nowhere."""
    near = mine / "targets"
    assert find("scenarios", "chat.yaml", near=near) == near / "chat.yaml"
    assert find("scenarios", "quick.yaml", near=near) == Path("scenarios/quick.yaml")
    shutil.rmtree(mine)
    assert find("scenarios", "quick.yaml") == shipped("scenarios") / "quick.yaml"
    assert find("scenarios", "none.yaml") is None

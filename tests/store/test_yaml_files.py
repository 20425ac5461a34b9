import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.config.prompts import Prompts
from bench.core.config.suites import Suites
from bench.errors import ConfigError
from bench.store.yaml_file import YamlFile
from bench.store.yaml_nodes import YamlError, read_yaml

PLAIN_VALUES = {
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    "12": 12,
    "-7": -7,
    "12345678901234567890": 12345678901234567890,
    "0.5": 0.5,
    "3.10": 3.1,
    "1e3": 1000.0,
    "1.5e-3": 0.0015,
    "+.5": 0.5,
    "abc": "abc",
    "1.2.3": "1.2.3",
    "30s": "30s",
    "0o17": "0o17",
    '"no"': "no",
    "'2024-01-01'": "2024-01-01",
    '"1e3"': "1e3",
    "!!str no": "no",
    "!!int 3": 3,
}


def read(path: Path, content: str | bytes) -> ConfigError:
    """Return the error of a file with messages."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        YamlFile(path, Prompts).parse()
    return caught.value


@pytest.mark.parametrize("text", PLAIN_VALUES)
def test_a_value_with_one_meaning_is_read(text: str) -> None:
    """Numbers, booleans and null are those of YAML 1.2 and JSON; a value in quotes is text."""
    assert read_yaml(f"a: {text}\n").content == {"a": PLAIN_VALUES[text]}
    assert not read_yaml(f"a: {text}\n").problems


@given(st.text("0123456789-+:._eExXoOyYnNsStTrRuUfFaAlLiIN~=<TZ ", max_size=12))
@settings(max_examples=200)
def test_a_plain_value_means_the_same_in_all_versions_or_is_refused(text: str) -> None:
    """A value that is accepted as text is text in YAML 1.1 as well, and every number is finite."""
    try:
        read = read_yaml(f"a: {text}\n")
        old = yaml.safe_load(f"a: {text}\n")
    except (YamlError, yaml.YAMLError, ValueError):
        return
    if not read.problems and isinstance(read.content["a"], str):
        assert read.content == old


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("messages:\n\t- {id: a}\n", "2: a tab is in the indentation; use spaces"),
        (
            "messages: []\n---\nmessages: []\n",
            "2: a second document begins here; keep one, without the line ---",
        ),
        (
            "a: 1\n<<<<<<< HEAD\nb: 1\n=======\n",
            "2: Git left a conflict here (<<<<<<<); keep one side, remove the markers",
        ),
        ('messages:\n  - "x\x00"\n', "2: the character U+0000 is not allowed; remove it"),
        ("messages: ü\n".encode("latin-1"), "1: the file is not text in UTF-8"),
        ("messages:\n".encode("utf-16"), "1: the file is not text in UTF-8"),
        (b"a: 1\nb: \xff\xfe\n", "2: the file is not text in UTF-8"),
        ("a: {m: ${message}}\n", "1: this is not YAML: expected ',' or '}', but got '{'"),
        ("a: &a [*a]\n", "1: this value has an alias to itself; remove the alias"),
        ("a: &a {b: {c: *a}}\n", "1: this value has an alias to itself; remove the alias"),
        ("a: *b\n", "1: this is not YAML: found undefined alias 'b'"),
        ("? [a]\n: 1\n", "1: a key is a list or a map; write a text"),
        ("a:\n- !!int x\n", "2: the tag !!int does not fit its value; remove the tag"),
        ("a: " + "[" * 5000, "1: the file is nested too deeply"),
        (
            "a:\n  <<: 3\n",
            "2: this is not YAML: expected a mapping or list of mappings for merging, but found scalar",
        ),
        ("- a\n", "1: the file must be a map of names to values, for example name: quick"),
        ("", "1: the file must be a map of names to values, for example name: quick"),
        ("\ufeff", "1: the file must be a map of names to values, for example name: quick"),
    ],
)
def test_a_file_that_is_not_yaml_is_an_error_with_its_line(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    """The error has the file, the line, the problem and what to do."""
    path = tmp_path / "mine.yaml"
    lines = read(path, content).message.splitlines()
    assert lines == [f"{path}:{message}"]


def test_no_alias_fills_the_memory(tmp_path: Path) -> None:
    """A short file that repeats its values by aliases of aliases is refused before they are counted out."""
    lines = ["a0: &a0 [x, x]"]
    for level in range(1, 60):
        lines.append(f"a{level}: &a{level} [*a{level - 1}, *a{level - 1}]")
    started = time.process_time()
    error = read(tmp_path / "mine.yaml", "\n".join(lines))
    assert error.message.endswith("the aliases repeat more than 100000 values")
    assert time.process_time() - started < 10


def test_a_few_aliases_and_merged_maps_are_read() -> None:
    """An alias repeats a value; a key of the map itself replaces a merged one, and is no duplicate."""
    content = read_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: [*a, *a]\n")
    assert content.content["b"] == {"x": 3, "y": 2}
    assert content.content["c"] == [{"x": 1, "y": 2}] * 2
    assert not content.problems


def test_an_error_below_a_merged_key_has_the_line_of_its_own_value(tmp_path: Path) -> None:
    """The value of the map itself counts, not the one that it replaces."""
    path = tmp_path / "suites.yaml"
    path.write_text("a: [x]\nb:\n  - y\n  - 3\n")
    with pytest.raises(ConfigError) as caught:
        YamlFile(path, Suites).parse()
    assert caught.value.message == f"{path}:4: b[1] must be text, not 3; write it in quotes"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_byte_order_mark_and_line_ends_of_windows_are_read(tmp_path: Path, mark: str, ending: str) -> None:
    """Editors on Windows write both."""
    path = tmp_path / "mine.yaml"
    path.write_bytes(f"{mark}messages:{ending}  - {{id: a, text: 😀 ü}}{ending}".encode())
    (prompt,) = YamlFile(path, Prompts).parse().messages
    assert (prompt.id, prompt.text) == ("a", "😀 ü")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    """The error has the path and the system's words."""
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere.yaml: No such file or directory"):
        YamlFile(tmp_path / "nowhere.yaml", Prompts)
    with pytest.raises(ConfigError, match=f"cannot read {tmp_path}: Is a directory"):
        YamlFile(tmp_path, Prompts)

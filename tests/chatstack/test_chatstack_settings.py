import pytest

from chatstack.settings import Settings, SettingsError


def test_a_text_is_its_variable_or_its_default() -> None:
    """A text is the value of the variable; an empty variable counts as missing."""
    settings = Settings({"HOST": "::1", "EMPTY": ""})
    assert settings.text("HOST") == "::1"
    assert settings.text("HOST", "0.0.0.0") == "::1"  # noqa: S104 - nothing listens there
    assert settings.text("EMPTY", "default") == "default"
    assert settings.text("MISSING", "default") == "default"


@pytest.mark.parametrize("environ", [{}, {"JWT_SECRET": ""}])
def test_a_text_without_default_must_be_set(environ: dict[str, str]) -> None:
    """The error names a missing or empty variable that has no default."""
    with pytest.raises(SettingsError, match=r"^JWT_SECRET is not set$"):
        Settings(environ).text("JWT_SECRET")


def test_an_optional_text_may_be_missing() -> None:
    """An optional variable that is missing or empty is None."""
    settings = Settings({"URI": "value", "EMPTY": ""})
    assert settings.optional("URI") == "value"
    assert settings.optional("EMPTY") is None
    assert settings.optional("MISSING") is None


def test_a_number_is_its_variable_or_its_default() -> None:
    """A number is parsed as in Python, and both bounds are allowed."""
    settings = Settings({"RATIO": "0.25", "BIG": "1e3", "EMPTY": ""})
    assert settings.number("RATIO", 0.0) == 0.25
    assert settings.number("BIG", 0.0, high=1000) == 1000
    assert settings.number("EMPTY", 7.5) == 7.5
    assert settings.number("MISSING", 7.5, low=7.5, high=7.5) == 7.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fast", "RATIO=fast: not a number"),
        ("-0.1", "RATIO=-0.1: must be 0 to 1"),
        ("1.1", "RATIO=1.1: must be 0 to 1"),
        ("nan", "RATIO=nan: must be 0 to 1"),
    ],
)
def test_a_wrong_number_is_refused(text: str, message: str) -> None:
    """The error names the variable, its value and the bounds."""
    with pytest.raises(SettingsError) as raised:
        Settings({"RATIO": text}).number("RATIO", 0.5, high=1.0)
    assert str(raised.value) == message


def test_a_number_without_an_upper_bound_has_only_a_lower_one() -> None:
    """The error does not name infinity."""
    with pytest.raises(SettingsError, match=r"^DELAY=-1: must be at least 0\.001$"):
        Settings({"DELAY": "-1"}).number("DELAY", 1.0, low=0.001)


def test_a_switch_is_0_or_1() -> None:
    """A word such as `false` is refused, because another program may read it as true."""
    settings = Settings({"ON": "1", "OFF": "0", "EMPTY": "", "WRONG": "false", "ZERO": "00"})
    assert settings.switch("ON")
    assert not any(settings.switch(name) for name in ("OFF", "EMPTY", "MISSING"))
    for name in ("WRONG", "ZERO"):
        with pytest.raises(SettingsError, match=rf"^{name}=\w+: must be 0 or 1$"):
            settings.switch(name)


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "1e999"])
def test_a_number_is_finite(text: str) -> None:
    """Infinity is refused, even without an upper bound."""
    with pytest.raises(SettingsError, match=f"^DELAY={text}: must be "):
        Settings({"DELAY": text}).number("DELAY", 1.0)


def test_an_address_is_returned_unchanged() -> None:
    """An address may have a port, a path and TLS."""
    for text in ("http://127.0.0.1:11434", "https://ollama.example.org/base/", "http://[::1]:1"):
        assert Settings({"OLLAMA_URL": text}).url("OLLAMA_URL") == text


@pytest.mark.parametrize(
    "text",
    [
        "not a url",
        "localhost:11434",
        "127.0.0.1:11434",
        "ftp://host",
        "http://",
        "http:///path",
        "http://[",
        "http://host:port",
        "http://host:0",
        "http://host:65536",
    ],
)
def test_a_wrong_address_is_refused(text: str) -> None:
    """The error names the variable and its value."""
    with pytest.raises(SettingsError) as raised:
        Settings({"OLLAMA_URL": text}).url("OLLAMA_URL")
    assert str(raised.value) == f"OLLAMA_URL={text}: not an address like http://127.0.0.1:11434"


def test_a_count_is_an_integer() -> None:
    """A count is an integer, also if it is written as 4.0."""
    counted = Settings({"PARALLEL": "4.0"}).count("PARALLEL", 1)
    assert (counted, type(counted)) == (4, int)
    assert Settings({}).count("PARALLEL", 1) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2.5", "PARALLEL=2.5: not a whole number"),
        ("two", "PARALLEL=two: not a number"),
        ("0", "PARALLEL=0: must be 1 to 1000000000"),
        ("inf", "PARALLEL=inf: must be 1 to 1000000000"),
    ],
)
def test_a_wrong_count_is_refused(text: str, message: str) -> None:
    """The error names the variable, its value and the bounds."""
    with pytest.raises(SettingsError) as raised:
        Settings({"PARALLEL": text}).count("PARALLEL", 1, low=1)
    assert str(raised.value) == message


def test_a_table_has_names_and_values() -> None:
    """White space and empty entries do not count, and the last equals sign divides."""
    settings = Settings({"TABLE": " a=1, b:c=x , d=e=2,,"})
    assert settings.table("TABLE", "TABLE=a=1") == {"a": "1", "b:c": "x", "d=e": "2"}
    assert settings.table("MISSING", "MISSING=a=1") == {}


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a=1,a=2"])
def test_a_wrong_table_is_refused(text: str) -> None:
    """An entry needs a name and a value, and a name occurs once."""
    with pytest.raises(SettingsError, match=r"^TABLE: "):
        Settings({"TABLE": text}).table("TABLE", "TABLE=a=1")

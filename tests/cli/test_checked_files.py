import os
from pathlib import Path

import pytest

from bench.errors import Exit
from tests.command import Bench

SCENARIO = """\
name: {name}
purpose: A test.
target: {target}
seed: 1
prompts: prompts/forms.yaml
executor: constant-vus
vus: 1
duration: 1s
{more}"""
TARGET = """\
name: {name}
service: {service}
path: /ask
{more}answer: {{kind: json, text: a}}
ready: /ready
"""
BODY = 'body: {m: "${message}"}\n'


def write(path: str, text: str) -> str:
    """Write a file below `scenarios/`, and return its path."""
    file = Path("scenarios") / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return str(file)


def lines(error: str) -> list[str]:
    """Return the errors on stderr, without hints."""
    message = error.removeprefix("error: ").partition("\n\nhint: ")[0]
    return [line.partition(" (")[0] for line in message.splitlines()]


def test_all_errors_of_all_files_are_reported_at_once(bench: Bench) -> None:
    """Each error once, with file, line and field; the scenarios without an error are listed."""
    write("first.yaml", SCENARIO.format(name="first", target="mine", more="fixtures: [formz]\n"))
    write("second.yaml", SCENARIO.format(name="second", target="mine", more="colour: red\n"))
    write("third.yaml", SCENARIO.format(name="third", target="typo", more="fixtures: [forms, form]\n"))
    write("targets/mine.yaml", TARGET.format(name="mine", service="backend", more="body: {d: 1999-01-01}\n"))
    write("targets/typo.yaml", TARGET.format(name="typo", service="backnd", more=BODY))
    write("targets/alone.yaml", "name: alone\nready: /\n")
    write("suites.yaml", "pr: [frist]\n")
    done = bench("scenarios", "check")
    assert done.code == Exit.USAGE
    assert "quick: ok; 13 messages" in done.out
    date = 'body.d: YAML may read 1999-01-01 as a date; write it in quotes: "1999-01-01"'
    assert sorted(lines(done.err)) == sorted(
        [
            *(
                f"scenarios/targets/alone.yaml:1: {name} is missing"
                for name in ("answer", "body", "path", "service")
            ),
            f"scenarios/targets/mine.yaml:4: {date}",
            "scenarios/suites.yaml:1: pr[0]: scenario 'frist' does not exist",
            "scenarios/second.yaml:9: colour is not a field",
            "scenarios/third.yaml:9: fixtures[1]: no stack has the fixture 'form'",
            "scenarios/targets/typo.yaml:2: service: no stack has the service 'backnd'",
        ]
    )


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("mine.yaml", TARGET.format(name="mine", service="backend", more=BODY), "a target"),
        ("mine.yaml", "messages: []\n", "a file of messages"),
        ("mine.yaml", "name: mine\nservices: {}\n", "a stack"),
    ],
)
def test_a_file_of_another_kind_is_one_error(bench: Bench, path: str, text: str, kind: str) -> None:
    """Its fields are not listed one by one as wrong."""
    file = write(path, text)
    done = bench("run", file)
    assert done.code == Exit.USAGE
    (line,) = lines(done.err)
    assert line.startswith(f"{file}:1: this file is {kind}")


MORE_CHOICES = "${uuid}, ${user.number}, ${user.iteration}, ${env.NAME}, ${saved.NAME}, ${row.NAME}"


@pytest.mark.parametrize(
    ("field", "error"),
    [
        ('body: {m: "${mesage}"}', "body.m: ${mesage} is not a placeholder; did you mean ${message}?"),
        (
            'body: {m: ["${ message }"]}',
            "body.m[0]: ${ message } is not a placeholder; did you mean ${message}?",
        ),
        (
            'body: {m: "x ${conversation}"}',
            "body.m: ${conversation} is a list of messages, so it must be the whole text",
        ),
        (
            'body: {m: "${zzz}"}',
            "body.m: ${zzz} is not a placeholder; choices: ${message}, ${conversation}, " + MORE_CHOICES,
        ),
        (
            'body: {}\nheaders: {x: "${message}"}',
            f"headers.x: ${{message}} is not a placeholder; choices: {MORE_CHOICES}",
        ),
    ],
)
def test_an_unknown_placeholder_of_a_target_names_the_nearest(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, field: str, error: str
) -> None:
    """The error has file, line and field, and no name of an environment variable."""
    monkeypatch.setenv("MESAGE_OF_THE_DAY", "hello")
    write("targets/mine.yaml", TARGET.format(name="mine", service="backend", more=f"{field}\n"))
    file = write("mine.yaml", SCENARIO.format(name="mine", target="mine", more=""))
    for command in (("scenarios", "check", file), ("run", file)):
        done = bench(*command)
        assert done.code == Exit.USAGE
        assert lines(done.err)[0].split(": ", 1)[1] == error.partition(" (")[0]
        assert not any(name in done.err for name in os.environ if len(name) > 4)


def test_an_unknown_placeholder_of_a_stack_names_the_nearest(bench: Bench) -> None:
    """Commands, variables, stores, documents and claims are checked, each with its own placeholders."""
    write(
        "stacks/mine.yaml",
        "name: mine\npurpose: A test.\nservices:\n"
        '  model: {command: ["${pyton}"], environment: {A: "${modle.url}", B: "${secret.X} ${env.Y}"}}\n'
        "users:\n"
        '  store: {kind: mongodb, uri: "${mongo.address}"}\n'
        '  document: {_id: "${user}", n: ["${now}"]}\n'
        '  claims: {sub: "${env.X}"}\n',
    )
    done = bench("run", "quick", "--stack", "mine")
    assert done.code == Exit.USAGE
    found = [line.split(": ", 1)[1] for line in lines(done.err)]
    assert found[:2] == [
        "services.model.command[0]: ${pyton} is not a placeholder; did you mean ${python}?",
        "services.model.environment.A: ${modle.url} is not a placeholder; did you mean ${model.url}?",
    ]
    assert found[2].startswith(
        "users.store.uri: ${mongo.address} is not a placeholder; did you mean ${model.address}?"
    )
    assert found[3] == "users.document._id: ${user} is not a placeholder; did you mean ${username}?"
    assert found[4] == "users.claims.sub: ${env.X} is not a placeholder; choices: ${id}, ${username}, ${now}"


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            ("--url", "http://127.0.0.1:9", "--url", "agnet=http://127.0.0.1:9"),
            "--url agnet=…: stack 'external' and the scenario have no service 'agnet'",
            "did you mean 'agent'?",
        ),
        (
            ("--url", "backnd=http://127.0.0.1:9"),
            "target 'chat' needs the service 'backend', which has no address",
            "--url backend=http://HOST:PORT",
        ),
    ],
)
def test_an_address_belongs_to_a_service(
    bench: Bench, options: tuple[str, ...], message: str, hint: str
) -> None:
    """A mistyped service is refused before the run starts."""
    done = bench("run", "quick", *options)
    assert (done.code, done.err) == (Exit.USAGE, f"error: {message}\n\nhint: {hint}\n")


def test_a_service_of_your_own_needs_its_address(bench: Bench) -> None:
    """The embedded stack does not have it, and the hint has the option that names its address."""
    write("targets/mine.yaml", TARGET.format(name="mine", service="gateway", more=BODY))
    file = write("mine.yaml", SCENARIO.format(name="mine", target="mine", more=""))
    assert bench("scenarios", "check", file).code == Exit.PASS
    done = bench("run", file)
    message = "target 'mine' needs the service 'gateway', which stack 'embedded' does not have"
    hint = "if it is up elsewhere: --url gateway=http://HOST:PORT"
    assert (done.code, done.err) == (Exit.USAGE, f"error: {message}\n\nhint: {hint}\n")

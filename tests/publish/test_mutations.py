"""Each command survives a response of GitHub in which one field is null or missing."""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import requests
from pydantic import BaseModel

from bench.core.verdict.baseline import baseline_json
from bench.errors import Exit
from bench.publish import api
from bench.publish.foreign import Foreign
from bench.store import baselines, results, scenarios
from tests.cli.conftest import bench  # noqa: F401 - a fixture
from tests.cli.test_github_command import MAIN, QUICK, SHA, pack_run
from tests.command import Bench, Done
from tests.factories import make_baseline, make_recording, run_at
from tests.publish.direct import Direct
from tests.publish.fake_github import FakeGitHub
from tests.publish.test_command import comment_event

BOT = "github-actions[bot]"
RUN = {
    "id": 41,
    "head_sha": SHA,
    "head_branch": "feature",
    "html_url": "https://github.com/owner/name/actions/runs/41",
    "head_repository": {"full_name": "owner/name"},
    "event": "pull_request",
    "status": "completed",
    "conclusion": "success",
    "run_attempt": 1,
    "created_at": "2026-01-01T00:00:00Z",
}
REPOSITORY = {"full_name": "owner/name", "default_branch": "main"}
MEASURED = json.dumps({"action": "completed", "workflow_run": RUN, "repository": REPOSITORY})
BEGUN = json.dumps({"action": "requested", "workflow_run": RUN, "repository": REPOSITORY})
ACCEPT = comment_event(f"/bench baseline accept {SHA} longer answers")
UPDATE = ("baseline", "update", "--suite", "pr", "--from-run", "41", "--reason", "faster", "--by", "octocat")
COMMANDS = {
    "a comment": (MEASURED, ("ci", "publish")),
    "a comment of another job": ("{}", ("ci", "publish", "--from-run", "41")),
    "a check that starts": (BEGUN, ("ci", "publish")),
    "a check that ends": (MEASURED, ("ci", "publish", "--ended", "cancelled")),
    "another measurement": (comment_event("/bench run"), ("ci", "command")),
    "an accepted run": (ACCEPT, ("ci", "command")),
    "a late schedule": ("{}", ("ci", "issue", "schedule", "bench-nightly.yml=48")),
    "an inconclusive gate": ("{}", ("ci", "issue", "gate")),
    "a history": ("{}", ("ci", "history", "add", "--from-run", "41", "--branch", "bench-history")),
    "a proposed baseline": ("{}", (*UPDATE, "--propose")),
    "a committed baseline": ("{}", (*UPDATE, "--extend", "--commit")),
}
Path_ = tuple[str | int, ...]


def fields(model: type[BaseModel], value: Any, start: Path_ = ()) -> Iterator[Path_]:
    """Yield the paths of the fields of a value that a model reads. Models ignore all other fields."""
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield from fields(model, entry, (*start, index))
    if isinstance(value, dict):
        for name in model.model_fields.keys() & value.keys():
            yield (*start, name)
            for inner in models_in(model.model_fields[name].annotation):
                yield from fields(inner, value[name], (*start, name))


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models of an annotation such as `list[_File] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


class Recorder:
    """Records the responses to a command, and the fields that bench reads of each.

    Args:
        monkeypatch: Lets the models report what they parse.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.responses: list[Any] = []
        self.read: list[set[Path_]] = []
        recorder = self
        items = api._items

        def read_items(answer: Any, model: type[Foreign], within: str | None) -> list[Any]:
            recorder.parse(model, () if within is None else (within,))
            return items(answer, model, within)

        def validate(model: type[Foreign], value: Any) -> Foreign:
            recorder.parse(model, ())
            return model(**value)

        monkeypatch.setattr(api, "_items", read_items)
        monkeypatch.setattr(Foreign, "model_validate", classmethod(validate))

    def __call__(self, response: Any) -> Any:
        """Record a response when it is sent."""
        self.responses.append(response)
        self.read.append(set())
        return response

    def parse(self, model: type[BaseModel], start: Path_) -> None:
        """Record what a model reads of the newest response, or of a list in it."""
        value = self.responses[-1]
        for name in start:
            value = value[name]
        self.read[-1] |= {start, *fields(model, value, start)} - {()}


def mutate(value: Any, path: Path_, *, remove: bool) -> Any:
    """Return a response in which the field at a path is null or missing."""
    mutated = deepcopy(value)
    holder = mutated
    for part in path[:-1]:
        holder = holder[part]
    if remove:
        del holder[path[-1]]
    else:
        holder[path[-1]] = None
    return mutated


class OneMutation:
    """Changes one field of one of the responses to a command.

    Args:
        response: Number of the response.
        path: Path of the field.
        remove: Remove the field instead of setting it to null.
    """

    def __init__(self, response: int, path: Path_, remove: bool) -> None:
        self._left = response
        self._path = path
        self._remove = remove

    def __call__(self, value: Any) -> Any:
        """Return the response as it is sent."""
        self._left -= 1
        return mutate(value, self._path, remove=self._remove) if self._left == -1 else value


class Scene:
    """A repository whose state is the same before each command."""

    def __init__(self, github: FakeGitHub) -> None:
        self.github = github
        self._names = ("pulls", "comments", "checks", "statuses", "runs", "git", "issues", "started_runs")
        self._before = deepcopy([getattr(github, name) for name in self._names])

    def run(
        self,
        bench: Bench,  # noqa: F811
        arguments: tuple[str, ...],
        change: Callable[[Any], Any] | None = None,
    ) -> Done:
        """Run a command in the scene; each response passes through `change`."""
        self.github.requests.clear()
        for name, value in zip(self._names, deepcopy(self._before), strict=True):
            setattr(self.github, name, value)
        self.github.change = change
        return bench(*arguments)


@pytest.fixture
def scene(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:  # noqa: ARG001, F811 - clears the environment before
    """Return a repository with a measured pull request, a comment, a check, an issue and a late schedule."""
    github = FakeGitHub()
    github.add_pull(7, SHA, "owner/name")
    github.permissions = {"octocat": "write"}
    github.add_run(41, SHA, "owner/name")
    github.add_artifact(41, "bench-pr-quick", pack_run(1.0))
    github.add_comment(7, "<!-- bench:pr -->\nold", BOT)
    github.add_comment(7, "Thanks.", None)
    output = {"title": "Measurement in progress.", "annotations": []}
    check = {"id": 1, "head_sha": SHA, "external_id": "bench:pr", "status": "in_progress", "output": output}
    github.checks = [check | {"conclusion": None, "name": "bench pr", "app": {"slug": "github-actions"}}]
    github.issues = [{"number": 50, "title": "old", "body": "<!-- bench:schedule -->\n", "state": "open"}]
    github.issues[0] |= {"user": {"login": BOT}, "labels": [{"name": "bench"}]}
    for branch, sha in (("feature", SHA), ("main", MAIN)):
        github.git.add_branch(branch, sha, {QUICK: baseline_json(make_baseline()), "README.md": "# x"})
    Path("scenarios").mkdir()
    Path("scenarios/suites.yaml").write_text("pr: [quick]\n")
    baselines.save(make_baseline())
    results.save(run_at(1.0, 50), make_recording(), Path("results"))
    for name in ("load", "of_suite", "find_suite"):
        # The files are the same in each run, and reading them takes most of its time.
        monkeypatch.setattr(scenarios, name, cache(getattr(scenarios, name)))
    github.url = "https://api.github.com"
    monkeypatch.setattr(requests.Session, "get_adapter", lambda *_, **__: Direct(github))
    for name, value in {
        "GITHUB_REPOSITORY": "owner/name",
        "GITHUB_EVENT_NAME": "workflow_run",
        "GITHUB_RUN_ID": "43",
        "GITHUB_WORKFLOW_REF": "owner/name/.github/workflows/bench.yml@refs/heads/main",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_SHA": MAIN,
        "GITHUB_API_URL": github.url,
        "GITHUB_TOKEN": secrets.token_hex(20),
    }.items():
        monkeypatch.setenv(name, value)
    return Scene(github)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_field_that_is_null_or_missing_is_no_crash(
    bench: Bench,  # noqa: F811
    scene: Scene,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command has an outcome, or ends with one sentence."""
    event, arguments = COMMANDS[name]
    Path(os.environ["GITHUB_EVENT_PATH"]).write_text(event)
    with monkeypatch.context() as context:
        recorder = Recorder(context)
        done = scene.run(bench, arguments, recorder)
    assert done.code == Exit.PASS, done.err
    for number, read in enumerate(recorder.read):
        for turn, path in enumerate(sorted(read, key=str)):
            remove = turn % 2 == 1  # a model reads both as null, so each field is mutated in one way
            done = scene.run(bench, arguments, OneMutation(number, path, remove))
            place = f"response {number}, {path}, {remove}: {done.err}"
            assert done.code in {Exit.PASS, Exit.PUBLISH}, place
            assert "Traceback" not in done.err, place
            assert (done.code == Exit.PASS) != ("error: " in done.err), place


def test_a_push_costs_ten_requests_at_most(bench: Bench, scene: Scene) -> None:  # noqa: F811
    """The check begins and ends, and the comment is updated; a workflow has 1,000 requests in an hour."""
    event = Path(os.environ["GITHUB_EVENT_PATH"])
    costs = []
    for content in (BEGUN, MEASURED):
        event.write_text(content)
        assert scene.run(bench, ("ci", "publish")).code == Exit.PASS
        costs.append(len([path for _, path in scene.github.requests if not path.startswith("/kept/")]))
    assert sum(costs) <= 10, scene.github.requests

"""A repository on a fake GitHub that starts its workflows: events in, comments and checks out."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.publish.fake_github import FakeGitHub, Fault
from tests.workflows.act import Order, Runner, Started
from tests.workflows.artifacts import Artifacts, runtime_token
from tests.workflows.delivery import REPOSITORY, Clone, Delivery, listening
from tests.workflows.origin import Origin

FORK = "stranger/name"
_CHECKOUT = "/hash-algorithm"
_READ_ONLY = {"message": "Resource not accessible by integration"}
_WRITES = ("POST", "PATCH", "PUT", "DELETE")


@dataclass
class RunningGitHub(FakeGitHub):
    """The fake API, which also lists the artifacts that a running workflow stored."""

    stored: Path = Path()
    """Folder of the artifacts, by run and name."""

    def answer(self, method: str, path: str, content: Any, query: dict[str, str]) -> tuple[int, Any]:
        """Answer one request of the API."""
        if path.endswith(_CHECKOUT):
            return 200, {"hash_algorithm": "sha1"}
        for file in sorted(self.stored.glob("*/*/*.zip")):
            self._list(int(file.parts[-3]), file.parts[-2], file.read_bytes())
        return super().answer(method, path, content, query)

    def describe(self, method: str, path: str, request: tuple[Any, Any], status: int, value: Any) -> Any:
        """Compare an exchange with GitHub's description, apart from the request of actions/checkout."""
        return value if path.endswith(_CHECKOUT) else super().describe(method, path, request, status, value)

    def _list(self, run: int, name: str, archive: bytes) -> None:
        for artifact in self.artifacts.get(run, []):
            if artifact["name"] == name:
                self.archives[artifact["id"]] = archive
                return
        self.add_artifact(run, name, archive)


@dataclass(frozen=True)
class WorkflowRun:
    """A workflow run that ended."""

    number: int
    """Number of the run, which all of its attempts share."""
    workflow: str
    """The workflow file."""
    event: str
    """Event that started it."""
    started: Started
    """Its jobs, steps and log."""

    @property
    def conclusion(self) -> str:
        """GitHub's word for its end."""
        return self.started.conclusion


@dataclass
class Hosted:
    """A repository on GitHub: people push, merge and write comments, and GitHub starts workflows."""

    github: RunningGitHub
    """The fake API."""
    origin: Origin
    """The Git repository."""
    artifacts: Artifacts
    """Stores what jobs upload."""
    runner: Runner
    """Runs workflow files."""
    image: str = "20260101.1.0"
    """Version of the runner image."""
    runs: list[WorkflowRun] = field(default_factory=list)
    """Runs that ended, the oldest first."""
    watch: Callable[[Mapping[str, Any]], object] = lambda _: None
    """Receives each entry of the log at once."""
    _numbers: int = 1000
    _dispatched: int = 0

    def repository(self) -> dict[str, Any]:
        """Return the field `repository` of events."""
        return {
            "full_name": REPOSITORY,
            "name": REPOSITORY.split("/")[1],
            "owner": {"login": REPOSITORY.split("/", maxsplit=1)[0], "id": 1},
            "default_branch": "main",
            "private": False,
            "html_url": f"https://github.com/{REPOSITORY}",
        }

    def open_pull(self, branch: str, *, repository: str = REPOSITORY, actor: str = "octocat") -> int:
        """Open a pull request for a branch of this Git repository, and return its number.

        Args:
            branch: The branch.
            repository: Repository that the pull request comes from.
            actor: Account that opens it.
        """
        number = len(self.github.pulls) + 1
        base = self.origin.head("main")
        self.github.add_pull(number, self.origin.head(branch), repository)
        pull = self.github.pulls[-1]
        pull["head"] |= {"ref": branch, "label": f"{repository.split('/', maxsplit=1)[0]}:{branch}"}
        pull["head"]["repo"] |= {
            "name": repository.split("/")[1],
            "owner": {"login": repository.split("/", maxsplit=1)[0]},
        }
        pull |= {
            "base": {"ref": "main", "sha": base, "repo": self.repository()},
            "draft": False,
            "merged": False,
            "labels": [],
            "user": {"login": actor, "id": 7},
            "html_url": f"https://github.com/{REPOSITORY}/pull/{number}",
        }
        return number

    def pull(self, number: int) -> dict[str, Any]:
        """Return a pull request."""
        return next(pull for pull in self.github.pulls if pull["number"] == number)

    def measure(self, number: int, action: str = "synchronize", *, again: WorkflowRun | None = None) -> None:
        """Deliver the event of a pull request, as after a push, or run a workflow run again."""
        pull = self.pull(number)
        branch = pull["head"]["ref"]
        pull["head"]["sha"] = self.origin.head(branch)
        pull["base"]["sha"] = self.origin.head("main")
        reference = f"refs/pull/{number}/merge"
        merged = self.origin.merge(pull["base"]["sha"], pull["head"]["sha"], reference)
        self.origin.git("update-ref", f"refs/pull/{number}/head", pull["head"]["sha"])
        actor = pull["user"]["login"]
        foreign = pull["head"]["repo"]["full_name"] != REPOSITORY
        self.deliver(
            Delivery(
                event="pull_request",
                payload={"action": action, "number": number, "pull_request": pull},
                commit=merged,
                ref=reference,
                head_sha=pull["head"]["sha"],
                head_branch=branch,
                head_repository=pull["head"]["repo"]["full_name"],
                actor=actor,
                writes=not foreign and actor != "dependabot[bot]",
            ),
            again=again,
        )

    def comment(self, number: int, body: str, login: str = "octocat") -> None:
        """Write a comment on a pull request."""
        identity = self.github.add_comment(number, body, login)
        payload = {
            "action": "created",
            "issue": {"number": number, "pull_request": {"url": "pull"}, "state": "open"},
            "comment": {
                "id": identity,
                "body": body,
                "user": {"login": login, "id": 7, "type": "User"},
                "created_at": "2026-01-02T00:00:00Z",
            },
        }
        self.deliver(self._on_main("issue_comment", payload, actor=login))

    def merge(self, number: int) -> None:
        """Merge a pull request."""
        pull = self.pull(number)
        self.origin.merge(self.origin.head("main"), pull["head"]["sha"], "refs/heads/main")
        pull |= {"state": "closed", "merged": True, "merged_at": "2026-01-02T00:00:00Z"}

    def queue(self, number: int) -> str:
        """Add a pull request to the merge queue, and return the commit that the queue tests."""
        pull = self.pull(number)
        base = self.origin.head("main")
        branch = f"gh-readonly-queue/main/pr-{number}-{base}"
        head = self.origin.merge(base, pull["head"]["sha"], f"refs/heads/{branch}")
        group = {
            "head_sha": head,
            "head_ref": f"refs/heads/{branch}",
            "base_sha": base,
            "base_ref": "refs/heads/main",
        }
        payload = {"action": "checks_requested", "merge_group": group}
        self.deliver(Delivery("merge_group", payload, head, f"refs/heads/{branch}", head, branch))
        return head

    def dispatch(self, workflow: str, branch: str = "main", inputs: Mapping[str, str] | None = None) -> None:
        """Start a workflow by hand on a branch."""
        head = self.origin.head(branch)
        payload = {
            "inputs": dict(inputs or {}),
            "ref": f"refs/heads/{branch}",
            "workflow": f".github/workflows/{workflow}",
        }
        self.deliver(Delivery("workflow_dispatch", payload, head, f"refs/heads/{branch}", head, branch))

    def deliver(self, delivery: Delivery, *, again: WorkflowRun | None = None) -> None:
        """Start all workflows that listen to an event, then those that these start."""
        with self._clone(delivery.commit) as directory:
            for workflow, name in listening(directory, delivery):
                if again is None or workflow == again.workflow:
                    self._run(delivery, directory, workflow, name, again)
        self._start_dispatched()

    def last_log(self) -> str:
        """Return the end of the newest log."""
        return "\n".join(self.runs[-1].started.lines[-60:]) if self.runs else "no workflow ran"

    def last(self, event: str) -> WorkflowRun:
        """Return the newest run that an event started and that had a job."""
        return next(run for run in reversed(self.runs) if run.event == event and run.started.jobs)

    def _on_main(self, event: str, payload: dict[str, Any], **fields: Any) -> Delivery:
        head = self.origin.head("main")
        return Delivery(event, payload, head, "refs/heads/main", head, **fields)

    def _run(
        self, delivery: Delivery, directory: Path, workflow: str, name: str, again: WorkflowRun | None
    ) -> None:
        number = again.number if again else self._next_number()
        attempt = 1 + sum(run.number == number for run in self.runs)
        payload = {"repository": self.repository(), "sender": {"login": delivery.actor, "id": 7}}
        event = self.runner.folder / "event.json"
        event.write_text(json.dumps(payload | delivery.payload), encoding="utf-8")
        listed = self._list_run(delivery, workflow, name, number, attempt)
        faults = (
            []
            if delivery.writes
            else [Fault(verb, "", 403, times=1 << 30, value=_READ_ONLY) for verb in _WRITES]
        )
        self.github.faults += faults
        order = Order(
            workflow,
            delivery.event,
            event,
            directory,
            environment=self._variables(delivery, workflow, number, attempt),
            arguments=[f"--actor={delivery.actor}", f"--secret=GITHUB_TOKEN={secrets.token_hex(20)}"],
        )
        started = self.runner.start(order, self.watch)
        for fault in faults:
            self.github.faults.remove(fault)
        run = WorkflowRun(number, workflow, delivery.event, started)
        self.runs.append(run)
        listed |= {"status": "completed", "conclusion": run.conclusion}
        if delivery.event != "workflow_run" and started.jobs:
            self._announce(listed, name)

    def _variables(self, delivery: Delivery, workflow: str, number: int, attempt: int) -> dict[str, str]:
        """Return the variables that GitHub sets, apart from those that act sets."""
        return {
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REF": delivery.ref,
            "GITHUB_WORKFLOW_REF": f"{REPOSITORY}/{workflow}@{delivery.ref}",
            "GITHUB_RUN_ID": str(number),
            "GITHUB_RUN_ATTEMPT": str(attempt),
            "ACTIONS_RESULTS_URL": self.artifacts.url,
            "ACTIONS_RUNTIME_TOKEN": runtime_token(number),
            "ImageOS": "ubuntu24",
            "ImageVersion": self.image,
        }

    def _list_run(
        self, delivery: Delivery, workflow: str, name: str, number: int, attempt: int
    ) -> dict[str, Any]:
        """List a workflow run that starts, and return it."""
        self.github.runs = [run for run in self.github.runs if run["id"] != number]
        pulls = [delivery.payload["pull_request"]] if "pull_request" in delivery.payload else []
        if delivery.head_repository != REPOSITORY:
            pulls = []  # GitHub lists no pull requests of forks
        self.github.add_run(
            number,
            delivery.head_sha,
            delivery.head_repository,
            status="in_progress",
            conclusion=None,
            event=delivery.event,
            head_branch=delivery.head_branch,
            name=name,
            path=workflow,
            run_attempt=attempt,
            actor={"login": delivery.actor, "id": 7},
            html_url=f"https://github.com/{REPOSITORY}/actions/runs/{number}",
            display_title=_title(delivery),
            pull_requests=pulls,
        )
        return self.github.runs[0]

    def _announce(self, listed: dict[str, Any], name: str) -> None:
        """Deliver that a workflow run is complete."""
        payload = {"action": "completed", "workflow_run": listed, "workflow": {"name": name}}
        self.deliver(self._on_main("workflow_run", payload))

    def _start_dispatched(self) -> None:
        """Start the workflow runs that the API was asked for."""
        wanted = self.github.started_runs[self._dispatched :]
        self._dispatched += len(wanted)
        for started in wanted:
            if "run" in started:
                continue
            branch = started["ref"].removeprefix("refs/heads/")
            self.dispatch(started["workflow"], branch, started.get("inputs"))

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _clone(self, commit: str) -> Clone:
        return Clone(self.origin.path, commit, REPOSITORY, self.runner.folder / "clones")


def _title(delivery: Delivery) -> str:
    """Return the title of a run, as `run-name` of bench-pr.yml makes it."""
    suite = delivery.payload.get("inputs", {}).get("suite")
    return f"bench {suite}" if suite else "A change"

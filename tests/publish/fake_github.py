"""A fake GitHub API on loopback, with the comments, checks, issues and pull requests that the tests need."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.publish.contract.contract import describe_exchange
from tests.publish.fake_git import FakeGit

PAGE = 2  # three items make two pages
MOVED = "/repositories/5"  # a renamed repository is found by its number


@dataclass
class Fault:
    """A fault of the next requests that match."""

    method: str
    """HTTP method of the requests."""
    path: str
    """Regular expression that the path matches."""
    status: int
    """Status of the response."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of the response."""
    times: int = 1
    """Number of requests with this fault."""
    applied: bool = False
    """Carry out the request and lose only its response."""
    value: Any = field(default_factory=lambda: {"message": "injected fault"})
    """Body of the response."""


@dataclass
class Reply:
    """A response."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeGitHub:
    """The state of the repository, and the requests that it received."""

    pulls: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    login: str | None = None
    checks: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    artifacts: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    archives: dict[int, bytes] = field(default_factory=dict)
    started_runs: list[dict[str, Any]] = field(default_factory=list)
    permissions: dict[str, str] = field(default_factory=dict)
    reactions: list[tuple[int, str]] = field(default_factory=list)
    git: FakeGit = field(default_factory=FakeGit)
    issues: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    author: str = "github-actions[bot]"
    new_name: str = ""
    """New name of the repository `owner/name`; GitHub redirects requests for its old name."""
    root: str = ""
    """Path of the API, such as `/api/v3` on Enterprise Server."""
    change: Callable[[Any], Any] | None = None
    """Changes the body of each described response before it is sent."""
    violations: list[str] = field(default_factory=list)
    """Differences between the requests and responses and GitHub's description of its API."""

    def add_pull(self, number: int, sha: str, repository: str | None) -> None:
        """Add an open pull request."""
        repo = None if repository is None else {"full_name": repository, "private": False}
        head = {"sha": sha, "repo": repo, "ref": "feature"}
        self.pulls.append({"number": number, "head": head, "title": "A change", "state": "open"})

    def add_run(self, number: int, sha: str, repository: str, **fields: Any) -> None:
        """Add a workflow run; GitHub lists the newest first."""
        run = {
            "id": number,
            "head_sha": sha,
            "head_branch": "feature",
            "html_url": f"https://github.com/owner/name/actions/runs/{number}",
            "status": "completed",
            "conclusion": "success",
            "run_attempt": 1,
            "created_at": "2026-01-01T00:00:00Z",
            "run_started_at": "2026-01-01T00:00:00Z",
            "event": "pull_request",
            "display_title": "A change",
            "head_repository": {"full_name": repository},
        }
        self.runs.insert(0, run | fields)

    def add_artifact(self, run: int, name: str, archive: bytes) -> None:
        """Add an artifact to a run."""
        number = len(self.archives) + 1
        self.archives[number] = archive
        self.artifacts.setdefault(run, []).append({"id": number, "name": name, "expired": False})

    def add_comment(self, pull: int, body: str, login: str | None) -> int:
        """Add a comment and return its id; a deleted user has no login."""
        ids = [comment["id"] for comments in self.comments.values() for comment in comments]
        number = max(ids, default=100) + 1
        user = None if login is None else {"login": login, "id": 1}
        self.comments.setdefault(pull, []).append({"id": number, "body": body, "user": user})
        return number

    def fault(self, method: str, path: str) -> Fault | None:
        """Return the fault of this request, if there is one."""
        for fault in self.faults:
            if fault.times and fault.method == method and re.search(fault.path, path):
                fault.times -= 1
                return fault
        return None

    def answer(self, method: str, path: str, content: Any, query: dict[str, str]) -> tuple[int, Any]:  # noqa: PLR0911, PLR0912, PLR0915 - one branch per path
        """Answer one request of the API."""
        base = "/repos/owner/name"
        if self.new_name and path.startswith(base):
            status = 301 if method == "GET" else 307
            return status, {"Location": f"{self.url}{path.replace(base, MOVED, 1)}"}
        path = path.replace(MOVED, base, 1)
        if path == "/user":
            if self.login is None:
                return 403, {"message": "Resource not accessible by integration"}
            return 200, {"login": self.login}
        if not path.startswith(base):
            return 404, {"message": "Not Found"}
        rest = path.removeprefix(base)
        if (method, rest) == ("GET", "/pulls"):
            return 200, self._find_pulls(query)
        if match := re.fullmatch(r"/commits/([0-9a-f]{40})/pulls", rest):
            return 200, [pull for pull in self.pulls if pull["head"]["sha"] == match[1]]
        if match := re.fullmatch(r"/issues/(\d+)/comments", rest):
            number = int(match[1])
            if method == "GET":
                return 200, self.comments.get(number, [])
            self.add_comment(number, content["body"], self.author)
            return 201, self.comments[number][-1]
        if match := re.fullmatch(r"/issues/comments/(\d+)", rest):
            matching = [
                comment
                for comments in self.comments.values()
                for comment in comments
                if comment["id"] == int(match[1])
            ]
            matching[0]["body"] = content["body"]
            return 200, matching[0]
        if rest == "":
            return 200, {"full_name": self.new_name or "owner/name", "default_branch": "main"}
        if (method, rest) == ("POST", "/pulls"):
            self.pulls.append(
                {"number": 90 + len(self.pulls), "proposed": content, "head": {"sha": "0" * 40, "repo": None}}
            )
            return 201, {"number": 90, "html_url": "https://github.com/owner/name/pull/90"}
        if match := re.fullmatch(r"/pulls/(\d+)/files", rest):
            (pull,) = [pull for pull in self.pulls if pull["number"] == int(match[1])]
            return 200, [{"filename": path} for path in pull.get("changed", ["src/agent.py"])]
        if match := re.fullmatch(r"/pulls/(\d+)", rest):
            pulls = [pull for pull in self.pulls if pull["number"] == int(match[1])]
            return (200, pulls[0]) if pulls else (404, {"message": "Not Found"})
        if match := re.fullmatch(r"/collaborators/([\w-]+)/permission", rest):
            return 200, {"permission": self.permissions.get(match[1], "read")}
        if match := re.fullmatch(r"/issues/(?:comments/)?(\d+)/reactions", rest):
            self.reactions.append((int(match[1]), content["content"]))
            return 201, {"id": 1, "user": {"login": self.author, "id": 1}, "content": content["content"]}
        if rest == "/issues":
            if method == "GET":
                return 200, self._find_issues(query)
            user = {"login": self.author, "id": 1}
            labels = [{"name": name} for name in content.get("labels", [])]
            issue = {"number": 50 + len(self.issues), "state": "open", "user": user, **content}
            self.issues.append(issue | {"labels": labels})
            return 201, self.issues[-1]
        if match := re.fullmatch(r"/issues/(\d+)", rest):
            (issue,) = [candidate for candidate in self.issues if candidate["number"] == int(match[1])]
            issue |= content
            return 200, issue
        if match := re.fullmatch(r"/actions/workflows/([\w.-]+)/runs", rest):
            filters = {key: query[key] for key in ("head_sha", "event", "status") if key in query}
            return 200, ("workflow_runs", [run for run in self.runs if filters.items() <= run.items()])
        if match := re.fullmatch(r"/actions/workflows/([\w.-]+)/dispatches", rest):
            self.started_runs.append({"workflow": match[1], **content})
            return 204, {}
        if match := re.fullmatch(r"/actions/workflows/([\w.-]+)", rest):
            return 200, {"created_at": "2025-01-01T00:00:00Z", "state": "active"}
        if match := re.fullmatch(r"/actions/runs/(\d+)", rest):
            found = [run for run in self.runs if run["id"] == int(match[1])]
            return (200, found[0]) if found else (404, {"message": "Not Found"})
        if match := re.fullmatch(r"/actions/runs/(\d+)/rerun", rest):
            self.started_runs.append({"run": int(match[1])})
            return 201, {}
        if match := re.fullmatch(r"/actions/runs/(\d+)/artifacts", rest):
            return 200, ("artifacts", self.artifacts.get(int(match[1]), []))
        if match := re.fullmatch(r"/actions/artifacts/(\d+)/zip", rest):
            return 302, {"Location": f"{self.url}/kept/{match[1]}"}
        if rest == "/commits" or re.match(r"/(git|contents|compare)/|/commits/[0-9a-f]{40}$", rest):
            return self.git.answer(method, rest, content, query)
        if rest == "/check-runs":
            app = {"slug": self.author.removesuffix("[bot]")} if self.author.endswith("[bot]") else None
            self.checks.append({"conclusion": None, **content, "id": len(self.checks) + 1, "app": app})
            return 201, self.checks[-1]
        if match := re.fullmatch(r"/check-runs/(\d+)", rest):
            check = self.checks[int(match[1]) - 1]
            before = check["output"].get("annotations", [])
            check |= content
            check["output"] = {**check["output"], "annotations": before + content["output"]["annotations"]}
            return 200, check
        if match := re.fullmatch(r"/commits/([0-9a-f]{40})/check-runs", rest):
            checks = [check for check in self.checks if check["head_sha"] == match[1]]
            return 200, {"total_count": len(checks), "check_runs": checks}
        if match := re.fullmatch(r"/commits/([0-9a-f]{40})/statuses", rest):
            return 200, [status for status in reversed(self.statuses) if status["sha"] == match[1]]
        if match := re.fullmatch(r"/statuses/([0-9a-f]{40})", rest):
            self.statuses.append({"sha": match[1], **content})
            return 201, {"id": 1, "creator": {"login": self.author, "id": 1}}
        return 404, {"message": "Not Found"}

    def respond(self, method: str, target: str, content: Any, sent: Mapping[str, str]) -> Reply:
        """Respond to one request.

        Args:
            method: HTTP method.
            target: Path with the query.
            content: Body, read from JSON.
            sent: Headers of the request.
        """
        parts = urlsplit(target.removeprefix(self.root))
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.requests.append((method, parts.path))
        fault = self.fault(method, parts.path)
        headers: dict[str, str] = {}
        reply: tuple[int, Any] = (0, None)
        if fault is None or fault.applied:
            if match := re.fullmatch(r"/kept/(\d+)", parts.path):
                assert "Authorization" not in sent, "the token was sent to another address"
                return Reply(200, self.archives[int(match[1])])
            reply = self.answer(method, unquote(parts.path), content, query)
        if fault is not None:
            reply = fault.status, fault.value
            headers = dict(fault.headers)
        status, value = reply
        if isinstance(value, str):
            return Reply(status, value.encode(), headers)
        if status in {301, 302, 307}:
            headers, value = headers | dict(value or {}), {}
        key, value = value if isinstance(value, tuple) else (None, value)
        if isinstance(value, list):
            page = int(query.get("page", 1))
            if len(value) > page * PAGE:
                more = urlencode(query | {"page": str(page + 1)})
                headers["Link"] = f'<{self.url}{parts.path}?{more}>; rel="next"'
            value = value[(page - 1) * PAGE : page * PAGE]
        if key is not None:
            value = {"total_count": len(value), key: value}
        is_of_bench = sent.get("User-Agent", "").startswith("github3")  # actions send requests, too
        has_version = sent.get("X-GitHub-Api-Version") == "2022-11-28"
        if is_of_bench and not (has_version and "Authorization" in sent):
            self.violations.append(f"{method} {parts.path} has no version of the API, or no token")
        if fault is None:
            value = self.describe(method, unquote(parts.path), (query, content), status, value)
            value = self.change(value) if self.change else value
        return Reply(status, json.dumps(value).encode(), headers)

    def describe(self, method: str, path: str, request: tuple[Any, Any], status: int, value: Any) -> Any:
        """Compare an exchange with GitHub's description, and return the response with all its fields."""
        path = path.replace(MOVED, "/repos/owner/name", 1)
        completed, violations = describe_exchange(
            method, path, json.dumps(request), status, json.dumps(value)
        )
        self.violations += violations
        return json.loads(completed)

    def _find_pulls(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Return the pull requests of a state, all or those of a branch `owner:branch`."""
        found = []
        for pull in self.pulls:
            repository = (pull["head"].get("repo") or {}).get("full_name", "")
            label = f"{repository.partition('/')[0]}:{pull['head'].get('ref')}"
            has_state = query.get("state", "open") in {"all", pull.get("state")}
            if has_state and query.get("head", label).lower() == label.lower():
                found.append(pull)
        return found

    def _find_issues(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Return the open issues, the newest first, all or those with a label."""
        found = []
        for issue in reversed(self.issues):
            labels = {label["name"] for label in issue.get("labels", [])}
            if issue.get("state", "open") == "open" and {query.get("labels", "")} <= labels | {""}:
                found.append(issue)
        return found


@contextmanager
def serving(github: FakeGitHub) -> Iterator[FakeGitHub]:
    """Serve the fake API on loopback inside the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = json.loads(self.rfile.read(length)) if length else None
            reply = github.respond(self.command, self.path, content, dict(self.headers.items()))
            self.send_response(reply.status)
            for name, text in reply.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PATCH = _handle  # noqa: N815 - so spelt by http.server

        def log_message(self, *_: Any) -> None:
            """Write no log."""

    server = _Server(("127.0.0.1", 0), Handler)
    github.url = f"http://127.0.0.1:{server.server_address[1]}{github.root}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not github.violations, "\n".join(dict.fromkeys(github.violations))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error of the fake, but not that a client has left."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

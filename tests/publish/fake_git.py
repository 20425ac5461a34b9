"""The branches, commits and files of a repository, as the Git endpoints of GitHub's API show them."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any


@dataclass
class FakeGit:
    """A repository: commits by their SHA, each with parents, a message and all its files."""

    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, Any]] = field(default_factory=dict)
    trees: dict[str, dict[str, str]] = field(default_factory=dict)
    author: str = "github-actions[bot]"
    """Account of the token, which makes commits; GitHub signs them."""

    def add_branch(self, branch: str, sha: str, files: dict[str, str] | None = None) -> None:
        """Create a branch with one commit."""
        self.trees[f"tree-{sha}"] = files or {}
        self.commits[sha] = {"tree": f"tree-{sha}", "parents": [], "message": "first"}
        self.branches[branch] = sha

    def push(self, branch: str, files: dict[str, str], message: str, **fields: Any) -> str:
        """Add an unsigned commit to a branch, and return its name; fields of the commit by name."""
        parent = self.branches[branch]
        tree = self.files(branch) | files
        sha = self._name([parent, tree, message])
        self.trees[f"tree-{sha}"] = tree
        unsigned = {"login": "octocat", "verified": False}
        commit = {"tree": f"tree-{sha}", "parents": [parent], "message": message}
        self.commits[sha] = unsigned | commit | fields
        self.branches[branch] = sha
        return sha

    def files(self, branch: str) -> dict[str, str]:
        """Return the files of a branch."""
        return self.trees[self.commits[self.branches[branch]]["tree"]]

    def message(self, branch: str) -> str:
        """Return the message of the newest commit of a branch."""
        return str(self.commits[self.branches[branch]]["message"])

    def answer(self, method: str, rest: str, content: Any, query: dict[str, str]) -> tuple[int, Any]:  # noqa: PLR0911 - one branch per path
        """Answer one request of the API."""
        if match := re.fullmatch(r"/contents/(.+)", rest):
            commit = self.commits[self.branches.get(query["ref"], query["ref"])]
            text = self.trees[commit["tree"]].get(match[1])
            return (404, {"message": "Not Found"}) if text is None else (200, text)
        if rest == "/commits":
            return 200, self._changing(query["path"], query["sha"])
        if match := re.fullmatch(r"/commits/([0-9a-f]{40})", rest):
            return 200, self._written(match[1])
        if match := re.fullmatch(r"/compare/(.+)\.\.\.([0-9a-f]{40})", rest):
            return self._range(self.branches[match[1]], match[2])
        if match := re.fullmatch(r"/git/ref/heads/(.+)", rest):
            sha = self.branches.get(match[1])
            return (200, {"object": {"sha": sha}}) if sha else (404, {"message": "Not Found"})
        if match := re.fullmatch(r"/git/commits/([0-9a-f]{40})", rest):
            return 200, {"sha": match[1], "tree": {"sha": self.commits[match[1]]["tree"]}}
        if rest == "/git/trees":
            files = dict(self.trees.get(content.get("base_tree", ""), {}))
            files |= {entry["path"]: entry["content"] for entry in content["tree"]}
            sha = self._name(files)
            self.trees[sha] = files
            return 201, {"sha": sha}
        if rest == "/git/commits":
            sha = self._name(content)
            self.commits[sha] = content
            return 201, {"sha": sha}
        if rest == "/git/refs":
            branch = content["ref"].removeprefix("refs/heads/")
            if branch in self.branches:
                return 422, {"message": "Reference already exists"}
            self.branches[branch] = content["sha"]
            return 201, {"object": {"sha": content["sha"]}}
        if match := re.fullmatch(r"/git/refs/heads/(.+)", rest):
            assert method == "PATCH"
            assert content["force"] is False
            if self.branches[match[1]] not in self.commits[content["sha"]]["parents"]:
                return 422, {"message": "Update is not a fast forward"}
            self.branches[match[1]] = content["sha"]
            return 200, {"object": {"sha": content["sha"]}}
        return 404, {"message": "Not Found"}

    def _range(self, base: str, head: str) -> tuple[int, Any]:
        """Return the commits that lead to a head and that a base does not contain."""
        if head not in self.commits:
            return 404, {"message": "Not Found"}
        merged = self._history(base)
        new = [sha for sha in self._history(head) if sha not in merged]
        commits = [self._written(sha) for sha in reversed(new)]
        paths = sorted({path for sha in new for path in self._changes(sha)})
        files = [{"filename": path} for path in paths]
        return 200, {"status": "ahead" if new else "behind", "commits": commits, "files": files}

    def _history(self, sha: str) -> list[str]:
        """Return a commit and its ancestors, the newest first."""
        history = [sha]
        for commit in history:
            history += self.commits[commit]["parents"]
        return history

    def _changes(self, sha: str) -> list[str]:
        """Return the paths that a commit changed."""
        commit = self.commits[sha]
        before = self.trees[self.commits[commit["parents"][0]]["tree"]] if commit["parents"] else {}
        after = self.trees[commit["tree"]]
        return [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]

    def _changing(self, path: str, sha: str) -> list[dict[str, Any]]:
        """Return the commits of a history that changed a path, as GitHub lists them."""
        return [self._written(commit) for commit in self._history(sha) if path in self._changes(commit)]

    def _written(self, sha: str) -> dict[str, Any]:
        commit = self.commits[sha]
        login = commit.get("login", self.author)
        return {
            "sha": sha,
            "author": {"login": login} if login else None,
            "commit": {
                "message": commit["message"],
                "verification": {"verified": commit.get("verified", True)},
            },
            "parents": [{"sha": parent} for parent in commit["parents"]],
            "files": [{"filename": path} for path in self._changes(sha)],
        }

    @staticmethod
    def _name(content: Any) -> str:
        return hashlib.sha1(json.dumps(content, sort_keys=True).encode(), usedforsecurity=False).hexdigest()

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

    def add_branch(self, branch: str, sha: str, files: dict[str, str] | None = None) -> None:
        """Create a branch with one commit."""
        self.trees[f"tree-{sha}"] = files or {}
        self.commits[sha] = {"tree": f"tree-{sha}", "parents": [], "message": "first"}
        self.branches[branch] = sha

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
            return 201, {}
        if match := re.fullmatch(r"/git/refs/heads/(.+)", rest):
            assert method == "PATCH"
            assert content["force"] is False
            if self.branches[match[1]] not in self.commits[content["sha"]]["parents"]:
                return 422, {"message": "Update is not a fast forward"}
            self.branches[match[1]] = content["sha"]
            return 200, {}
        return 404, {"message": "Not Found"}

    @staticmethod
    def _name(content: Any) -> str:
        return hashlib.sha1(json.dumps(content, sort_keys=True).encode(), usedforsecurity=False).hexdigest()

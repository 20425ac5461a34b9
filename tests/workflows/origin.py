"""A bare Git repository in the place of GitHub's, which actions/checkout and GitHub's API endpoints share."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.publish.fake_git import FakeGit

_NOT_FOUND = (404, {"message": "Not Found"})
_TIME = "2026-01-01T00:00:00+00:00"


@dataclass
class Origin(FakeGit):
    """The commits and branches of one repository."""

    path: Path = Path()
    """The bare repository."""
    signed: set[str] = field(default_factory=set)
    """Commits that the API made, which GitHub signs."""

    def git(self, *arguments: str, text: str | None = None, **environment: str) -> str:
        """Run a Git command on the repository and return its output."""
        run = subprocess.run(
            ["git", f"--git-dir={self.path}", *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | _author("octocat") | environment,
        )
        return run.stdout.rstrip("\n")

    def head(self, branch: str) -> str:
        """Return the commit of a branch."""
        return self.git("rev-parse", f"refs/heads/{branch}")

    def change(
        self, branch: str, files: Mapping[str, str | None], message: str, start: str | None = None
    ) -> str:
        """Commit files to a branch and return the commit.

        Args:
            branch: The branch.
            files: Texts by path; None removes a file.
            message: Message of the commit.
            start: Commit at which a new branch begins.
        """
        parent = start or self.head(branch)
        tree = self._tree(parent, files)
        commit = self.git("commit-tree", tree, "-p", parent, "-m", message)
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def read(self, commit: str, path: str) -> str:
        """Return the text of a file."""
        return self.git("show", f"{commit}:{path}")

    def paths(self, commit: str, folder: str) -> list[str]:
        """Return the paths of the files in a folder."""
        return self.git("ls-tree", "-r", "--name-only", commit, folder).splitlines()

    def merge(self, base: str, head: str, reference: str) -> str:
        """Merge two commits without conflicts, show the result as a reference, and return it."""
        with tempfile.TemporaryDirectory() as folder:
            self.git("worktree", "add", "--quiet", "--detach", folder, base)
            inside = ["git", "-C", folder]
            merge = ["merge", "--quiet", "--no-ff", "-m", f"Merge {head} into {base}", head]
            subprocess.run([*inside, *merge], check=True, env=os.environ | _author("GitHub"))
            commit = subprocess.run(
                [*inside, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
            )
            self.git("worktree", "remove", "--force", folder)
        sha = commit.stdout.strip()
        self.git("update-ref", reference, sha)
        return sha

    def answer(self, method: str, rest: str, content: Any, query: dict[str, str]) -> tuple[int, Any]:  # noqa: PLR0911 - one branch per path
        """Answer one request of the API."""
        try:
            if match := re.fullmatch(r"/contents/(.+)", rest):
                return 200, self._content(query["ref"], match[1])
            if rest == "/commits":
                listed = self.git("log", "--format=%H", query["sha"], "--", query.get("path", "."))
                return 200, [self._show(sha) for sha in listed.split()]
            if match := re.fullmatch(r"/commits/([0-9a-f]{40})", rest):
                return 200, self._show(match[1])
            if match := re.fullmatch(r"/compare/(.+)\.\.\.(.+)", rest):
                return 200, self._compare(match[1], match[2])
            if match := re.fullmatch(r"/git/ref/heads/(.+)", rest):
                return 200, {"object": {"sha": self.head(match[1])}}
            if match := re.fullmatch(r"/git/commits/([0-9a-f]{40})", rest):
                return 200, {"sha": match[1], "tree": {"sha": self.git("rev-parse", f"{match[1]}^{{tree}}")}}
            return self._write(method, rest, content)
        except subprocess.CalledProcessError:
            return _NOT_FOUND

    def _write(self, method: str, rest: str, content: Any) -> tuple[int, Any]:  # noqa: PLR0911 - likewise
        if rest == "/git/trees":
            files: dict[str, str | None] = {entry["path"]: entry["content"] for entry in content["tree"]}
            return 201, {"sha": self._tree(content.get("base_tree"), files)}
        if rest == "/git/commits":
            parents = [part for parent in content["parents"] for part in ("-p", parent)]
            arguments = ["commit-tree", content["tree"], *parents, "-m", content["message"]]
            sha = self.git(*arguments, **_author(self.author))
            self.signed.add(sha)
            return 201, {"sha": sha}
        if rest == "/git/refs":
            if self.git("for-each-ref", content["ref"]):
                return 422, {"message": "Reference already exists"}
            self.git("update-ref", content["ref"], content["sha"])
            return 201, {"object": {"sha": content["sha"]}}
        if match := re.fullmatch(r"/git/refs/heads/(.+)", rest):
            assert method == "PATCH"
            if not self._contains(content["sha"], self.head(match[1])):
                return 422, {"message": "Update is not a fast forward"}
            self.git("update-ref", f"refs/heads/{match[1]}", content["sha"])
            return 200, {"object": {"sha": content["sha"]}}
        return _NOT_FOUND

    def _tree(self, base: str | None, files: Mapping[str, str | None]) -> str:
        """Write a tree with changed texts and return it."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            if base:
                self.git("read-tree", base, **index)
            for path, text in files.items():
                if text is None:
                    self.git("update-index", "--index-info", text=f"0 {'0' * 40}\t{path}\n", **index)
                    continue
                blob = self.git("hash-object", "-w", "--stdin", text=text)
                self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", **index)
            return self.git("write-tree", **index)

    def _content(self, ref: str, path: str) -> str:
        blob = subprocess.run(
            ["git", f"--git-dir={self.path}", "cat-file", "blob", f"{ref}:{path}"],
            check=True,
            capture_output=True,
            text=True,
        )
        return blob.stdout

    def _contains(self, commit: str, ancestor: str) -> bool:
        command = ["git", f"--git-dir={self.path}", "merge-base", "--is-ancestor", ancestor, commit]
        return subprocess.run(command, check=False).returncode == 0

    def _compare(self, base: str, head: str) -> dict[str, Any]:
        status = "diverged"
        if self._contains(base, head):
            status = "identical" if self.git("rev-parse", base) == head else "behind"
        elif self._contains(head, base):
            status = "ahead"
        commits = self.git("rev-list", "--reverse", f"{base}..{head}").split()
        files = self.git("diff", "--name-only", f"{base}...{head}").splitlines()
        return {
            "status": status,
            "total_commits": len(commits),
            "commits": [self._show(sha) for sha in commits],
            "files": [{"filename": path, "status": "modified"} for path in files],
        }

    def _show(self, sha: str) -> dict[str, Any]:
        """Return a commit as GitHub shows it."""
        login, message, parents = self.git("show", "--no-patch", "--format=%an%x00%B%x00%P", sha).split("\0")
        files = self.git("show", "--name-only", "--format=", "--first-parent", sha).splitlines()
        return {
            "sha": sha,
            "author": {"login": login, "id": 1},
            "commit": {
                "message": message.rstrip("\n"),
                "verification": {"verified": sha in self.signed},
                "author": {"name": login, "date": _TIME},
                "committer": {"name": login, "date": _TIME},
            },
            "parents": [{"sha": parent} for parent in parents.split()],
            "files": [{"filename": path, "status": "modified"} for path in files],
        }


def _author(name: str) -> dict[str, str]:
    address = f"{name}@users.noreply.github.invalid"
    return {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": address,
    }


def make_origin(path: Path, source: Path) -> Origin:
    """Copy a repository, also the changes of tracked files, to a bare one with a branch `main`."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True)
    origin = Origin(path=path)
    origin.git("config", "uploadpack.allowAnySHA1InWant", "true")
    inside = ["git", "-C", str(source)]
    environment = os.environ | _author("octocat")
    create = [*inside, "stash", "create"]
    changed = subprocess.run(create, check=True, capture_output=True, text=True, env=environment)
    commit = changed.stdout.strip() or "HEAD"
    subprocess.run([*inside, "push", "--quiet", str(path), f"{commit}:refs/heads/main"], check=True)
    return origin

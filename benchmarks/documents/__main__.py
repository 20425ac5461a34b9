"""`make docs-commands`: runs the commands of README and docs in a fresh clone.

Each page gets the clone as it was committed, and the files that it shows with their name.
Addresses of examples lead to a mock model. What a command needs besides the clone shows in the command,
or in a mark of its fence, such as `{.yours}`; `--with` runs these, too.
"""

import argparse
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from .pages import NEEDS, PAGES, ROOT, Command, File, read_page
from .reader import Reader, end

# Pages use these files of another page.
_EXAMPLES = {"scenarios/lunch.yaml": ROOT / "docs" / "how-to" / "write-a-scenario.md"}
_SERVED = ("8000", "8001", "11434")
_SKIPPED = "skipped"


def make_clone(folder: Path) -> Path:
    """Clone the last commit as the branch main, with an environment of its own."""
    clone = folder / "chatbench"
    _git(folder, "clone", "--quiet", str(ROOT), str(clone))
    _git(clone, "switch", "--quiet", "--force-create", "main")
    _git(clone, "config", "user.name", "Rea Der")
    _git(clone, "config", "user.email", "reader@example.invalid")
    subprocess.run(["make", "--silent", "setup"], cwd=clone, check=True)
    return clone


def shorten(clone: Path) -> None:
    """Commit shorter loads, for a check that is about the commands and not about their numbers."""
    for path in (clone / "scenarios").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"\bduration: \d+[sm]", "duration: 2s", text), encoding="utf-8")
    _git(clone, "commit", "--quiet", "--all", "--message", "Shorten the scenarios")


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)


@contextmanager
def mock_models(clone: Path) -> Iterator[dict[str, int]]:
    """Serve a mock model for each address of the examples, and provide the port of each."""
    ports = {name: _free_port() for name in (*_SERVED, "8080")}
    bench = str(clone / ".venv" / "bin" / "bench")
    processes = []
    for name in _SERVED:
        command = [bench, "mock", "--port", str(ports[name]), "--ttft", "5ms"]
        processes.append(
            subprocess.Popen(command, cwd=clone, stderr=subprocess.DEVNULL, start_new_session=True)
        )
    try:
        for name in _SERVED:
            _wait_for(ports[name])
        yield ports
    finally:
        for process in processes:
            end(process)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def run_page(
    path: Path, clone: Path, ports: Mapping[str, int], needs: Sequence[str]
) -> Iterator[tuple[Command, str | None]]:
    """Run the commands of a page, and yield each with its problem, or with `skipped`."""
    start = _head(clone)
    parts = list(read_page(path))
    _prepare(clone, path, parts)
    reader = Reader(clone, ports)
    try:
        for part in parts:
            if isinstance(part, File):
                _write(clone, part)
            elif part.need in {None, "serves", *needs}:
                yield part, reader.run(part)
            else:
                yield part, _SKIPPED
    finally:
        reader.close()
        _git(clone, "switch", "--quiet", "--discard-changes", "--force-create", "main", start)
        _git(clone, "clean", "-fdxq", "--exclude", ".venv")


def _prepare(clone: Path, page: Path, parts: Sequence[Command | File]) -> None:
    """Provide stored runs, and the files of other pages that this one uses."""
    shutil.copytree(clone.parent / "results", clone / "results")
    shown = {part.path for part in parts if isinstance(part, File)}
    for name, source in _EXAMPLES.items():
        if name not in shown and Path(name).stem in page.read_text(encoding="utf-8"):
            files = [part for part in read_page(source) if isinstance(part, File) and part.path == name]
            _write(clone, files[0])
            _git(clone, "add", name)
            _git(clone, "commit", "--quiet", "--message", f"Add {name}")


def _write(clone: Path, file: File) -> None:
    path = clone / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(file.content, encoding="utf-8")


def _head(clone: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _store_runs(clone: Path) -> None:
    """Store two short runs next to the clone, for pages that start with a stored run."""
    run = [str(clone / ".venv/bin/bench"), "run", "quick", "--vus", "2", "--duration", "2s", "--quiet"]
    for _ in range(2):
        subprocess.run(run, cwd=clone, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (clone / "results").rename(clone.parent / "results")


def _run_all(pages: Sequence[Path], clone: Path, needs: Sequence[str]) -> dict[str, int]:
    """Run pages, print each command, and return the number of commands for each outcome."""
    counts = {"worked": 0, "failed": 0, _SKIPPED: 0}
    with mock_models(clone) as ports:
        for page in pages:
            for command, problem in run_page(page, clone, ports, needs):
                outcome = {None: "worked", _SKIPPED: _SKIPPED}.get(problem, "failed")
                counts[outcome] += 1
                need = f" ({command.need})" if outcome == _SKIPPED else ""
                sys.stdout.write(f"{outcome}{need} {command}\n")
                if outcome == "failed":
                    sys.stdout.write(f"    {problem}\n")
                sys.stdout.flush()
    return counts


def main() -> int:
    """Run the pages of the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", type=Path, help="pages; default: README, CONTRIBUTING and docs")
    parser.add_argument("--with", dest="needs", action="append", default=[], choices=sorted(NEEDS))
    parser.add_argument("--short", action="store_true", help="run the load of each scenario for two seconds")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="docs-commands-") as folder:
        clone = make_clone(Path(folder))
        if options.short:
            shorten(clone)
        _store_runs(clone)
        counts = _run_all([path.resolve() for path in options.pages] or PAGES, clone, options.needs)
    sys.stdout.write(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + "\n")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())

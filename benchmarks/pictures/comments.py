"""Pictures of comments: real runs of a pull request in a small repository, rendered as GitHub does."""

import hashlib
import json
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import NamedTuple

import cmarkgfm
import yaml
from cmarkgfm.cmark import Options

import bench
from bench.core.report.suite import SuiteReport
from bench.render.comment import Origin, render_comment
from benchmarks.pictures.browser import browser

_ROOT = Path(__file__).parents[2]
_SCENARIOS = _ROOT / "scenarios"
_SUITE = {"pr": ["quick", "chat-stream"]}
_SHORT = {"vus": 4, "duration": "12s", "think_time": "500ms..1s"}
_GITHUB_CSS = "github-markdown-css@5.9.0"
_GITHUB_CSS_SHA512 = (
    "tmT5sY+zvg2302XLYEfH2mtkViIM1SWf2nvYoF5N1ZsO0V6B2qZTiw3GOzw4vpjLygK/KG35qRlPFweHqfzz5w=="
)
_PAGE = """<!doctype html><meta charset="utf-8"><style>{css}
body {{ margin: 16px; background: #fff }}
.box {{ border: 1px solid #d1d9e0; border-radius: 6px }}
.head {{ font: 14px -apple-system, "Segoe UI", sans-serif; padding: 8px 16px; background: #f6f8fa;
  border-bottom: 1px solid #d1d9e0; border-radius: 6px 6px 0 0; color: #59636e }}
.markdown-body {{ padding: 16px; border-radius: 6px; font-size: 14px }}
</style><div class="box"><div class="head"><b>github-actions</b> bot commented</div>
<article class="markdown-body">{html}</article></div>"""
_CRASH = ["${python}", "-c", "import os\nos.environ['OLLAMA_URL_OF_THE_AGENT']"]


class Case(NamedTuple):
    """A pull request, and the picture of its comment."""

    picture: str
    """Name of the picture."""
    model: Mapping[str, str] = {}
    """Environment variables of the model that the pull request changes."""
    agent: list[str] | None = None
    """The command of the agent that the pull request changes."""
    check: tuple[str, ...] = ("--suite", "pr", "--against", "HEAD^1")
    """Arguments of `bench check`."""
    is_shipped: bool = False
    """Whether the scenarios and baselines are those of this project, instead of the small repository."""
    width: int = 880
    """Width of the picture in CSS pixels."""


CASES = (
    Case("comment-no-change.png"),
    Case("comment-worse.png", model={"MODEL_SLOWDOWN": "1.4"}),
    Case("comment-tolerated.png", check=("quick", "--inject", "model.slowdown=1.07"), is_shipped=True),
    Case("comment-cannot-tell.png", check=("quick",)),  # the repository has no baseline
    Case("comment-not-measured.png", agent=_CRASH, check=("quick",)),
)
PHONE = "comment-on-a-phone.png"
"""The comment of the second case, as wide as a phone."""
_PHONE_WIDTH = 390


def take_comments(chromium: Path, folder: Path, pictures: Path) -> None:
    """Measure each case and take a picture of its comment.

    Args:
        chromium: The browser.
        folder: An empty folder for the repository and the style of GitHub.
        pictures: The folder of the pictures.
    """
    css = _fetch_css(folder)
    with browser(chromium) as opened, _repository(folder / "app") as repository:
        for case in CASES:
            text = _measure(repository, case)
            html = cmarkgfm.github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE)
            widths = {case.picture: case.width}
            if case.picture == "comment-worse.png":
                widths[PHONE] = _PHONE_WIDTH
            for name, width in widths.items():
                page = opened.new_page(viewport={"width": width, "height": 400}, device_scale_factor=1.5)
                page.set_content(_PAGE.format(css=css, html=html))
                page.screenshot(path=pictures / name, full_page=True)
                sys.stderr.write(f"{name}: {(pictures / name).stat().st_size / 1000:.0f} kB\n")


def _fetch_css(folder: Path) -> str:
    """Return GitHub's own style of Markdown, from the registry of npm."""
    done = subprocess.run(["npm", "pack", _GITHUB_CSS], cwd=folder, capture_output=True, check=False)
    (packed, *_) = [*folder.glob("*.tgz"), None]
    if packed is None:
        sys.exit(f"npm pack {_GITHUB_CSS} failed: {done.stderr.decode()}")
    digest = b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if digest != _GITHUB_CSS_SHA512:
        sys.exit(f"{packed.name} has the SHA-512 {digest} instead of {_GITHUB_CSS_SHA512}")
    subprocess.run(["tar", "xzf", packed.name], cwd=folder, check=True)
    return (folder / "package" / "github-markdown-light.css").read_text(encoding="utf-8")


@contextmanager
def _repository(folder: Path) -> Iterator[Path]:
    """Yield a repository with a short suite and the embedded stack; it is the current folder."""
    (folder / "scenarios" / "stacks").mkdir(parents=True)
    for name in _SUITE["pr"]:
        scenario = yaml.safe_load((_SCENARIOS / f"{name}.yaml").read_text(encoding="utf-8"))
        _write(folder / "scenarios" / f"{name}.yaml", scenario | _SHORT)
    _write(folder / "scenarios" / "suites.yaml", _SUITE)
    _write(folder / "scenarios" / "stacks" / "embedded.yaml", _stack())
    (folder / ".gitignore").write_text("results/\n.bench/\n", encoding="utf-8")
    with chdir(folder):
        _git("init", "--quiet", "--initial-branch=main")
        _git("config", "user.name", "Tess Ter")
        _git("config", "user.email", "tess@bench.invalid")
        _git("add", "--all")
        _git("commit", "--quiet", "--message", "Begin")
        yield folder


def _stack() -> dict[str, object]:
    text = (_SCENARIOS / "stacks" / "embedded.yaml").read_text(encoding="utf-8")
    stack: dict[str, object] = yaml.safe_load(text)
    return stack


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def _measure(repository: Path, case: Case) -> str:
    """Commit the change of a case, measure it, and return the comment."""
    stack = _stack()
    services: dict[str, dict[str, object]] = stack["services"]  # type: ignore[assignment]
    services["model"]["environment"] |= case.model  # type: ignore[operator]
    if case.agent is not None:
        services["agent"]["command"] = case.agent
    _write(repository / "scenarios" / "stacks" / "embedded.yaml", stack)
    (repository / "CHANGES").write_text(case.picture, encoding="utf-8")
    _git("add", "--all")
    _git("commit", "--quiet", "--message", case.picture)
    results = repository / "results" / case.picture
    begin = time.monotonic()
    command = [sys.executable, "-m", "bench", "check", *case.check, "--stack", "embedded"]
    with chdir(_ROOT if case.is_shipped else repository):
        # It exits with the code of the verdict.
        subprocess.run([*command, "--results", str(results)], check=False, stdout=subprocess.DEVNULL)
        report = _judge(results, "pr" if "--suite" in case.check else None)
    minutes = (time.monotonic() - begin) / 60.0
    origin = Origin(
        "pr",
        _git("rev-parse", "HEAD"),
        "https://github.com/owner/name/actions/runs/1234567890",
        pull=7,
        minutes=minutes,
        people={"decode": ("tess", "sam"), "prefill": ("sam",)},
    )
    _git("reset", "--quiet", "--hard", "HEAD^1")
    return render_comment(report, origin)


def _judge(results: Path, suite: str | None) -> SuiteReport:
    files = sorted([*results.glob("*/result.json"), *results.glob("*/failure.json")])
    return bench.merge([file.parent for file in files], suite=suite).report

"""The files of the site: their paths, those that all pages share, and the policy of the pages."""

import hashlib
import re

from bench.render.html.assets import Assets, load_assets, read_script, read_style

FRONT = "index.html"
STYLE = "assets/site.css"
SCRIPT = "assets/site.js"
FILTER = "assets/filter.js"
RUNS = "runs"
"""Folder of the pages of single runs."""
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:"
"""Content security policy: a page runs the site's own script and loads nothing from other servers."""
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def render_shared(assets: Assets | None = None) -> dict[str, str]:
    """Return the files that all pages load, by their paths; by default with the package's own assets."""
    shared = assets or load_assets()
    return {
        STYLE: f"{shared.style}\n{read_style('site')}\n",
        SCRIPT: f"{shared.script}\n",
        FILTER: f"{read_script('copy')}\n{read_script('filter')}\n",
    }


def path_of(where: str) -> str:
    """Return the file of a history's page: `<stack>/<environment>/<scenario>.html`."""
    parts = map(_file_name, where.split("/", maxsplit=2))
    return f"{'/'.join(parts)}.html"


def year_path(where: str, year: int) -> str:
    """Return the file with the runs of a year: `<stack>/<environment>/<scenario>/<year>.csv`."""
    return f"{path_of(where).removesuffix('.html')}/{year}.csv"


def badge_path(where: str, name: str) -> str:
    """Return the file of a history's badge: `<stack>/<environment>/<scenario>/verdict.svg`."""
    return f"{path_of(where).removesuffix('.html')}/{name}"


def run_path(run_id: str) -> str:
    """Return the file of a run's page: `runs/<run-id>.html`."""
    return f"{RUNS}/{_file_name(run_id)}.html"


def _file_name(name: str) -> str:
    """Return a safe name of a file or folder: a digest for a name with special characters or a long one."""
    if _SAFE_NAME.fullmatch(name):
        return name
    return f"_{hashlib.sha256(name.encode()).hexdigest()[:24]}"

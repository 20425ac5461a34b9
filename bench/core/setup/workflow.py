"""The workflow that measures each pull request of an application."""

import shlex

from bench.core.setup.drafts import SCENARIO, Setup

PATH = ".github/workflows/bench.yml"
"""Path of the workflow, relative to the repository."""

_HEAD = """\
# Measures each pull request. The job fails if the pull request is slower, or crosses a threshold.
name: bench
on: pull_request
permissions:
  contents: read
jobs:
  bench:
    runs-on: ubuntu-24.04
    timeout-minutes: 30
{defaults}    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
        with:
          python-version: "3.12"
      - run: pip install {requirement}
"""
_PAIR = """\
      - run: >-
          bench ab {stack}@"$BASE" {stack}@"$HEAD" --scenario {scenario}
          --out markdown="$GITHUB_STEP_SUMMARY"
        env:
          BASE: ${{{{ github.event.pull_request.base.sha }}}}
          HEAD: ${{{{ github.sha }}}}
"""
_LIMITS = """\
      # A compose file builds no two versions, so the run is judged by its thresholds.
      - run: bench run {scenario} --stack {stack}
"""


def draft_workflow(setup: Setup, requirement: str, folder: str = ".") -> str | None:
    """Return the workflow; None if the application runs elsewhere, where no workflow can start it.

    Args:
        setup: The set-up.
        requirement: What pip installs, such as `chatbench==1.2`.
        folder: Folder of the application, relative to the root of the repository.
    """
    if setup.start is None:
        return None
    steps = _LIMITS if setup.start.compose_file is not None else _PAIR
    defaults = "" if folder == "." else f"    defaults: {{run: {{working-directory: {folder}}}}}\n"
    head = _HEAD.format(requirement=shlex.quote(requirement), defaults=defaults)
    return head + steps.format(stack=setup.stack, scenario=SCENARIO)

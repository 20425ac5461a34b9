"""The cases that `tests/workflows` stored, each in one line of JSON."""

from pathlib import Path

from pydantic import BaseModel


class Step(BaseModel):
    """A step that ended."""

    job: str
    name: str
    stage: str
    result: str
    seconds: float


class Run(BaseModel):
    """A workflow run."""

    workflow: str
    event: str
    conclusion: str
    jobs: dict[str, str]
    steps: list[Step]

    def job_seconds(self, job: str) -> float:
        """Return the duration of a job, as the sum of its steps; an action's own steps are a part of it."""
        return sum(step.seconds for step in self.steps if step.job == job and not is_wrapper(step))


class Check(BaseModel):
    """A check as the fake GitHub shows it in the end."""

    name: str
    head_sha: str
    conclusion: str | None
    title: str


class Comment(BaseModel):
    """A comment on a pull request."""

    pull: int
    login: str
    body: str


class Case(BaseModel):
    """A case with what it showed."""

    case: str
    law: str
    outcome: str
    runs: list[Run]
    checks: list[Check]
    comments: list[Comment]


def is_wrapper(step: Step) -> bool:
    """Return whether a step is an action of this project, whose own steps are listed too."""
    return step.name.startswith("./")


def read_cases(file: Path) -> dict[str, Case]:
    """Return the newest entry of each case by its name."""
    cases: dict[str, Case] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        case = Case.model_validate_json(line)
        cases[case.case] = case
    return cases

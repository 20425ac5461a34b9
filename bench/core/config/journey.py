"""Journeys: the steps of a user, from the login to the clean-up, and the rows of data that they use."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_serializer,
    model_validator,
)

from bench.core.config.placeholders import KEEPS_PLACEHOLDERS, PlaceholderProblem
from bench.core.config.step_request import (
    HIDDEN,
    Checks,
    HeaderName,
    SavedName,
    Saves,
    StepRequest,
    is_set,
)
from bench.core.config.stream_rules import Path
from bench.core.config.target import Name
from bench.core.config.template import find_placeholders, find_wrong
from bench.core.values.duration import Duration, DurationRange, parse_duration
from bench.core.values.record import FieldError, Record

TagText = Annotated[str, StringConstraints(pattern=r"^[^{}:,]{1,64}$")]
RowOrder = Literal["sequential", "random", "unique"]

LOGIN = "login"
"""Name of the step that logs in, in results."""
MESSAGE = "message"
"""Name of the only step of a scenario that has a `login` or `data`, but no `steps`."""
TOKEN = "token"  # noqa: S105 - the name of a saved value


class Data(Record):
    """Rows of a file, of which each user or iteration takes one."""

    rows: Annotated[str, Field(min_length=1)]
    """File of rows, relative to the scenario's folder: CSV with a head, JSON Lines, or Parquet. A request
    uses a column as `${row.COLUMN}`."""
    order: RowOrder = "sequential"
    """`sequential`: each iteration takes the next row, and after the last one the first. `random`: each
    iteration takes any row. `unique`: each VU keeps a row that no other VU has. If the login uses a column,
    each VU keeps its row in every order."""


class Step(Record):
    """One step of a journey: a request, or messages to the scenario's target."""

    name: Name
    """Name of the step in results."""
    request: Annotated[StepRequest | None, KEEPS_PLACEHOLDERS] = None
    """Request of the step."""
    messages: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Number of messages that are sent to the target, one after the other. A conversation counts as one."""
    save: Saves = {}
    """Values of the answer that later requests use as `${saved.NAME}`. Write the dotted path of the value, or
    `{header: NAME}`, `{cookie: NAME}` or `{regex: EXPRESSION}`."""
    expect: Checks = ()
    """Checks of the answer: one, or a list. Messages have an `expect` of their own in their file."""
    tags: dict[SavedName, TagText] = {}
    """Tags for thresholds, such as `success_ratio{area:files}`."""
    always: bool = False
    """Send the request at the end of each iteration, also after a failed step."""
    think_time_s: Annotated[DurationRange | None, Field(alias="think_time")] = None
    """Pause before the step, drawn uniformly from this range. Default: the executor's `think_time` before
    messages, and no pause before a request."""

    @model_validator(mode="after")
    def _require_request_or_messages(self) -> "Step":
        if (self.request is None) == (self.messages is None):
            raise FieldError(("name",), f"step '{self.name}' needs either request or messages")
        if self.messages is not None:
            if self.expect:
                raise FieldError(("expect",), "belongs to the messages: write it in the file of messages")
            if self.always:
                raise FieldError(("always",), "is for requests; messages are not sent after a failed step")
        return self


def _read_seconds(value: Any) -> Any:
    return f"{value:g}s" if isinstance(value, int | float) and value is not True else value


class HeaderCredential(Record):
    """A header with the credential of the user."""

    header: HeaderName
    """Name of the header."""
    prefix: str = ""
    """Text before the credential, such as `Token `."""


def _kind_of_use(value: Any) -> str:
    return "name" if isinstance(value, str) else "header"


_Use = Annotated[
    Annotated[Literal["bearer", "cookies"], Tag("name")] | Annotated[HeaderCredential, Tag("header")],
    Discriminator(_kind_of_use),
]


class Login(Record):
    """How a user logs in: once per VU, before its first step, and again after the login expires."""

    request: Annotated[StepRequest | None, KEEPS_PLACEHOLDERS] = None
    """Request that logs in."""
    steps: tuple[Step, ...] = ()
    """Several requests that log in, instead of one: for example one that reads a form's hidden field."""
    save: Saves = {}
    """Values of the answer, as in a step. `token` is the credential for `use`."""
    expect: Checks = ()
    """Checks of the answer, as in a step."""
    token: Annotated[str | None, KEEPS_PLACEHOLDERS] = None
    """Credential that needs no request, such as `${row.api_key}`."""
    use: _Use = "bearer"
    """How requests show who the user is: the header `authorization` with the token, cookies, or a header of
    another name. Cookies are kept and sent in any case."""
    expires_in: Annotated[Path | None, BeforeValidator(_read_seconds)] = None
    """Time after which the VU logs in again: a duration such as `15m`, or the path of a number of seconds in
    the answer. Default: the field `exp` of a token that is a JWT."""
    renew_on: tuple[int, ...] = (401,)
    """Statuses of an expired login: the VU logs in again and sends the request once more."""
    tags: dict[SavedName, TagText] = {}
    """Tags for thresholds, as in a step."""

    @model_validator(mode="after")
    def _require_one_way(self) -> "Login":
        ways = [field for field in ("request", "steps", "token") if is_set(self, field)]
        if not ways:
            raise FieldError((), "needs a request, or a token such as ${row.api_key}")
        if len(ways) > 1:
            raise FieldError((ways[1],), f"cannot be combined with {ways[0]}; remove one of them")
        for index, step in enumerate(self.steps):
            if step.request is None or step.always:
                raise FieldError(("steps", index), "must be a request, without always")
        return self

    @model_validator(mode="after")
    def _require_token(self) -> "Login":
        if self.use == "cookies" or self.token is not None or TOKEN in self.saved_names:
            return self
        raise FieldError(
            ("save",),
            "needs the token, for example token: access_token; with cookies only, write use: cookies",
        )

    @field_serializer("token")
    def _hide_token(self, value: str | None) -> str | None:
        return value if value is None or "${" in value else HIDDEN

    @property
    def requests(self) -> tuple[Step, ...]:
        """The requests that log in, as steps."""
        if self.request is None:
            return self.steps
        return (Step(name=LOGIN, request=self.request, save=self.save, expect=self.expect, tags=self.tags),)

    def with_prefix(self, prefix: str) -> "Login":
        """Return a copy whose requests have names with a prefix."""
        steps = [step.model_copy(update={"name": prefix + step.name}) for step in self.requests]
        return self.model_copy(update={"request": None, "steps": tuple(steps)})

    @property
    def saved_names(self) -> set[str]:
        """Names of all values that the login saves."""
        names = set(self.save)
        for step in self.steps:
            names |= set(step.save)
        return names

    @property
    def lifetime_s(self) -> float | None:
        """The declared lifetime in seconds; `None` if the answer has it, or the token."""
        try:
            return None if self.expires_in is None else parse_duration(self.expires_in)
        except ValueError:
            return None

    @property
    def uses_row(self) -> bool:
        """Whether the login uses a row of data, so that each VU keeps its row."""
        contents: list[Any] = [self.token, *(step.request.content for step in self.requests if step.request)]
        return any(placeholder.kind == "row" for placeholder in find_placeholders(contents))


class MixedScenario(Record):
    """A scenario that gets a share of the load of another one."""

    scenario: Name
    """Name of the scenario. Its executor is not used."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Its share of the VUs or arrivals, compared with the weights of the others."""
    start_s: Annotated[Duration, Field(alias="start")] = 0.0
    """Time from the start of each phase before which it sends nothing."""


def check_steps(login: Login | None, steps: tuple[Step, ...]) -> Iterator[PlaceholderProblem]:
    """Yield the wrong placeholders of all requests: a saved value must be saved by an earlier step."""
    saved: set[str] = set()
    if login is not None:
        if login.token is not None:
            yield from find_wrong(login.token, saved, ("login", "token"))
        for index, step in enumerate(login.requests):
            place = ("login",) if login.request is not None else ("login", "steps", index)
            yield from _check_step(step, saved, place)
    for index, step in enumerate(steps):
        yield from _check_step(step, saved, ("steps", index))


def _check_step(step: Step, saved: set[str], place: tuple[int | str, ...]) -> Iterator[PlaceholderProblem]:
    """Yield the wrong placeholders of a step, and add the names that it saves."""
    if step.request is not None:
        yield from find_wrong(step.request.content, saved, (*place, "request"))
    saved |= set(step.save)


def require_distinct_names(steps: Iterable[Step], place: str = "steps") -> None:
    """Check that no two steps have the same name, and that no step is named like the login.

    Raises:
        FieldError: A name is used twice.
    """
    names = {LOGIN}
    for index, step in enumerate(steps):
        if step.name in names:
            problem = "is the name of the login" if step.name == LOGIN else "is the name of two steps"
            raise FieldError((place, index, "name"), f"'{step.name}' {problem}; rename the step")
        names.add(step.name)


def uses_message(step: Step) -> bool:
    """Return whether a request contains the text of a message."""
    if step.request is None:
        return False
    return any(mark.kind == "message" for mark in find_placeholders(step.request.content))

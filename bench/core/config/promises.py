"""The promises of a stack: what its chat service does with requests that it must not serve.

`bench probe` checks each promise. A promise that a stack does not make is reported, but is never a finding.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from bench.core.config.placeholders import KEEPS_PLACEHOLDERS
from bench.core.config.target import Name, UrlPath
from bench.core.config.watching import GaugeName, Readings
from bench.core.values.duration import PositiveDuration
from bench.core.values.nearest import suggest
from bench.core.values.record import FieldError, Record

_ClientError = Annotated[int, Field(ge=400, le=499)]
_Program = Annotated[tuple[str, ...], Field(min_length=1), KEEPS_PLACEHOLDERS]


class PromisedStatuses(Record):
    """The status of each kind of refused request."""

    unauthorized: _ClientError | None = None
    """Status of a request whose token is missing or not accepted."""
    invalid: _ClientError | None = None
    """Status of a request without a message, or with a body that is not a valid document."""
    too_long: _ClientError | None = None
    """Status of a request whose message is longer than `max_characters`; default: that of `invalid`."""
    too_large: _ClientError | None = None
    """Status of a request whose body is larger than `max_body`; default: that of `invalid`."""
    media_type: _ClientError | None = None
    """Status of a request whose content type is not JSON."""
    method: _ClientError | None = None
    """Status of a request with another HTTP method."""


class PromisedLimit(Record):
    """The rate limit of each user."""

    requests: Annotated[int, Field(ge=1, le=10_000)]
    """Requests that a user may send in the time of `per`."""
    per_s: Annotated[PositiveDuration, Field(alias="per")] = 60.0
    """Time in which the requests are counted."""
    status: _ClientError = 429
    """Status of a request above the limit."""
    retry_after: bool = False
    """Whether a refusal has the header `Retry-After`."""


class PromisedRequest(Record):
    """A request with a user's token."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    """HTTP method."""
    path: UrlPath
    """Path below the service's address."""


class PromisedUserData(Record):
    """A path that answers with data of the token's user only."""

    path: Annotated[UrlPath, KEEPS_PLACEHOLDERS]
    """Path below the service's address. `${id}` stands for the id of the user whose data are asked for."""


class PromisedCancellation(Record):
    """A number that falls when a request is cancelled, because its slot is free again."""

    service: Name
    """Service whose gauge counts the running requests."""
    gauge: GaugeName
    """Name of the gauge in the stack's `gauges`."""
    target: Name | None = None
    """Target that streams; default: the probed one."""
    message: str = "Write a story of two thousand words about a form that nobody could fill in."
    """Message with a long answer."""


class AuditCommand(Record):
    """A program that prints the audit log, one entry per line. It gets a JSON list of user ids on stdin."""

    kind: Literal["command"]
    """Kind of the source."""
    command: _Program
    """Program and arguments."""
    environment: Annotated[dict[str, str], KEEPS_PLACEHOLDERS] = {}
    """Environment variables in addition to PATH and similar ones."""


class AuditCollection(Record):
    """A collection of a MongoDB with one document per entry."""

    kind: Literal["mongodb"]
    """Kind of the source."""
    uri: Annotated[str, KEEPS_PLACEHOLDERS]
    """Address, with the name of the database."""
    collection: str = "audit_log"
    """Collection that holds the entries."""
    user: str = "userId"
    """Field with the id of the user, as a text or as an ObjectId."""


class PromisedAudit(Record):
    """An audit log with an entry for each chat request that was answered or cancelled."""

    source: Annotated[AuditCommand | AuditCollection, Field(discriminator="kind")]
    """Place of the entries. An entry contains the id of its user."""
    has_text: bool = False
    """Whether the entries may contain the texts of messages."""


class PromisedRotation(Record):
    """A file with the keys that verify tokens. `bench probe` changes it, and restores it at its end.

    The file is a JSON object of key id (`kid`) to secret. The service reads it again when it changes.
    """

    keys_file: Annotated[str, KEEPS_PLACEHOLDERS]
    """Path of the file."""
    reload: Annotated[tuple[str, ...], KEEPS_PLACEHOLDERS] = ()
    """Program and arguments that tell the service to read the file again; by default it notices a change."""
    within_s: Annotated[PositiveDuration, Field(alias="within")] = 15.0
    """Longest time until a changed file is in effect."""


class Promises(Record):
    """What a chat service promises about requests that it must not serve. `bench probe` checks it."""

    statuses: PromisedStatuses = PromisedStatuses()
    """Statuses of refused requests."""
    max_characters: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Length of the longest message that is accepted."""
    max_body: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Bytes of the largest body that is accepted, at most 10,000,000."""
    control_characters: Literal["refused", "accepted"] | None = None
    """Whether messages with control characters are refused, or accepted with or without these characters."""
    headers: dict[str, str] = {}
    """Headers of an answer to an authorised request, with a word that the value contains, such as
    `cache-control: no-store`."""
    revocation: PromisedRequest | None = None
    """Request that revokes the token that it has."""
    user_data: PromisedUserData | None = None
    """Path with data of one user."""
    cancellation: PromisedCancellation | None = None
    """Where you see that a cancelled request no longer takes a slot."""
    rate_limit: PromisedLimit | None = None
    """Rate limit of each user."""
    audit: PromisedAudit | None = None
    """Audit log of the chat requests."""
    rotation: PromisedRotation | None = None
    """Rotation of the keys that sign tokens, without a failed request."""

    @field_validator("headers")
    @classmethod
    def _lower_names(cls, headers: dict[str, str]) -> dict[str, str]:
        """Return the headers with names in lower case, as answers are read."""
        return {name.lower(): word for name, word in headers.items()}

    def list_expanded(self) -> dict[str, Any]:
        """Return the texts that may contain the placeholders of services, by field."""
        return self.model_dump(include={"audit", "rotation"})


def check_gauge(promises: Promises, gauges: Mapping[Name, Readings]) -> None:
    """Check that the stack reads the gauge of a promise.

    Raises:
        FieldError: It does not.
    """
    promise = promises.cancellation
    if promise is None:
        return
    readings = gauges.get(promise.service)
    names = () if readings is None else tuple(readings.read)
    if promise.gauge not in names:
        message = f"service '{promise.service}' has no gauge '{promise.gauge}'"
        raise FieldError(("promises", "cancellation", "gauge"), f"{message}; {suggest(promise.gauge, names)}")

"""Requests of steps: their parts, the values that they save, and the checks of their answers."""

from base64 import b64decode
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    field_serializer,
    field_validator,
    model_validator,
)

from bench.core.config.secret_names import SECRET_NAME
from bench.core.config.stream_rules import Path
from bench.core.config.target import Name, UrlPath
from bench.core.values.record import FieldError, Record
from bench.core.values.regular_expression import check_regular_expression

HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
SavedName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
HttpMethod = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Scalar = str | int | float | bool
Fields = dict[str, Scalar | tuple[Scalar, ...]]
_BODIES = ("json_body", "form", "multipart", "text")
_SOURCES = ("path", "header", "cookie", "regex")
_CONTENTS = ("file", "text", "base64", "random_bytes")
_COMPARISONS = ("equals", "matches", "less")
HIDDEN = "…"


def _read_path(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class SavedValue(Record):
    """The place of a value in an answer: a dotted path, a header, a cookie or a regular expression."""

    path: Path | None = None
    """Dotted path in the JSON document. In a stream, the last document with a value counts."""
    header: HeaderName | None = None
    """Name of a header."""
    cookie: str | None = None
    """Name of a cookie that this answer or an earlier one has set."""
    regex: str | None = None
    """Regular expression of Python, searched in the text of the answer. Its first group is saved, or the
    whole match if it has none."""

    @field_validator("regex")
    @classmethod
    def _require_regular_expression(cls, value: str | None) -> str | None:
        return check_regular_expression(value)

    @model_validator(mode="after")
    def _require_one(self) -> "SavedValue":
        _require_one_of(self, _SOURCES)
        return self

    @property
    def words(self) -> str:
        """The place for people: `session.id`, `the header location`."""
        if self.path is not None:
            return self.path
        if self.header is not None:
            return f"the header {self.header}"
        return f"the cookie {self.cookie}" if self.cookie is not None else f"the expression {self.regex}"


Saves = dict[
    SavedName, Annotated[SavedValue, BeforeValidator(_read_path, json_schema_input_type=str | SavedValue)]
]


def _read_part(value: Any) -> Any:
    return {"text": str(value)} if isinstance(value, str | int | float) and value is not True else value


class FormPart(Record):
    """A part of a multipart body: the content of a file, a text, or bytes."""

    file: Annotated[str, Field(min_length=1)] | None = None
    """File that is uploaded, relative to the scenario's folder."""
    text: str | None = None
    """Text that is sent."""
    base64: str | None = None
    """Bytes that are sent, in Base64."""
    random_bytes: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    """Number of bytes that are sent. They are random, and differ for each seed of the scenario."""
    filename: str | None = None
    """Name of the file that the server sees; default: the name of `file`."""
    type: str | None = None
    """Content type; default: by the ending of the file's name."""

    @model_validator(mode="after")
    def _require_one(self) -> "FormPart":
        _require_one_of(self, _CONTENTS)
        if self.file is not None and "${" in self.file:
            raise FieldError(("file",), "must be a path without placeholders; files are read before the run")
        if self.base64 is not None:
            try:
                b64decode(self.base64, validate=True)
            except ValueError as error:
                raise FieldError(("base64",), f"is not Base64: {error}") from error
        return self


_FormPart = Annotated[FormPart, BeforeValidator(_read_part, json_schema_input_type=Scalar | FormPart)]


def _read_parts(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


FormParts = Annotated[
    tuple[_FormPart, ...],
    BeforeValidator(_read_parts, json_schema_input_type=Scalar | FormPart | tuple[FormPart, ...]),
]


class StepRequest(Record):
    """A request of a step. Each text may contain placeholders such as `${saved.id}` and `${row.email}`."""

    method: HttpMethod | None = None
    """HTTP method; default: POST with a body, else GET."""
    path: UrlPath
    """Path below the service's address. Values of placeholders are percent-encoded."""
    service: Name | None = None
    """Service that receives the request; default: the service of the scenario or of its target."""
    query: Fields = {}
    """Parameters that are added to the path. A list sends a parameter several times."""
    headers: dict[HeaderName, str] = {}
    """Headers of the request."""
    json_body: Annotated[Any, Field(alias="json")] = None
    """JSON body. A text that is only a placeholder gets the type of the value."""
    form: Fields = {}
    """Fields of a body like that of an HTML form."""
    multipart: dict[str, FormParts] = {}
    """Fields of a multipart body, such as files to upload. A list sends a field several times."""
    text: str | None = None
    """Body as it is. Set its type by the header `content-type`."""

    @model_validator(mode="after")
    def _allow_one_body(self) -> "StepRequest":
        bodies = [_name_of(self, field) for field in _BODIES if is_set(self, field)]
        if len(bodies) > 1:
            raise FieldError((bodies[1],), f"cannot be combined with {bodies[0]}; remove one of them")
        return self

    @field_serializer("query", "headers", "json_body", "form", "multipart", "text")
    def _hide_secrets(self, value: Any) -> Any:
        return hide_secrets(value)

    @property
    def verb(self) -> str:
        """The HTTP method."""
        if self.method is not None:
            return self.method
        return "POST" if any(is_set(self, field) for field in _BODIES) else "GET"

    @property
    def files(self) -> Iterator[str]:
        """Files that are uploaded."""
        for parts in self.multipart.values():
            for part in parts:
                if part.file is not None:
                    yield part.file

    @property
    def content(self) -> dict[str, Any]:
        """All texts that may contain placeholders, by the name of their field in files."""
        multipart = {
            name: [{"text": part.text, "filename": part.filename, "file": part.file} for part in parts]
            for name, parts in self.multipart.items()
        }
        return {
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "json": self.json_body,
            "form": self.form,
            "multipart": multipart,
            "text": self.text,
        }


class StepCheck(Record):
    """A check of a step's answer. Every field that is set must hold."""

    status: int | tuple[int, ...] | None = None
    """HTTP status, or a list of statuses; default: any from 200 to 299."""
    contains: str | None = None
    """Text that the body must contain."""
    matches: str | None = None
    """Regular expression of Python that matches a part of the body, or of the value at `json`."""
    json_path: Annotated[Path | None, Field(alias="json")] = None
    """Dotted path of a value that the answer must have. Compare it by `equals`, `matches` or `less`."""
    equals: Scalar | None = None
    """Value that the answer must have at `json`."""
    less: float | None = None
    """Number that the value at `json` must be below."""
    max_ms: Annotated[float, Field(gt=0)] | None = None
    """Longest response time, in milliseconds."""

    @field_validator("matches")
    @classmethod
    def _require_regular_expression(cls, value: str | None) -> str | None:
        return check_regular_expression(value)

    @model_validator(mode="after")
    def _require_path_for_values(self) -> "StepCheck":
        comparisons = [field for field in _COMPARISONS if getattr(self, field) is not None]
        if self.json_path is None:
            for field in comparisons:
                if field != "matches":
                    raise FieldError((field,), "needs json, the path of the value")
        elif len(comparisons) > 1:
            raise FieldError(
                (comparisons[1],), f"cannot be combined with {comparisons[0]}; write two checks in a list"
            )
        return self


def _read_checks(value: Any) -> Any:
    return (value,) if isinstance(value, dict | StepCheck) else value


Checks = Annotated[
    tuple[StepCheck, ...],
    BeforeValidator(_read_checks, json_schema_input_type=StepCheck | tuple[StepCheck, ...]),
]


def hide_secrets(value: Any, name: str = "") -> Any:
    """Return a JSON-like value in which `…` replaces the texts whose names sound secret.

    A text with a placeholder stays, because the secret is not in it.
    """
    match value:
        case str():
            is_secret = SECRET_NAME.search(name) is not None and "${" not in value
            return HIDDEN if is_secret else value
        case dict():
            return {key: hide_secrets(item, str(key)) for key, item in value.items()}
        case list() | tuple():
            return [hide_secrets(item, name) for item in value]
        case FormPart():
            fields = value.model_dump(exclude_defaults=True)
            return {key: hide_secrets(item, name if key == "text" else "") for key, item in fields.items()}
        case _:
            return value


def is_set(record: Record, field: str) -> bool:
    """Return whether a field has a value: not null, and not an empty map or list, which are JSON, too."""
    value = getattr(record, field)
    return value is not None and (field == "json_body" or value not in ({}, ()))


def _name_of(record: Record, field: str) -> str:
    """Return the name of a field in files."""
    return type(record).model_fields[field].alias or field


def _require_one_of(record: Record, fields: tuple[str, ...]) -> None:
    given = [field for field in fields if getattr(record, field) is not None]
    if len(given) != 1:
        raise FieldError(tuple(given[1:2]), f"needs exactly one of {', '.join(fields)}")

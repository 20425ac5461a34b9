"""Where an answer reports the times of tiers: in fields of its body, in headers, or by difference."""

from typing import Annotated, Literal

from pydantic import Discriminator, StringConstraints, Tag, model_validator

from bench.core.samples.metrics import UNATTRIBUTED
from bench.core.values.nearest import suggest
from bench.core.values.record import FieldError, Record

_Path = Annotated[str, StringConstraints(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
TierName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
TimeUnit = Literal["ns", "us", "ms", "s"]


class ReportedTime(Record):
    """The place of one tier's time: a header of the answer, or a field of its body."""

    header: HeaderName | None = None
    """Name of the header. Its value is a number, with or without a unit: `12.5` or `12.5ms`. The values of
    several headers of this name are added."""
    path: _Path | None = None
    """Dotted path of the number in the body."""
    unit: TimeUnit | None = None
    """Unit of the number, if it differs from `unit` of `durations`."""
    includes: tuple[TierName, ...] = ()
    """Other tiers whose time is part of this number. Their time is subtracted."""

    @model_validator(mode="after")
    def _require_one_place(self) -> "ReportedTime":
        if (self.header is None) == (self.path is None):
            raise FieldError(("header",), "a tier's time has one place: declare header or path")
        return self


def _shape(value: object) -> str:
    """Return how the place of a time is declared: as a path, or as a map."""
    return "source" if isinstance(value, dict | ReportedTime) else "path"


ReportedTimePlace = Annotated[
    Annotated[_Path, Tag("path")] | Annotated[ReportedTime, Tag("source")], Discriminator(_shape)
]


class Durations(Record):
    """Headers and fields of an answer that report the tier times. A `Server-Timing` header is read too."""

    unit: TimeUnit
    """Unit of the numbers."""
    tiers: dict[TierName, ReportedTimePlace] = {}
    """Place of each tier's time, by tier: a dotted path, or for example `{header: x-model-duration-ms}`."""
    total: _Path | None = None
    """Dotted path of the total time. The tier `rest` gets the part of it that no tier of `tiers` reports."""
    rest: TierName = "queue"
    """Name of the tier that gets the rest of `total`. Ollama does not report its queue, so the rest is the
    time in the queue."""
    remainder: TierName | None = None
    """Name of the tier that gets the time of each request that no other tier reports: the service that
    answers. Without this field, this time is unattributed."""

    @property
    def places(self) -> dict[TierName, ReportedTime]:
        """The place of each tier's time, in one form."""
        places: dict[TierName, ReportedTime] = {}
        for tier, place in self.tiers.items():
            places[tier] = ReportedTime(path=place) if isinstance(place, str) else place
        return places

    @model_validator(mode="after")
    def _check_names(self) -> "Durations":
        declared = {*self.tiers, *([self.rest] if self.total else [])}
        if not declared and self.remainder is None:
            raise FieldError(("tiers",), "is missing; declare the places of the times")
        if self.remainder in {*declared, UNATTRIBUTED}:
            raise FieldError(
                ("remainder",), f"'{self.remainder}' is a tier with a time of its own; choose another name"
            )
        for tier, place in self.places.items():
            others = sorted(declared - {tier})
            for included in place.includes:
                if included not in others:
                    raise FieldError(
                        ("tiers", tier, "includes"),
                        f"'{included}' is not another tier of `durations`; {suggest(included, others)}",
                    )
        return self

"""Tolerances: how people write them, and which one a test gets."""

import re
from typing import Any

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from bench.core.limits.tolerance import Tolerance, Tolerances, tolerance_of

READER: TypeAdapter[Tolerances] = TypeAdapter(Tolerances, config=ConfigDict(defer_build=True))


def read(**tolerances: Any) -> Any:
    """Tolerances as a file has them."""
    return READER.validate_python(tolerances)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"ratio": "10%", "absolute": "0.5ms"}, Tolerance(ratio=0.1, absolute=0.5)),
        ({"ratio": 0.1}, Tolerance(ratio=0.1)),
        ({"absolute": 2}, Tolerance(absolute=2.0)),
        ("10%", Tolerance(ratio=0.1)),
        (0.2, Tolerance(ratio=0.2)),
        ("2s", Tolerance(absolute=2000.0)),
    ],
)
def test_a_tolerance_is_a_map_or_one_value(written: Any, expected: Tolerance) -> None:
    """A share, an absolute change, or both."""
    assert read(e2e=written) == {"e2e_ms": expected}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("e2e", "e2e_ms"),
        ("e2e_ms", "e2e_ms"),
        ("ttft", "ttft_ms"),
        ("p95.e2e", "p95.e2e_ms"),
        ("tier.backend", "tier.backend_ms"),
        ("milestone.first_document", "milestone.first_document_ms"),
        ("e2e{step:upload}", "e2e_ms{step:upload}"),
        ("requests_rps", "requests_rps"),
        ("service.gateway.memory", "service.gateway.memory_bytes"),
        ("service.gateway.cpu", "service.gateway.cpu_ms"),
        ("class", "class"),
        ("class.long", "class.long"),
        ("message.long-migration", "message.long-migration"),
    ],
)
def test_a_name_may_lack_its_unit(name: str, key: str) -> None:
    """Every judged value has a name, and the key has the unit."""
    assert read(**{name: "10%"}) == {key: Tolerance(ratio=0.1)}


def test_memory_is_written_in_megabytes() -> None:
    """A number without a unit is in the unit of the metric."""
    tolerances = read(**{"service.gateway.memory": {"absolute": "2MB"}})
    assert tolerances["service.gateway.memory_bytes"].absolute == 2e6


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"e2ee": "10%"}, "there is no metric 'e2ee'; did you mean 'e2e'?"),
        ({"http_req_duration": "10%"}, "did you mean 'e2e_ms'?"),
        ({"e2e": "10%", "e2e_ms": "5%"}, "e2e_ms has two tolerances; remove one of them"),
        ({"e2e": {"absolute": "2MB"}}, "'2MB' is not a quantity in ms; write for example 0.5ms or 2s"),
        ({"e2e": {"ratio": "2ms"}}, "'2ms' is not a share; write for example 5% or 0.05"),
        ({"e2e": {"ratio": "-5%"}}, "greater than 0"),
        ({"e2e": {"absolute": 0}}, "greater than 0"),
        ({"e2e": {}}, "is missing; write for example ratio: 10%, or absolute: 0.5ms"),
        ({"e2e": [1]}, "valid dictionary or instance of Tolerance"),
        ({"class.": "10%"}, "there is no metric 'class.'"),
    ],
)
def test_a_wrong_tolerance_is_refused(written: dict[str, Any], message: str) -> None:
    """The error shows what to write."""
    with pytest.raises(ValidationError, match=re.escape(message)):
        read(**written)


def test_tolerances_survive_json() -> None:
    """A result has complete keys and numbers in the metrics' units."""
    tolerances = read(e2e={"ratio": "10%", "absolute": "0.5ms"}, message="30%")
    assert READER.validate_json(READER.dump_json(tolerances)) == tolerances


def test_a_percentile_has_the_tolerance_of_its_metric() -> None:
    """Unless it has its own."""
    tolerances = read(e2e={"ratio": "15%", "absolute": "2ms"})
    assert tolerance_of("p95.e2e_ms", tolerances, 0.1) == (0.15, 2.0)
    own = {**tolerances, "p95.e2e_ms": Tolerance(ratio=0.4)}
    assert tolerance_of("p95.e2e_ms", own, 0.1) == (0.4, None)


def test_a_metric_without_a_tolerance_has_the_default() -> None:
    """A share only, for most metrics."""
    assert tolerance_of("e2e_ms", {}, 0.05) == (0.05, None)


def test_an_absolute_tolerance_alone_has_no_share() -> None:
    """`ttft: 2ms` means that a change of 2 ms is tolerated, whatever share of the time it is."""
    assert tolerance_of("ttft_ms", read(ttft="2ms"), 0.1) == (0.0, 2.0)


def test_classes_and_messages_have_wider_tolerances() -> None:
    """A class or a message of its own comes before the key for all of them."""
    assert tolerance_of("class.long", {}, 0.05) == (0.2, None)
    assert tolerance_of("message.hello", {}, 0.05) == (0.6, None)
    tolerances = read(**{"class": "25%", "class.long": "10%", "message": "30%"})
    assert tolerance_of("class.short", tolerances, 0.05) == (0.25, None)
    assert tolerance_of("class.long", tolerances, 0.05) == (0.1, None)
    assert tolerance_of("message.hello", tolerances, 0.05) == (0.3, None)

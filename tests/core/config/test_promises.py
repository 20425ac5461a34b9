"""The promises of a stack file are checked when it is read."""

from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.stack import Stack


def stack(promises: dict[str, Any]) -> Stack:
    """Return a stack with these promises and one gauge."""
    gauges = {"model": {"read": {"running": "slots_running"}}}
    content = {"name": "mine", "purpose": "A test.", "gauges": gauges, "promises": promises}
    return Stack.model_validate(content)


def test_a_cancellation_needs_a_gauge_of_the_stack() -> None:
    """The error names the nearest gauge."""
    read = stack({"cancellation": {"service": "model", "gauge": "running"}})
    assert read.promises.cancellation is not None
    with pytest.raises(ValidationError, match="did you mean 'running'"):
        stack({"cancellation": {"service": "model", "gauge": "runing"}})
    with pytest.raises(ValidationError, match="service 'backend' has no gauge"):
        stack({"cancellation": {"service": "backend", "gauge": "running"}})


def test_placeholders_of_promises_are_checked() -> None:
    """A place that does not exist is an error before the first request."""
    assert stack({"rotation": {"keys_file": "${state}/keys.json"}}).promises.rotation is not None
    with pytest.raises(ValidationError, match="stat"):
        stack({"rotation": {"keys_file": "${stat}/keys.json"}})


def test_names_of_headers_are_read_in_lower_case() -> None:
    """As HTTP compares them."""
    assert stack({"headers": {"Cache-Control": "no-store"}}).promises.headers == {"cache-control": "no-store"}


def test_a_status_of_a_refusal_is_a_client_error() -> None:
    """A service that promises 500 for bad input has no safeguard."""
    with pytest.raises(ValidationError):
        stack({"statuses": {"invalid": 500}})

from bench.core.load.arrival import Arrival
from bench.core.tiers.trace_ids import RequestKey, run_prefix, traceparent
from bench.measure.load.trace_header import add_trace

ARRIVAL = Arrival(phase=1, vu=2, iteration=3, prompt="hello")
REQUEST = b"POST /ask HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\n\r\n{}"


def test_a_request_carries_its_trace() -> None:
    """The header follows the first line, and the rest of the request is unchanged."""
    prefix = run_prefix("run")
    header = traceparent(prefix, RequestKey(phase=1, vu=2, iteration=3, arm=0))
    first_line, _, rest = REQUEST.partition(b"\r\n")
    assert add_trace(REQUEST, prefix, ARRIVAL) == first_line + b"\r\n" + header + rest

"""The counters of the mock model, in Prometheus' text format."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

METRICS_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
"""Media type of the counters."""
BOUNDS_US = (10, 20, 50, 100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 10_000, 100_000, 1_000_000)
"""Upper bounds of the classes of delays, in microseconds."""


class MockMetrics:
    """Counts requests, tokens and the delay of each write compared with its plan."""

    def __init__(self) -> None:
        self._results = Counter[tuple[str, str]]()
        self._bounds_s = [bound / 1e6 for bound in BOUNDS_US]
        self._delays = [0] * (len(BOUNDS_US) + 1)
        self._delay_sum_s = 0.0
        self.tokens = 0
        self.running = 0

    def count_delay(self, delay_s: float) -> None:
        """Count a write that left this number of seconds after its planned time."""
        self._delays[bisect_left(self._bounds_s, delay_s)] += 1
        self._delay_sum_s += delay_s

    def count_result(self, path: str, result: str) -> None:
        """Count a request and its result."""
        self._results[path, result] += 1

    def text(self, waiting: int) -> bytes:
        """Return all counters.

        Args:
            waiting: Number of requests in queues.
        """
        lines = [
            *_head("requests_total", "counter", "Requests by path and result."),
            *(
                f'bench_mock_requests_total{{path="{path}",result="{result}"}} {count}'
                for (path, result), count in sorted(self._results.items())
            ),
            *_head("tokens_total", "counter", "Tokens of complete answers."),
            f"bench_mock_tokens_total {self.tokens}",
            *_head("running", "gauge", "Answers under way."),
            f"bench_mock_running {self.running}",
            *_head("waiting", "gauge", "Requests that wait for a slot."),
            f"bench_mock_waiting {waiting}",
            *_head("write_delay_seconds", "histogram", "Time from the planned to the real begin of a write."),
            *self._histogram(),
        ]
        return ("\n".join(lines) + "\n").encode()

    def _histogram(self) -> Iterable[str]:
        total = 0
        for bound_s, count in zip([*self._bounds_s, "+Inf"], self._delays, strict=True):
            total += count
            yield f'bench_mock_write_delay_seconds_bucket{{le="{bound_s}"}} {total}'
        yield f"bench_mock_write_delay_seconds_sum {self._delay_sum_s:.6f}"
        yield f"bench_mock_write_delay_seconds_count {total}"


def _head(name: str, kind: str, meaning: str) -> tuple[str, str]:
    return f"# HELP bench_mock_{name} {meaning}", f"# TYPE bench_mock_{name} {kind}"

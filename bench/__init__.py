"""Benchmark a chat stack, compare it with its baseline, and report regressions.

The functions are the use cases of the command line:

    import bench

    judged = bench.check("quick", stack="embedded")
    print(judged.decision, judged.report.headline)

They return values and raise `BenchError`; they never print and never exit. A name is imported when it is
first used, so that `import bench` is fast.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.core.verdict.compare import Decision
    from bench.errors import BenchError
    from bench.measure.http.httpx_transport import ExchangeTimes, Transport
    from bench.measure.load.user import User
    from bench.measure.run.conditions import Listener
    from bench.usecases.ab import ab, ab_suite
    from bench.usecases.accept import accept
    from bench.usecases.badge import badge
    from bench.usecases.capacity import capacity
    from bench.usecases.check import check, check_suite
    from bench.usecases.comment import comment
    from bench.usecases.compare import JudgedRun, compare
    from bench.usecases.doctor import Diagnosis, doctor
    from bench.usecases.experiment import experiment
    from bench.usecases.export import export
    from bench.usecases.health import health
    from bench.usecases.history import add_to_history
    from bench.usecases.merge import JudgedSuite, merge
    from bench.usecases.noise import noise
    from bench.usecases.options import RunOptions
    from bench.usecases.probe import probe
    from bench.usecases.recover import RecoveredRun, recover
    from bench.usecases.report import report
    from bench.usecases.run import StoredRun, run
    from bench.usecases.side_by_side import side_by_side
    from bench.usecases.site import site
    from bench.usecases.stack import stack_down, stack_restart, stack_scale, stack_up
    from bench.usecases.trend import trend

# httpx imports its own command line, which takes as long as the rest of it; without it, it has none.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

__all__ = [
    "BenchError",
    "Decision",
    "Diagnosis",
    "ExchangeTimes",
    "JudgedRun",
    "JudgedSuite",
    "Listener",
    "RecoveredRun",
    "RunOptions",
    "StoredRun",
    "Transport",
    "User",
    "ab",
    "ab_suite",
    "accept",
    "add_to_history",
    "badge",
    "capacity",
    "check",
    "check_suite",
    "comment",
    "compare",
    "doctor",
    "experiment",
    "export",
    "health",
    "merge",
    "noise",
    "probe",
    "recover",
    "report",
    "run",
    "side_by_side",
    "site",
    "stack_down",
    "stack_restart",
    "stack_scale",
    "stack_up",
    "trend",
]

_MODULES = {
    "BenchError": "bench.errors",
    "Decision": "bench.core.verdict.compare",
    "Diagnosis": "bench.usecases.doctor",
    "ExchangeTimes": "bench.measure.http.httpx_transport",
    "JudgedRun": "bench.usecases.compare",
    "JudgedSuite": "bench.usecases.merge",
    "Listener": "bench.measure.run.conditions",
    "RecoveredRun": "bench.usecases.recover",
    "RunOptions": "bench.usecases.options",
    "StoredRun": "bench.usecases.run",
    "Transport": "bench.measure.http.httpx_transport",
    "User": "bench.measure.load.user",
    "ab": "bench.usecases.ab",
    "ab_suite": "bench.usecases.ab",
    "accept": "bench.usecases.accept",
    "add_to_history": "bench.usecases.history",
    "badge": "bench.usecases.badge",
    "capacity": "bench.usecases.capacity",
    "check": "bench.usecases.check",
    "check_suite": "bench.usecases.check",
    "comment": "bench.usecases.comment",
    "compare": "bench.usecases.compare",
    "doctor": "bench.usecases.doctor",
    "experiment": "bench.usecases.experiment",
    "export": "bench.usecases.export",
    "health": "bench.usecases.health",
    "merge": "bench.usecases.merge",
    "noise": "bench.usecases.noise",
    "probe": "bench.usecases.probe",
    "recover": "bench.usecases.recover",
    "report": "bench.usecases.report",
    "run": "bench.usecases.run",
    "side_by_side": "bench.usecases.side_by_side",
    "site": "bench.usecases.site",
    "stack_down": "bench.usecases.stack",
    "stack_restart": "bench.usecases.stack",
    "stack_scale": "bench.usecases.stack",
    "stack_up": "bench.usecases.stack",
    "trend": "bench.usecases.trend",
}


if not TYPE_CHECKING:  # a type checker knows the names above, and reports others

    def __getattr__(name: str) -> Any:
        """Import a public name from its module."""
        if name not in _MODULES:
            raise AttributeError(f"module 'bench' has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)

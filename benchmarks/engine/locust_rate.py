"""Requests per second of Locust: FastHttpUser without wait time, headless, in the peers' environment."""

from gevent import monkey  # type: ignore[import-not-found,import-untyped,unused-ignore]

monkey.patch_all()  # Locust wants it before anything else is imported

# ruff: noqa: E402 - for the same reason
import json
import sys
import time

import gevent  # type: ignore[import-not-found,import-untyped,unused-ignore]
from locust import FastHttpUser  # type: ignore[import-not-found,unused-ignore]
from locust.env import Environment  # type: ignore[import-not-found,unused-ignore]

_WARM_UP_S = 0.25


def ask(user: FastHttpUser) -> None:
    """One request."""
    user.client.get("/json")


class Asker(FastHttpUser):  # type: ignore[misc,unused-ignore]
    """A user without wait time."""

    tasks = [ask]


def main() -> None:
    """Measure: port, users, seconds."""
    port = int(sys.argv[1])
    users = int(sys.argv[2])
    seconds = float(sys.argv[3])
    environment = Environment(user_classes=[Asker], host=f"http://127.0.0.1:{port}")
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    while runner.user_count < users:
        gevent.sleep(0.05)
    gevent.sleep(_WARM_UP_S)
    total = environment.stats.total
    began = total.num_requests
    began_s = time.perf_counter()
    began_cpu_s = time.process_time()
    gevent.sleep(seconds)
    requests = total.num_requests - began
    elapsed_s = time.perf_counter() - began_s
    cpu_s = time.process_time() - began_cpu_s
    failures = total.num_failures
    runner.quit()
    if failures:
        sys.exit(f"{failures} requests failed")
    json.dump(
        {"rps": requests / elapsed_s, "us_cpu": cpu_s / requests * 1e6, "cpu_share": cpu_s / elapsed_s},
        sys.stdout,
    )


main()

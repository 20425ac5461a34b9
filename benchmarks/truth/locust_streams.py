"""Users of Locust who stream: they report the first token and the whole response as requests of their own."""

import time
from argparse import ArgumentParser

import gevent  # type: ignore[import-not-found,import-untyped,unused-ignore]
from locust import FastHttpUser, events, task  # type: ignore[import-not-found,unused-ignore]
from locust.exception import StopUser  # type: ignore[import-not-found,unused-ignore]

_BODY = {"model": "bench", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
_finished = 0


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator,unused-ignore]
def add_options(parser: ArgumentParser) -> None:
    """Add the options of the load."""
    parser.add_argument("--iterations", type=int, default=1)


@events.init.add_listener  # type: ignore[untyped-decorator,unused-ignore]
def read_the_clock(**_: object) -> None:
    """Read gevent's clock again: it stood still during the imports."""
    gevent.get_hub().loop.update_now()


class Listener(FastHttpUser):  # type: ignore[misc,unused-ignore]
    """A user who streams one response after the other."""

    def on_start(self) -> None:
        """Begin to count."""
        self.streams = 0

    @task  # type: ignore[untyped-decorator,unused-ignore]
    def stream(self) -> None:
        """Stream a response; end the run after the last one of all users."""
        began_s = time.perf_counter()
        first_s = None
        for line in self.client.iter_lines("/v1/chat/completions", "POST", json=_BODY, name="head"):
            if first_s is None and '"content"' in line:
                first_s = time.perf_counter()
        self._report("total", time.perf_counter() - began_s)
        if first_s is not None:
            self._report("first token", first_s - began_s)
        self._count()

    def _report(self, name: str, seconds: float) -> None:
        self.environment.events.request.fire(
            request_type="SSE", name=name, response_time=seconds * 1000, response_length=0, exception=None
        )

    def _count(self) -> None:
        global _finished  # noqa: PLW0603 - all users are in one process
        _finished += 1
        self.streams += 1
        options = self.environment.parsed_options
        if _finished == options.iterations * options.num_users:
            self.environment.runner.quit()
        if self.streams == options.iterations:
            raise StopUser

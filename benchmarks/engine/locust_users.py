"""Users of Locust: FastHttpUser with the same request as all tools, with or without a check of the JSON."""

from argparse import ArgumentParser

import gevent  # type: ignore[import-not-found,import-untyped,unused-ignore]
from locust import FastHttpUser, constant, events, task  # type: ignore[import-not-found,unused-ignore]

_BODY = b'{"message":"Hello"}'
_HEADERS = {"content-type": "application/json"}


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator,unused-ignore]
def add_options(parser: ArgumentParser) -> None:
    """Add the options of the load."""
    parser.add_argument("--path", default="/json")
    parser.add_argument("--think-s", type=float, default=0.0)
    parser.add_argument("--checks", action="store_true")


@events.init.add_listener  # type: ignore[untyped-decorator,unused-ignore]
def read_the_clock(**_: object) -> None:
    """Read gevent's clock again: it stood still during the imports, so that the run would end too early."""
    gevent.get_hub().loop.update_now()


class Sender(FastHttpUser):  # type: ignore[misc,unused-ignore]
    """A user who sends one request after the other."""

    insecure = True

    def wait_time(self) -> float:
        """Return the pause between two requests."""
        return float(constant(self.environment.parsed_options.think_s)(self))

    @task  # type: ignore[untyped-decorator,unused-ignore]
    def send(self) -> None:
        """Send a request."""
        options = self.environment.parsed_options
        if not options.checks:
            self.client.post(options.path, data=_BODY, headers=_HEADERS)
            return
        with self.client.post(options.path, data=_BODY, headers=_HEADERS, catch_response=True) as response:
            if response.status_code != 200 or not response.json()["message"]:  # noqa: PLR2004
                response.failure("no message")

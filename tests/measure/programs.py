"""Small services for stacks in tests: Python programs of a few lines."""

import sys
from collections.abc import Mapping

from bench.core.config.service import Service
from bench.core.config.stack import Stack

_LISTEN = "import os, socket; server = socket.create_server(('127.0.0.1', int(os.environ['PORT'])));"
_ANNOUNCE = (
    f"{_LISTEN} import json;"
    "url = 'http://127.0.0.1:%d' % server.getsockname()[1];"
    "print(json.dumps({'event': 'listening', 'url': url}), flush=True);"
)
PROGRAMS = {
    "good": f"{_ANNOUNCE} import time; time.sleep(600)",
    "short-lived": f"{_ANNOUNCE} import sys; print('disk is gone', file=sys.stderr); sys.exit(7)",
    "silent": "import time; time.sleep(600)",
    "chatty": "print('hello there', flush=True); import time; time.sleep(600)",
    "broken": "import sys; print('JWT_SECRET is not set', file=sys.stderr); sys.exit(2)",
    "stubborn": f"import signal; signal.signal(15, signal.SIG_IGN); {_ANNOUNCE} import time; time.sleep(600)",
}


def make_stack(programs: Mapping[str, str], timeout_s: float = 20.0, **service: object) -> Stack:
    """Return a stack of programs by service, which announce themselves."""
    services = {
        name: Service.model_validate(
            {
                "command": [sys.executable, "-c", PROGRAMS[program]],
                "start_timeout_s": timeout_s,
                "announces": True,
                **service,
            }
        )
        for name, program in programs.items()
    }
    return Stack(name="trial", purpose="A test.", simulated=True, services=services)

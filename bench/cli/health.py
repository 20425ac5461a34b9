"""`bench health`: run the health checks of a stack once."""

from bench.cli import options
from bench.cli.console import warn
from bench.errors import TargetError
from bench.measure.run.conditions import Listener
from bench.render.monitor import health_lines
from bench.usecases.health import health as check_health


def health(*, stack: options.StackName = None, url: options.Urls = None, ca: options.Ca = None) -> None:
    """Run the health checks of a stack once.

    If a check needs a test user, bench creates one; it then needs JWT_SECRET and the user store of the stack.
    Exits with 4 if a check is down.
    """
    state = check_health(stack, urls=url or (), ca=ca, listener=Listener(warning=warn))
    print(health_lines(state.probes, state.left_out), end="")
    if state.down:
        hints = [f"{name}: {state.hints[name]}" for name in state.down]
        raise TargetError(f"down on stack '{state.stack}': {', '.join(state.down)}", "; ".join(hints))
    if not state.probes:
        raise TargetError(
            f"bench could run no check of stack '{state.stack}'", "the lines above give the reasons"
        )

"""Describe the messages, steps and first requests of a scenario in words."""

from itertools import islice

from bench.core.config.executors import OpenLoop
from bench.core.config.journey import Step
from bench.core.config.run_spec import RunSpec
from bench.core.config.turn import TURN
from bench.core.load.arrival import Arrival
from bench.core.load.plan import RunPlan, plan
from bench.core.values import wording

_VUS = 2
_ITERATIONS = 2
_REQUESTS = 5


def describe_content(spec: RunSpec) -> str:
    """Return the number of messages, steps and rows: `4 messages, 12 in a deck`."""
    parts: list[str] = []
    for part in spec.parts:
        if part.prompts:
            parts.append(_describe_messages(part))
        if part.scenario.turn is not None:
            parts.append(f"turn: {part.scenario.turn}")
        elif part.is_journey:
            parts.append(f"steps: {', '.join(map(_name_step, _all_steps(part)))}")
        if part.rows:
            parts.append(wording.counted(len(part.rows), "row"))
    return "; ".join(parts)


def _describe_messages(spec: RunSpec) -> str:
    messages = wording.counted(len(spec.prompts), "message")
    if spec.scenario.repeat is not None:
        return f"{messages}, repeated by Zipf's law with s = {spec.scenario.repeat.zipf:g}"
    deck = sum(prompt.weight for prompt in spec.prompts)
    return f"{messages}, {deck} in a deck"


def describe_steps(spec: RunSpec) -> list[str]:
    """Return one line for each step of a journey; empty if each message is a request of its own."""
    lines: list[str] = []
    if spec.scenario.turn is not None:
        return [f"  {TURN:20} {spec.scenario.turn}"]
    if not spec.is_journey:
        return lines
    for step in _all_steps(spec):
        request = step.request
        if request is None:
            messages = wording.counted(step.messages or 0, "message")
            lines.append(f"  {step.name:20} {messages} to {spec.target.name}")
        else:
            always = ", always" if step.always else ""
            lines.append(f"  {step.name:20} {request.verb} {request.path}{always}")
    return lines


def describe_first_requests(spec: RunSpec) -> list[str]:
    """Return one line for each of the first iterations, or with the first messages of each VU."""
    run_plan = plan(spec)
    lines: list[str] = []
    if isinstance(run_plan.phases[0], OpenLoop):
        arrivals = [*islice(run_plan.arrivals(0), _VUS * _ITERATIONS)]
        return [f"at {arrival.offset_s:g} s: {_describe(run_plan, arrival)}" for arrival in arrivals]
    for span in run_plan.spans(0)[:_VUS]:
        count = _ITERATIONS if run_plan.parts else _REQUESTS
        for arrival in islice(run_plan.requests(0, span.vu), count):
            lines.append(f"VU {arrival.vu}, {arrival.iteration}: {_describe(run_plan, arrival)}")
    return lines


def _describe(run_plan: RunPlan, arrival: Arrival) -> str:
    if not run_plan.parts:
        return arrival.label
    labels = ", ".join(planned.arrival.label for planned in run_plan.steps_of(arrival))
    return labels or arrival.label  # only the run shows the requests of a turn in Python


def _all_steps(spec: RunSpec) -> tuple[Step, ...]:
    return (*spec.scenario.login_requests, *spec.scenario.journey_steps)


def _name_step(step: Step) -> str:
    return f"{step.name} ({step.messages})" if step.messages else step.name

"""Plan a measurement: from the options of a command to its stack, its scenario and its conditions."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.config.choices import make_choices, model_variables
from bench.core.config.injections import parse_injections
from bench.core.config.load_override import LoadOverrides, SeriesFile
from bench.core.config.message_rows import prompts_of_texts
from bench.core.config.objective import parse_objectives
from bench.core.config.open_loops import RatePoint
from bench.core.config.prompts import Prompt
from bench.core.config.quick_load import (
    MESSAGES,
    STACK,
    QuickLoad,
    is_websocket_address,
    looks_like_address,
    parse_headers,
)
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Stack, list_services, receive_spans
from bench.core.config.target import Target, stand_in
from bench.core.limits.threshold import parse_thresholds
from bench.core.response.interfaces import SERVICE, describe_interface
from bench.core.values.duration import parse_duration
from bench.core.values.nearest import suggest
from bench.errors import ConfigError
from bench.measure.http.route import HttpImplementation, HttpVersion, Route, choose_route
from bench.measure.load.endpoint import check_url
from bench.measure.machine.host import choose_cores
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.stacks.running_stack import find_urls
from bench.store import scenarios, stacks
from bench.store.folders import RESULTS
from bench.store.messages import read_messages
from bench.store.sample_files import FileStore
from bench.store.series import read_rates, read_times
from bench.usecases.generators import choose_generators
from bench.usecases.options import RunOptions
from bench.usecases.recognise import Caller, recognise

ADDRESS_OPTIONS = {
    "messages": "--message",
    "data": "--data",
    "headers": "--header",
    "body": "--body",
    "text": "--text",
    "think_time": "--think-time",
    "timeout": "--timeout",
}
_SCENARIO_OPTIONS = {"stack": "--stack", "urls": "--url", "inject": "--inject", "service": "--service"}


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """What a run measures, and how."""

    stack: Stack
    spec: RunSpec
    conditions: Conditions


def plan_scenario(scenario: str, options: RunOptions) -> PlannedRun:
    """Return the measurement of a scenario.

    Raises:
        ConfigError: The scenario, the stack or an option is wrong.
    """
    if is_websocket_address(scenario):
        raise ConfigError(
            f"'{scenario}' is a WebSocket, whose messages only a target file describes",
            "write a target with an answer of the kind websocket, and a scenario: bench schema target",
        )
    if looks_like_address(scenario):
        raise ConfigError(f"scenario '{scenario}' does not exist", f"write an address as http://{scenario}")
    refusal = "needs an address in place of a scenario"
    refuse_options(options, ADDRESS_OPTIONS, refusal, "bench run http://HOST:PORT/PATH")
    variables = model_variables(options.get("model"))
    declared = stacks.load(options.get("stack") or _default_stack(options), variables)
    stack = receive_spans(declared, options.get("otlp"))
    spec = load_spec(scenario, stack, options)
    check_side_effects(spec.scenario, stack, allowed=options.get("allow_side_effects", False))
    return PlannedRun(stack, spec, make_conditions(spec, stack, options))


def plan_address(url: str, options: RunOptions, listener: Listener) -> PlannedRun:
    """Return the measurement of an address: its interface is recognised by a few requests.

    Raises:
        ConfigError: The address or an option is wrong.
        TargetError: The interface was not recognised.
    """
    refuse_options(options, _SCENARIO_OPTIONS, "does not fit an address", "use it with a scenario")
    thresholds = parse_thresholds(options.get("thresholds", ()))
    headers = parse_headers(options.get("headers", ()))
    prompts = _read_prompts(options, listener)
    load = QuickLoad(
        vus=options.get("vus"),
        rate=options.get("rate"),
        rates=_read_series(options.get("rates"), read_rates),
        times=_read_series(options.get("times"), read_times),
        duration=options.get("duration"),
        think_time=options.get("think_time"),
        spawn_rate=options.get("spawn_rate"),
        arrivals=options.get("arrivals"),
        burstiness=options.get("burstiness"),
        speed=options.get("speed"),
        timeout=options.get("timeout"),
    )
    # Wrong options are found before the first request.
    trial = load.make_spec(stand_in(SERVICE), url, prompts, {})
    caller = Caller(
        url=url,
        message=prompts[0].text,
        headers=headers,
        route=_choose_route(options),
        timeout_s=trial.scenario.request_timeout_s,
        model=options.get("model"),
        body=options.get("body"),
        text=options.get("text"),
        target=options.get("target"),
        settings=options.get("settings", ()),
    )
    interface = recognise(caller)
    target = interface.target
    shown = interface.base_url + target.path.partition("?")[0]
    listener.note(f"recognised {shown}: {describe_interface(target)}")
    model = target.body.get("model")
    named = f", model {model}" if isinstance(model, str) else ""
    spec = load.make_spec(
        target, f"Load on {shown}{named}, from the command line.", prompts, headers.variables
    )
    spec = spec.with_objectives(parse_objectives(options.get("objectives", ())))
    spec = spec.with_more_thresholds(thresholds)
    with_url = RunOptions(**{**options, "urls": (f"{target.service}={interface.base_url}",)})
    conditions = replace(make_conditions(spec, STACK, with_url), is_ready=True)
    return PlannedRun(receive_spans(STACK, options.get("otlp")), spec, conditions)


def _read_prompts(options: RunOptions, listener: Listener) -> Sequence[Prompt]:
    """Return the messages for an address."""
    texts = options.get("messages", ())
    data = options.get("data")
    if data is None:
        return prompts_of_texts(texts or MESSAGES)
    if texts:
        raise ConfigError("--message: --data has the messages", "remove one of the two")
    prompts, count = read_messages(Path(data))
    if count > len(prompts):
        listener.note(f"{data} has {count:,} rows; this run uses the first {len(prompts):,}")
    return prompts


def refuse_options(options: Mapping[str, object], names: Mapping[str, str], problem: str, hint: str) -> None:
    """Check that none of these options is given.

    Raises:
        ConfigError: One of them is given.
    """
    for name, option in names.items():
        if options.get(name):
            raise ConfigError(f"{option}: {problem}", hint)


def load_spec(
    scenario: str, stack: Stack, options: RunOptions, variables: Mapping[str, str] | None = None
) -> RunSpec:
    """Read a scenario, and change it by the options and the thresholds of the stack.

    The shipped scenarios limit the times of the shipped stacks; on another stack, only its limits apply.

    Args:
        scenario: Name of a scenario, or the path of its file.
        stack: The stack.
        options: The options.
        variables: Variables of the stack's version, which replace those of the environment.

    Raises:
        ConfigError: The scenario or an option is wrong.
    """
    choices = make_choices(options.get("target"), options.get("model"), options.get("settings", ()))
    choices = replace(choices, variables={**choices.variables, **(variables or {})})
    spec = scenarios.load_for_run(scenario, choices).with_thresholds(stack.thresholds)
    is_own_stack = stack.is_external or not stacks.is_shipped(stack.name)
    if is_own_stack and scenarios.is_shipped(scenario):
        spec = spec.without_time_limits(kept=stack.thresholds)
    spec = spec.with_more_thresholds(parse_thresholds(options.get("thresholds", ())))
    spec = _choose_services(spec, stack, options.get("service"))
    spec = spec.with_load(_load_overrides(options))
    return spec.with_objectives(parse_objectives(options.get("objectives", ())))


def check_side_effects(scenario: Scenario, stack: Stack, *, allowed: bool) -> None:
    """Check that a scenario may change what it changes for good.

    Raises:
        ConfigError: The scenario has side effects, the stack is not simulated, and they are not allowed.
    """
    if scenario.side_effects is None or stack.simulated or allowed:
        return
    raise ConfigError(
        f"scenario '{scenario.name}' has side effects on stack '{stack.name}': {scenario.side_effects}",
        "if this is what you want: --allow-side-effects",
    )


def _choose_services(spec: RunSpec, stack: Stack, service: str | None) -> RunSpec:
    """Return a copy with the services of the stack; the given one belongs to the scenario's target."""

    def service_of(target: Target) -> str:
        if service is not None and target.name == spec.target.name:
            return service
        return stack.service_of(target)

    return spec.with_services(service_of)


def make_conditions(spec: RunSpec, stack: Stack, options: RunOptions) -> Conditions:
    """Return the conditions that the options ask for.

    Raises:
        ConfigError: An option is wrong.
    """
    workers, cluster = choose_generators(options.get("workers", 1))
    urls = name_urls(options.get("urls", ()), spec.target.service)
    if stack.is_external and stack.urls:
        urls = find_urls(stack, urls)
    _check_services(spec, stack, urls)
    route = _choose_route(options)
    _check_transport(spec, route)
    return Conditions(
        urls=urls,
        results=Path(options.get("results", RESULTS)),
        open_store=FileStore,
        injections=parse_injections(stack, tuple(options.get("inject", ()))),
        variables=_compose_variables(stack, options),
        workers=workers,
        cluster=cluster,
        route=route,
        calibrated=options.get("calibration", True),
        cores=choose_cores(workers, pin=options.get("pin", True) and cluster is None),
    )


def _check_services(spec: RunSpec, stack: Stack, urls: Mapping[str, str]) -> None:
    """Check that each target has a service, and that each address belongs to a service.

    Raises:
        ConfigError: A service or an address is missing, or an address belongs to no service.
    """
    if not urls and stack.is_external:
        return  # the measurement names the missing address
    available = tuple(urls) if urls else stack.service_names
    for target in spec.interfaces:
        if target.service not in available:
            option = f"--url {target.service}=http://HOST:PORT"
            raise ConfigError(
                f"target '{target.name}' needs the service '{target.service}', which "
                + ("has no address" if urls else f"stack '{stack.name}' does not have"),
                option if urls else f"if it is up elsewhere: {option}",
            )
    possible = {*list_services(stack), *(target.service for target in spec.interfaces)}
    for service in urls:
        if service not in possible:
            message = f"--url {service}=…: stack '{stack.name}' and the scenario have no service '{service}'"
            raise ConfigError(message, suggest(service, possible))


def _check_transport(spec: RunSpec, route: Route) -> None:
    """Check that the transport can send the messages of each target.

    Raises:
        ConfigError: A target has a WebSocket, and the transport is httpx.
    """
    for target in spec.interfaces:
        if target.is_websocket and route.transport is HttpImplementation.HTTPX:
            raise ConfigError(
                f"--transport httpx: target '{target.name}' has a WebSocket, which httpx does not support",
                "remove --transport httpx",
            )


def _compose_variables(stack: Stack, options: RunOptions) -> dict[str, str]:
    """Return the variables that a compose file gets itself; a stack's own texts have them already."""
    visible = () if stack.compose is None else stack.compose.visible_variables
    chosen = model_variables(options.get("model"))
    return {name: value for name, value in chosen.items() if name in visible}


def _choose_route(options: RunOptions) -> Route:
    version = options.get("http")
    return choose_route(
        HttpImplementation(options.get("transport", "own")),
        None if version is None else HttpVersion(version),
        options.get("ca"),
        os.environ,
    )


def name_urls(urls: Sequence[str], default_service: str) -> dict[str, str]:
    """Return addresses by service: `http://…` belongs to the default service, `agent=http://…` to `agent`.

    Raises:
        ConfigError: An address is invalid.
    """
    by_service = {}
    for url in urls:
        service, equals, address = url.partition("=")
        has_service = bool(equals) and "/" not in service
        if has_service:
            by_service[service] = address
        else:
            by_service[default_service] = url
    for address in by_service.values():
        check_url(address)
    return by_service


def _load_overrides(options: RunOptions) -> LoadOverrides:
    """Return the options that replace the load of a scenario."""
    return LoadOverrides(
        vus=options.get("vus"),
        duration=_duration_s(options),
        rate=options.get("rate"),
        spawn_rate=options.get("spawn_rate"),
        arrivals=options.get("arrivals"),
        burstiness=options.get("burstiness"),
        rates=_read_series(options.get("rates"), read_rates),
        times=_read_series(options.get("times"), read_times),
        speed=options.get("speed"),
    )


def _read_series(
    path: Path | str | None, read: Callable[[Path], tuple[RatePoint, ...] | tuple[float, ...]]
) -> SeriesFile | None:
    return None if path is None else SeriesFile(str(path), read(Path(path)))


def _default_stack(options: RunOptions) -> str:
    return "external" if options.get("urls") else "embedded"


def _duration_s(options: RunOptions) -> float | None:
    duration = options.get("duration")
    if duration is None:
        return None
    try:
        return parse_duration(str(duration))
    except ValueError as error:
        raise ConfigError(f"--duration: {error}", "--duration 30s") from error

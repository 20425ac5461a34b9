"""The options of a capacity search."""

from collections.abc import Sequence
from typing import TypedDict

from pydantic import ValidationError

from bench.core.capacity.trial_load import find_trial_phase
from bench.core.config.capacity_search import NAME_SUFFIX, CapacitySearch
from bench.core.config.run_spec import RunSpec
from bench.core.values.record import FieldError
from bench.errors import ConfigError
from bench.usecases.options import RunOptions


class SearchOptions(TypedDict, total=False):
    """Options of a search. An option that is left out has the value of the scenario, or its default."""

    lowest: float | None
    """Smallest load: VUs, or requests per second of an open loop; default: 1."""
    highest: float | None
    """Largest load; default: none, so that the load grows until it breaks an objective."""
    budget: str | float | None
    """Longest duration of all trials together, such as `10m`, or seconds; default: 10 minutes."""
    width: str | float | None
    """The search ends when the interval is narrower than this share of its middle; default: 20 %."""
    confidence: str | float | None
    """Probability that the interval contains the safe load; default: 90 %."""
    goodput: str | float | None
    """Share of the requests that must meet all objectives; default: the p95 of each objective counts."""
    predict: Sequence[float] | None
    """Loads of which the answer predicts the needs; default: none."""
    slots: int | None
    """Number of requests that the stack works on at once; default: estimated."""
    overload: float | None
    """Load of a spike after the search, as a multiple of the safe load; default: no spike."""


_FIELDS = {
    "lowest": "from",
    "highest": "to",
    "budget": "budget",
    "width": "width",
    "confidence": "confidence",
    "goodput": "goodput",
    "predict": "predict",
    "slots": "slots",
    "overload": "overload",
}
"""Fields of a scenario's search, and options of the command line, by option."""
_SHARES = {"width": "20%", "confidence": "90%", "goodput": "95%"}
"""Examples of the options that are shares."""
_FIRST_LOADS = ("--vus ", "--rate ")
OTHER_LOADS = {
    "duration": "--duration",
    "rates": "--rates",
    "times": "--times",
    "speed": "--speed",
}
"""Options of a load with an end of its own, by the name of `LoadOptions`. A search refuses them."""


def choose_search(spec: RunSpec, search: SearchOptions) -> RunSpec:
    """Return a scenario with a search: its own one, or the default one, with other values.

    Raises:
        ConfigError: A value is wrong, or the scenario has no constant load.
    """
    find_trial_phase(spec.scenario)
    declared = spec.scenario.capacity
    content = {} if declared is None else declared.model_dump(by_alias=True, exclude_none=True)
    for option, field in _FIELDS.items():
        value = search.get(option)
        if value is not None:
            content[field] = value
    try:
        capacity = CapacitySearch.model_validate(content)
    except ValidationError as error:
        raise _explain(error, content) from error
    name = spec.scenario.name if declared is not None else f"{spec.scenario.name}{NAME_SUFFIX}"
    scenario = spec.scenario.model_copy(update={"capacity": capacity, "name": name})
    # The first load changes nothing about the answer.
    overrides = [option for option in spec.overrides if not option.startswith(_FIRST_LOADS)]
    return spec.model_copy(update={"scenario": scenario, "overrides": tuple(overrides)})


def refuse_other_loads(options: RunOptions) -> None:
    """Check that no option is given that belongs to a load with an end of its own.

    Raises:
        ConfigError: One is given.
    """
    for name, option in OTHER_LOADS.items():
        if options.get(name) is not None:
            raise ConfigError(
                f"{option}: a search chooses its loads, and how long it holds them", "--budget 10m"
            )


def _explain(error: ValidationError, content: dict[str, object]) -> ConfigError:
    """Return the error of an option: validation names the field of a scenario."""
    problem = error.errors()[0]
    contradiction = problem.get("ctx", {}).get("error")
    path = contradiction.path if isinstance(contradiction, FieldError) else problem["loc"]
    message = problem["msg"].removeprefix("Value error, ")
    field = str(path[0])
    value = content.get(field)
    shown = f"{value:g}" if isinstance(value, float) else value
    share = _SHARES.get(field)
    has_example = share is None or "write for example" in message
    hint = None if has_example else f"write a share, such as --{field} {share}"
    return ConfigError(f"--{field} {shown}: {message[:1].lower()}{message[1:]}", hint)

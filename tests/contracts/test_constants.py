"""Every number in the code of `bench/core` is on the page about the method, or has a reason not to be."""

import ast
import importlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "bench" / "core"
PAGE = ROOT / "docs" / "explanation" / "methodology.md"

# Constants that do not influence a verdict: the reason. `module.*` stands for all constants of a module.
IMPLEMENTATION_DETAILS = {
    "load_steps._MOST_STAGES": "how many next stages a progress line names",
    "safe_load_posterior._FEWEST_ALLOWED": "keeps the logarithm of 0 finite",
    "safe_load_posterior._LEAST_MISS": "keeps the logarithm of 0 finite",
    "prediction.PREDICTED_FACTOR": "an example of a prediction, which decides nothing",
    "make_result.CONFIDENCE": "confidence of a curve without an answer, which is only shown",
    "make_trial._BLOCKS": "the error of a mean, which only a curve uses",
    "objective._MS": "milliseconds of the units of the command line",
    "search_result._SHORTEST_S": "a phase of the result of a trial that ended at once",
    "count_missed._CONFIDENCE": "confidence of an interval that is only shown",
    "load_objective._MEDIAN": "the percentile of a median",
    "trial_test._FEWEST_ALLOWED": "keeps the logarithm of 0 finite",
    "trial_test._MOST_ALLOWED": "keeps the logarithm of 0 finite",
    "safe_load_posterior._MOST_ALLOWED": "keeps the logarithm of 0 finite",
    "dependence._LEAST_WEIGHT": "keeps a division by 0 finite",
    "alerts.*": "an alert fails no run; docs/reference/monitoring.md has its limits",
    "answer.*": "speed and memory of parsing a response",
    "prompts._LONGEST_ID": "length of the id of a message without one",
    "scaling._TOLERANCE": "when an instance of the stack starts or ends, not how a run is judged",
    "retry_budget.*": "retries that a quiet time saves up; the scenario declares their share",
    "repeat._LONGEST_ID": "length of the id of a message with a number",
    "quick_load.*": "the load from the command line without options",
    "description.*": "the number of requests that `bench scenarios plan` shows",
    "chat_call.*": "length of a message in a report of probes",
    "exchange._SHOWN": "length of an answer in a report of probes",
    "judge_answers.TOO_MANY": "a status of HTTP",
    "origin.LONGEST_COMMIT_TEXT": "length of a subject, an author and a branch",
    "origin.MOST_CHANGED_FILES": "number of files with uncommitted changes that are named",
    "site_findings.*": "which scenarios a page names first",
    "newest_needs.*": "what a page names; the limit of success is that of alerts",
    "affected_history.*": "which messages a page names; the trend is judged without them",
    "site_tiles.*": "what a tile shows; the limit of success is that of alerts",
    "leaks.*": "length of a text that counts as a secret",
    "probe_plan.*": "sizes of bad input; a probe gives no verdict on a measurement",
    "interfaces.*": "the statuses of HTTP that a probe understands",
    "openapi.*": "the search for a chat in a description",
    "starts.*": "the search for a port in a source",
    "machine_paths._KEPT": "length of a path in a comment",
    "report._COMMIT_DIGITS": "the length of a commit",
    "affected.*": "the number of rows of a picture, and the length of a commit",
    "cautions.*": "length of a caution, and a load that is only shown",
    "verdict_line.*": "which scenario the first line describes",
    "compared_metrics.SHARE_SCALE": "the order of rows that are not judged",
    "run_conditions.*": "length of a text in a list",
    "side_by_side.*": "file format, and the number of runs that have room",
    "side_curves.*": "places of a curve",
    "side_headline.*": "the form of a sentence",
    "changes.*": "the order of the rows of changes",
    "advice.*": "the number of gains that a piece of advice quotes",
    "situations.*": "advice changes no verdict; the page has its limits in words",
    "headline.*": "which messages the first sentence names",
    "sentences._MOST_NAMES": "the number of messages that a sentence names",
    "sentences._TIMES_AS_MUCH": "the choice between per cent and a factor in a sentence",
    "job.*": "format of the file of a job, and length of its sentences",
    "not_measured.*": "length of the reason and of the log that a report shows",
    "message_rows.*": "the number of rows that a load from the command line reads",
    "document_reader.*": "speed of parsing a response",
    "counts.*": "limits of plausible token counts in a response",
    "stack_tiers.*": "the port of OTLP",
    "environment.*": "size of the batches in which services send spans",
    "otlp.*": "the format of OTLP",
    "request_trace.*": "depth of spans within spans, and periods that a drawing shows",
    "span.*": "length of a tier's name, and ports of HTTP",
    "trace_ids.*": "the format of trace ids",
    "trace_log.*": "memory for spans, and the wait for the last of them",
    "layers.*": "a warning about layers that did different work",
    "explanation.*": "length of the texts that `bench doctor` shows",
    "other_form.*": "length of the text that a failure quotes",
    "pieces.*": "depth of parts within parts of a text",
    "failure.ACCEPTED_WEBSOCKET": "a status of HTTP",
    "close_codes.*": "meaning of the codes with which servers close a WebSocket",
    "server_words.*": "length and depth of the words that a failure quotes",
    "request_availability.MOST_REQUESTS": "largest number of requests that a sentence suggests",
    "fault_words.*": "digits of an availability in a sentence",
    "results_digest.*": "length of the digest of results",
    "limited_names.*": "memory for names that a server invents without end",
    "cookies._LONGEST": "length of a cookie, as in browsers",
    "json_text._LONGEST_REST": "length of a quote in a detail",
    "unread.*": "number and length of the fields that a remark shows",
    "nearest.*": "similarity at which a name is suggested",
    "service.*": "largest number of a port",
    "waiting.*": "seconds between two lines about a wait",
    "readiness.*": "waiting for a service before the run, and the clock difference that is reported",
    "draft._DEEPEST": "depth at which a suggested declaration looks for values",
    "answer_error.*": "depth at which the words and the status of an error are looked for",
    "accepted_searches._DIGITS": "rounding error of a float",
    "accepted_searches._SAME": "rounding error of a float",
    "load_text._MOST_DECIMALS": "digits of a load in a sentence",
    "baseline.SCHEMA_VERSION": "file format",
    "baseline._WORKLOAD_DIGITS": "digits in files",
    "baseline._DIGITS": "digits in files",
    "baseline._COST_DIGITS": "digits in files",
    "baseline._SIGNIFICANT_DIGITS": "digits in files",
    "assess._DIGITS": "digits in files",
    "model_fit._ENDLESS": "a response time without end is far from any measured one",
    "model_fit._LINE_POINTS": "points of a drawn line",
    "model_fit._MOST_STEPS": "end of a search for the best parameters",
    "queue_fit._MOST_CONTENTION": "end of the search for a contention",
    "queue_fit._AT_BOUND": "saves a second fit",
    "queue_fit._GAP": "end of the search for a number of slots",
    "queue_fit._FLAT": "ends a search early",
    "model_fit._FIRST_DAMPING": "first step of a search for the best parameters",
    "model_fit._DAMPING_STEP": "steps of a search for the best parameters",
    "model_fit._MOST_DAMPING": "end of a search for the best parameters",
    "model_fit._LEAST_DECREASE": "end of a search for the best parameters",
    "model_fit._DERIVATIVE_STEP": "accuracy of a derivative",
    "queue_model._TINY": "keeps a division finite",
    "prediction._SLOT_STEP": "numbers of slots that are tried first",
    "prediction._LARGE_DF": "makes Student's distribution the normal one",
    "model_fit._TINY": "keeps a logarithm finite",
    "queue_fit._MOST_SLOTS": "end of the search for a number of slots",
    "queue_fit._STEP": "numbers of slots that the search leaves out",
    "queue_fit._SMALLEST_S": "keeps a logarithm finite",
    "queue_fit._TAIL_OF_NORMAL": "property of the normal distribution",
    "queue_model._HALVINGS": "accuracy of a root",
    "queue_model._LEAST_OUTSIDE": "keeps a division finite",
    "queue_model.TAIL": "the percentile of objectives, which bottleneck.OBJECTIVE_PCT states",
    "queue_model._STEPS": "accuracy of a percentile",
    "breaking_tier._SAME_MS": "rounding error of a float",
    "queue_fit._WIDEST": "keeps an interval finite",
    "queue_fit._PARAMETERS": "the parameters of a queue: slots, time in a slot, time outside",
    "prediction._DRAWS": "accuracy of an interval",
    "prediction._HALVINGS": "accuracy of a root",
    "prediction._MOST_SHORTER": "end of the search for a root",
    "prediction._MOST_SLOTS": "end of the search for a number of slots",
    "prediction._SEED": "makes the interval repeatable",
    "overload._DRAWS": "accuracy of a quantile",
    "overload._SEED": "makes a quantile repeatable",
    "overload._FEWEST_USERS": "one user shares with no other",
    "overload_plan._SETTLING": "third of a time in which a load becomes steady",
    "overload_plan._GROUPS": "twice the requests that show a steady state",
    "overload_plan._SMALLEST_RPS": "keeps a division finite",
    "usl._DRAWS": "accuracy of an interval",
    "usl._HALVINGS": "accuracy of a root",
    "usl._SEED": "makes the interval repeatable",
    "usl._SMALLEST": "keeps a division finite",
    "response_spread.*": "number of the values that stand for a distribution in files",
    "bands._FINE": "memory of the search for bands",
    "bottleneck._FAILED": "separates the values 0 and 1 of a rate",
    "machine_limits.*": "smallest limit of open files that a cure suggests",
    "claim_range.*": "units of a claim",
    "effect_estimate._NONE": "rounding error of a float",
    "effect_estimate._START_SHARE": "keeps the logarithm of 0 finite",
    "experiment_report.*": "the form of a number in a sentence",
    "experiment.MOST_VARIANTS": "largest grid",
    "experiment_result.SCHEMA_VERSION": "file format",
    "quantities.PERCENTILES": "the percentiles that a claim may name",
    "faults.*": "number of failures that are read to name their cause",
    "needs.*": "files and memory of a load generator; docs/how-to/benchmark-your-stack.md has them",
    "signs_of_life.PULSE_S": "time between two signs of life",
    "signs_of_life.CHECK_S": "time between two checks for signs of life",
    "compose.*": "text of an error, and restarts of a container that starts",
    "reference_workload.VERSION": "version of the workload: only equal versions are compared",
    "blocks.*": "format of the file of samples",
    "columns.*": "types of the stored columns",
    "run_start.SCHEMA_VERSION": "file format",
    "pairing.SCHEMA_VERSION": "file format",
    "stored_log.*": "memory of columns that were read",
    "dashboard.*": "number of names in a sentence of the site",
    "distribution.*": "places and digits of a curve",
    "engine_errors.*": "length of an error message",
    "escape.*": "longest text from outside in a report",
    "phase_fields.*": "largest load that a scenario may have",
    "dealer.*": "speed and memory of dealing messages",
    "delays.MOST_DELAY": "requests that the load generator delayed; docs/explanation/architecture.md has it",
    "expectation._LONGEST_QUOTE": "length of a quote in a detail",
    "failures.*": "groups and words of failed requests, which are shown and not judged",
    "report.LONGEST_REASON": "length of a reason in a first sentence",
    "expression._HIGHEST_PERCENTILE": "percent",
    "histogram.*": "accuracy of the histograms, which are shown and not judged",
    "stalls.*": "a stall fails no run; docs/explanation/figures.md has its limits",
    "stall_effect.*": "percentiles and length of a sentence about stalls",
    "coordinated_omission.*": "digits of a p99 that is shown and not judged",
    "time_slices.*": "number of the slices of a run",
    "token_times.*": "accuracy of the moments of tokens",
    "history.*": "file format, and digits in files",
    "tier_times.*": "limit of a plausible tier time in a response",
    "levels._FIRST_PERMUTATIONS": "ends a search early without a change of its result",
    "levels._BATCH": "memory of the permutation test",
    "levels._ROUNDING": "which lengths of segments the permutation test needs to look at",
    "long_term.*": "the size of a curve that is not judged",
    "trend_page.MOST_IN_LINE": "the size of a small line",
    "levels._SEED": "makes the permutation test repeatable",
    "metrics.*": "smallest change of each metric; docs/reference/metrics.md has them",
    "monitoring.*": "age after which the monitor hides a reading",
    "noise.SCHEMA_VERSION": "file format",
    "overhead.ARMS": "number of targets of a comparison",
    "progress.*": "seconds of the live display",
    "contradictions.*": "allowances of the checks for results that were changed by hand",
    "observations._ROUNDING": "rounding error of a float",
    "record.*": "largest number that a file may have",
    "remarks.*": "number of warnings, and share of the pieces of a buffered stream; warnings fail no run",
    "result.SCHEMA_VERSION": "file format",
    "robust._FEWEST_FOR_MEDIAN": "the median of two values is their mean",
    "robust._MEDIAN_VARIANCE": "property of a median",
    "robust._SAME": "rounding error of a float",
    "robust._SD_PER_MAD": "property of the normal distribution",
    "level_shift._FEWEST_FOR_OUTLIER": "of two runs, neither is the outlier",
    "samples.*": "memory of stored messages and samples",
    "scenario.*": "number of test users of an open loop",
    "stats._ROUNDING": "rounding error of a float",
    "sentences._ROUNDING": "rounding error of a float",
    "stats._HUBER_STEPS": "steps until an estimate no longer changes",
    "stats._MAD_TO_SD": "standard deviation of a normal distribution, in median absolute deviations",
    "pairs._LEAST_WEIGHT": "keeps a division by 0 finite",
    "tails._NONE": "logarithm of a percentile that does not exist",
    "tails._SEED": "makes the bootstrap repeatable",
    "step_answer.*": "format of a token, and shortest secret that is hidden in words",
    "stream.*": "largest event of a stream",
    "messages.MOST_NAMES": "number of messages that a warning names",
    "errors.ERROR_SAMPLES": "number of failed requests in a report",
    "timeline.*": "places of a chart",
    "waterfall.*": "number of single requests on a page",
    "placed_tiers.*": "places and digits of a drawing",
    "traced_loads._DIGITS": "digits of a stored time that is only drawn",
    "request_words.*": "parts of a difference that words name, and digits",
    "typical_times.*": "requests that a single request on a page is compared with",
    "timings.*": "digits of a time on a page",
    "trend_wording.*": "digits of a commit in a sentence",
    "change._ZERO": "smallest base of a ratio",
    "stack._DEFAULT_PORTS": "the ports of HTTP",
    "tolerance._GROUPS": "other constants with the same values",
    "bottleneck._PERCENTILES": "percentiles that are shown and not judged",
    "percentiles.PERCENTILES": "percentiles that are shown; a verdict has its own",
    "duration._SECONDS": "units of durations",
    "quantity._BYTES": "units of sizes",
    "units.MS_PER_UNIT": "units of durations",
    "vitals.*": "number of texts that a history keeps, and rounding of a share",
    "wording.*": "format of large numbers",
    "work.*": "digits in files",
}


def _names(tree: ast.Module) -> set[str]:
    """The UPPER_CASE names that a module assigns at its top level, alone or in a tuple."""
    names: set[str] = set()
    for statement in tree.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            names |= {part.id for part in parts if isinstance(part, ast.Name) and part.id.upper() == part.id}
    return names


def _numbers(value: object) -> tuple[float, ...]:
    """The number of a constant, or the different numbers of a table, the largest first."""
    values = value.values() if isinstance(value, dict) else [value]
    numbers = set[float]()
    for number in values:
        if isinstance(number, bool) or not isinstance(number, int | float):
            return ()
        numbers.add(float(number))
    return tuple(sorted(numbers, reverse=True))


def _constants() -> dict[str, tuple[float, ...]]:
    """The numbers of every module-level constant of `bench/core` by `module.NAME`."""
    found: dict[str, tuple[float, ...]] = {}
    for path in sorted(CORE.rglob("*.py")):
        names = _names(ast.parse(path.read_text(encoding="utf-8")))
        if not names:
            continue
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for name in sorted(names):
            numbers = _numbers(getattr(module, name))
            if numbers:
                key = f"{path.stem}.{name}"
                assert key not in found, f"two constants have the name {key}"
                found[key] = numbers
    return found


def _stated() -> dict[str, tuple[float, ...]]:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Za-z_]+\.[A-Z_0-9]+)` \| ([0-9., ]+) \|", text, re.MULTILINE)
    return {name: tuple(map(float, values.split(","))) for name, values in rows}


def _all_of(name: str) -> str:
    return f"{name.partition('.')[0]}.*"


def test_the_methodology_has_the_codes_constants() -> None:
    """A constant of the code is in the tables of the page with its value, or is an implementation detail."""
    constants, stated = _constants(), _stated()
    assert len(stated) > 50
    missing = []
    for name, value in constants.items():
        if name in stated:
            advice = f"{name} is {value} in the code: change its row in {PAGE.name}"
            assert stated[name] == value, advice
        elif not {name, _all_of(name)} & IMPLEMENTATION_DETAILS.keys():
            missing.append(name)
    assert not missing, f"state them in {PAGE.name}, or give a reason: they do not influence a verdict"
    assert not stated.keys() - constants.keys(), "the page states constants that the code does not have"


def test_every_implementation_detail_exists() -> None:
    """A reason without a constant is removed, and a constant with a reason is not on the page."""
    constants, stated = _constants().keys(), _stated().keys()
    assert IMPLEMENTATION_DETAILS.keys() <= constants | set(map(_all_of, constants))
    assert not IMPLEMENTATION_DETAILS.keys() & (stated | set(map(_all_of, stated)))

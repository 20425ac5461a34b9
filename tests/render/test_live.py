from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.core.load.load_steps import NextStage
from bench.core.load.progress import Progress, ResponseTimes, step_before_load
from bench.core.samples.sample import GENERATOR, HOST
from bench.render.live import progress_line, screen
from tests.factories import make_use

PROCESSES = tuple(
    make_use(source, 12.0, cpu_pct=cpu_pct, memory_bytes=memory_bytes)
    for source, cpu_pct, memory_bytes in (
        ("backend", 3.2, 48_000_000),
        ("model", 101.7, 2_412_000_000),
        (GENERATOR, 5.0, 90_000_000),
        (f"{GENERATOR}-2", 4.6, 91_000_000),
        (HOST, 61.0, 3_900_000_000),
    )
)
NOW = Progress(
    elapsed_s=12.2,
    planned_s=30.0,
    finished=1_024,
    failed=3,
    vus=10,
    in_flight=4,
    recent_rps=102.4,
    recent_finished=100,
    recent_failed_ratio=0.05,
    all_times=ResponseTimes(609.0, 818.2),
    recent_times=ResponseTimes(612.0, 12_000.0),
    resources=PROCESSES,
    afterwards=("calibration", "confirm if it looks worse (30 s)"),
)
SCREENS = {
    "live-begun": Progress(
        elapsed_s=0.5,
        planned_s=30.0,
        finished=0,
        failed=0,
        vus=1,
        in_flight=1,
        step="ramp to 20 VUs",
        stages=(NextStage("20 VUs", 9.5), NextStage("ramp to 0 VUs", 19.5)),
    ),
    "live-under-way": NOW,
    "live-last-answers": Progress(
        elapsed_s=30.4,
        planned_s=30.0,
        finished=60,
        failed=0,
        vus=0,
        in_flight=2,
        step="last answers",
        afterwards=("results",),
    ),
    "live-by-turns": Progress(
        elapsed_s=8.0,
        planned_s=None,
        finished=6,
        failed=6,
        recent_finished=6,
        recent_failed_ratio=1.0,
        step="1 VU, 6 requests each",
        afterwards=("verdict",),
    ),
}


@pytest.mark.parametrize("name", SCREENS)
def test_the_screen_shows_each_part_of_a_run(name: str, golden: Callable[[str, str], None]) -> None:
    """The screen at the start, in the middle, while the last answers arrive, and without a planned end."""
    golden(f"{name}.txt", "\n".join(screen("quick", SCREENS[name])) + "\n")


def test_hostile_names_stay_on_their_line() -> None:
    """The names of a scenario and of a service neither move the cursor nor start a line."""
    hostile = PROCESSES[0].model_copy(update={"source": "x\x1b[2J\ny"})
    shown = screen("quick\r\x1b[31m", Progress(1.0, None, 0, 0, resources=(hostile,)))
    assert not set("\r\n\x1b") & set("".join(shown))


def test_a_line_shows_the_progress() -> None:
    """A line has the step, the time, the requests and the failures; the planned end only if there is one."""
    assert progress_line("quick", NOW) == (
        "quick: measuring  12 of 30 s  1024 requests  3 failed  "
        "next: calibration in 18 s, then confirm if it looks worse (30 s)"
    )
    assert progress_line("quick", SCREENS["live-by-turns"]) == (
        "quick: 1 VU, 6 requests each  8 s  6 requests  6 failed  "
        "next: verdict when all requests are answered"
    )


def test_a_narrow_terminal_loses_the_later_steps() -> None:
    """A line never wraps, because a wrapped line cannot be rewritten; the next step gets cut first."""
    assert progress_line("quick", NOW, 80).endswith("3 failed  next: calibration in 18 s")
    for columns in range(120):
        assert len(progress_line("quick", NOW, columns)) <= columns


def test_a_pair_and_a_trial_name_what_follows() -> None:
    """A run of a pair names its version and the next one; a trial names the next trial."""
    pair = replace(NOW, part="pair 3, embedded", afterwards=("embedded@main",))
    assert progress_line("quick", pair).startswith("pair 3, embedded: measuring  12 of 30 s")
    assert progress_line("quick", pair).endswith("next: embedded@main in 18 s")
    stages = (NextStage("trial 6 or the answer", 28.2, is_latest=True),)
    trial = replace(NOW, trial="trial 5: 16 users, 12 s", stages=stages, afterwards=())
    assert progress_line("quick", trial) == (
        "trial 5: 16 users, 12 s  next: trial 6 or the answer in at most 28 s"
    )
    assert "now              trial 5: 16 users, 12 s" in screen("quick", trial)


def test_a_step_without_a_load_has_no_counts() -> None:
    """Before the load there are no requests, and the next step waits for the present one."""
    waiting = step_before_load("health checks", "load")
    assert progress_line("quick", waiting) == "quick: health checks  next: load"
    assert screen("quick", waiting)[0] == "quick"

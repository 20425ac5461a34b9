from collections.abc import Callable

import pytest

from bench.core.load.progress import Progress, ResponseTimes
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
)
SCREENS = {
    "live-begun": Progress(elapsed_s=0.5, planned_s=30.0, finished=0, failed=0, vus=1, in_flight=1),
    "live-under-way": NOW,
    "live-last-answers": Progress(elapsed_s=30.4, planned_s=30.0, finished=60, failed=0, vus=0, in_flight=2),
    "live-by-turns": Progress(
        elapsed_s=8.0, planned_s=None, finished=6, failed=6, recent_finished=6, recent_failed_ratio=1.0
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
    """A line has the time, the requests and the failures; the planned end only if there is one."""
    assert progress_line(NOW) == "   12 s of 30 s   1024 requests   3 failed"
    assert progress_line(SCREENS["live-by-turns"]) == "    8 s   6 requests   6 failed"

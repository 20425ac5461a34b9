import asyncio
from collections.abc import Callable

from bench.timing.metronome import Metronome
from bench.timing.pacing import KernelTimer, LoopTimer
from tests.virtual_time import run_virtually


class _Stream:
    """A stream that records when its parts were written."""

    def __init__(self, clock: Callable[[], float], first_s: float, gap_s: float, parts: int) -> None:
        self._clock = clock
        self._due_s = first_s
        self._gap_s = gap_s
        self._parts = parts
        self.written_s: list[float] = []

    def write_next(self) -> float | None:
        """Record the time, and plan the next part from the plan of this one."""
        self.written_s.append(self._clock())
        self._due_s += self._gap_s
        return self._due_s if len(self.written_s) < self._parts else None


def test_parts_are_written_at_their_times_without_drift() -> None:
    """Streams of different gaps do not delay each other, and part k is written at first + k·gap."""

    async def work() -> list[_Stream]:
        clock = asyncio.get_running_loop().time
        metronome = Metronome(LoopTimer(clock))
        streams = [_Stream(clock, 0.02 + 0.001 * number, 0.005 + 0.0007 * number, 50) for number in range(9)]
        for number, stream in enumerate(streams):
            metronome.add(0.02 + 0.001 * number, stream.write_next)
        await asyncio.sleep(5)
        return streams

    for number, stream in enumerate(run_virtually(work())):
        planned_s = [0.02 + 0.001 * number + k * (0.005 + 0.0007 * number) for k in range(50)]
        assert len(stream.written_s) == 50
        pairs = zip(stream.written_s, planned_s, strict=True)
        assert all(abs(written_s - due_s) < 1e-6 for written_s, due_s in pairs)


def test_a_stream_that_is_due_earlier_is_written_first() -> None:
    """A stream that is added later, but due earlier, does not wait for the others, on a real timer."""
    order: list[str] = []

    async def work() -> None:
        timer = KernelTimer()
        metronome = Metronome(timer)
        done = asyncio.Event()

        def write(name: str) -> None:
            order.append(name)
            if len(order) == 3:
                done.set()

        begin_s = timer.now_s()
        metronome.add(begin_s + 0.06, lambda: write("late"))
        metronome.add(begin_s + 0.02, lambda: write("early"))
        metronome.add(begin_s + 0.04, lambda: write("between"))
        await asyncio.wait_for(done.wait(), 60)
        timer.close()

    asyncio.run(work())
    assert order == ["early", "between", "late"]


def test_many_due_streams_let_the_loop_read_in_between() -> None:
    """If a hundred parts are due at once, other work of the loop runs before the last of them."""
    order: list[str] = []

    async def work() -> None:
        clock = asyncio.get_running_loop().time
        metronome = Metronome(LoopTimer(clock))

        def first() -> None:
            asyncio.get_running_loop().call_soon(order.append, "other work")

        metronome.add(0.01, first)
        for _ in range(100):
            metronome.add(0.01, lambda: order.append("part"))
        await asyncio.sleep(1)

    run_virtually(work())
    assert order.count("part") == 100
    assert order.index("other work") < 20


def test_a_stream_that_fails_ends_no_other_stream() -> None:
    """The loop reports the error, and the other streams continue."""
    errors: list[object] = []
    written: list[int] = []

    def fail() -> None:
        raise ValueError("a bug")

    async def work() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
        metronome = Metronome(LoopTimer(loop.time))
        metronome.add(0.01, fail)
        metronome.add(0.02, lambda: written.append(1))
        await asyncio.sleep(1)

    run_virtually(work())
    assert [str(error) for error in errors] == ["a bug"]
    assert written == [1]

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.measure.cluster import outbox
from bench.measure.cluster.outbox import FullOutboxError, Outbox

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=60)


@given(LENGTHS, st.lists(st.booleans(), max_size=120))
@settings(deadline=None)
def test_a_slow_run_gets_all_frames_within_the_limits(lengths: list[int], takes: list[bool]) -> None:
    """The order is kept, and neither the bytes on their way nor those in memory pass their limit."""
    frames = [number.to_bytes(2) + bytes(length) for number, length in enumerate(lengths)]
    sent: list[bytes] = []
    taken = 0
    with patch.multiple(outbox, WINDOW_BYTES=50, MEMORY_BYTES=60):
        box = Outbox(sent.append)
        waiting = list(frames)
        for takes_one in takes + [False, True] * 2 * len(frames):
            if takes_one and taken < len(sent):
                box.acknowledge(len(sent[taken]))
                taken += 1
            elif waiting:
                box.put(waiting.pop(0))
            assert box.on_way_bytes <= 50
            assert box.memory_bytes <= 60
        assert sent == frames
        assert (box.on_way_bytes, box.memory_bytes, box.file_bytes) == (0, 0, 0)
        box.close()


def test_a_frame_above_all_limits_is_sent_alone() -> None:
    """It waits until nothing is on its way."""
    sent: list[bytes] = []
    with patch.multiple(outbox, WINDOW_BYTES=50, MEMORY_BYTES=60):
        box = Outbox(sent.append)
        box.put(b"a")
        box.put(bytes(200))
        assert sent == [b"a"]
        box.acknowledge(1)
        assert sent == [b"a", bytes(200)]
        box.close()


def test_a_run_that_takes_nothing_is_an_error_in_the_end() -> None:
    """The file has a limit, and the disk of the machine is not filled."""
    with patch.multiple(outbox, WINDOW_BYTES=5, MEMORY_BYTES=5, FILE_BYTES=20):
        box = Outbox(lambda _: None)
        for _ in range(6):  # on the way, in memory, and four in the file
            box.put(bytes(5))
        assert box.file_bytes == 20
        with pytest.raises(FullOutboxError):
            box.put(bytes(5))
        box.close()

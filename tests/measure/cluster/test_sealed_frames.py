import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.cluster.sealed_frames import BadFrameError, Lane, Opener, Sealer, agree

FRAMES = st.lists(st.tuples(st.sampled_from(Lane), st.binary(max_size=200)), max_size=20)
SECRET = b"a-secret-of-the-run"


async def _connect() -> tuple[tuple[Sealer, Opener], tuple[Sealer, Opener], bytes]:
    """Return both ends after their agreement, and the bytes that they exchanged."""
    of_run = asyncio.StreamReader()
    of_agent = asyncio.StreamReader()
    exchanged: list[bytes] = []

    async def to_agent(content: bytes) -> None:
        exchanged.append(content)
        of_agent.feed_data(content)

    async def to_run(content: bytes) -> None:
        exchanged.append(content)
        of_run.feed_data(content)

    run, agent = await asyncio.gather(
        agree(of_run, to_agent, is_run=True), agree(of_agent, to_run, is_run=False)
    )
    return run, agent, b"".join(exchanged)


async def _read(opener: Opener, frames: Sequence[bytes]) -> list[tuple[Lane, bytes]]:
    reader = asyncio.StreamReader()
    for frame in frames:
        reader.feed_data(frame)
    reader.feed_eof()
    received: list[tuple[Lane, bytes]] = []
    for frame in frames:
        lane, content, count = await opener.read(reader)
        assert count == len(frame)
        received.append((lane, content))
    with pytest.raises(EOFError):
        await opener.read(reader)
    return received


@given(FRAMES)
def test_both_ends_read_what_the_other_one_wrote(messages: list[tuple[Lane, bytes]]) -> None:
    """Frames of both lanes arrive in their order, in both directions, with different keys."""

    async def work() -> None:
        run, agent, _ = await _connect()
        for (sealer, _), (_, opener) in ((run, agent), (agent, run)):
            frames = [sealer.seal(lane, content) for lane, content in messages]
            assert await _read(opener, frames) == messages
        assert run[0].key != agent[0].key

    asyncio.run(work())


@pytest.mark.parametrize("change", ["flip", "drop", "repeat", "lane"])
def test_a_changed_frame_ends_the_connection(change: str) -> None:
    """A relay can neither change, drop nor repeat a frame, nor move it to the other lane."""

    async def work() -> None:
        (sealer, _), (_, opener), _ = await _connect()
        first, second = (sealer.seal(Lane.QUEUED, SECRET) for _ in range(2))
        changed = {
            "flip": [first[:-1] + bytes([first[-1] ^ 1])],
            "drop": [second],
            "repeat": [first, first],
            "lane": [first[:8] + bytes([Lane.URGENT]) + first[9:]],
        }
        with pytest.raises(BadFrameError):
            await _read(opener, changed[change])

    asyncio.run(work())


def test_a_relay_reads_no_content_and_keys_are_new() -> None:
    """Neither the agreement nor the frames contain the content, and a second agreement has other keys."""

    async def work() -> None:
        (sealer, _), _, exchanged = await _connect()
        assert SECRET not in exchanged + sealer.seal(Lane.QUEUED, SECRET)
        assert sealer.key not in exchanged
        assert SECRET.decode() not in repr(sealer)
        assert (await _connect())[0][0].key != sealer.key

    asyncio.run(work())

"""What waits to be sent."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from pommai.io.link_outbox import AUDIO_FRAMES, FINAL_FRAMES, MESSAGE_BYTES, Item, Outbox


def test_frames_beyond_a_second_are_refused_but_the_end_of_a_turn_still_fits() -> None:
    outbox = Outbox()
    assert [outbox.put_audio(b"x", final=False) for _ in range(AUDIO_FRAMES + 1)] == [True] * AUDIO_FRAMES + [False]
    assert [outbox.put_audio(b"", final=True) for _ in range(FINAL_FRAMES + 1)] == [True] * FINAL_FRAMES + [False]
    assert outbox.put_message("abort")


def test_messages_are_bounded_by_their_size() -> None:
    outbox = Outbox()
    assert outbox.put_message("x" * MESSAGE_BYTES)
    assert not outbox.put_message("x")
    assert outbox.put_audio(b"x", final=False)


def test_a_frame_counts_until_it_was_sent() -> None:
    async def story() -> None:
        outbox = Outbox()
        outbox.put_audio(b"x", final=False)
        assert await outbox.next() == Item(b"x", True)
        assert outbox.frames == 1
        outbox.sent()
        assert outbox.frames == 0

    asyncio.run(story())


@given(st.lists(st.sampled_from(["audio", "message", "send"]), max_size=200))
def test_nothing_overtakes_anything(steps) -> None:
    async def story() -> None:
        outbox, queued, sent = Outbox(5), [], []
        for number, step in enumerate(steps):
            put = {"audio": lambda data: outbox.put_audio(data, final=False), "message": outbox.put_message}.get(step)
            if put is not None and put(str(number)):
                queued.append(str(number))
            elif step == "send" and len(sent) < len(queued):
                sent.append((await outbox.next()).data)
                outbox.sent()
            assert outbox.frames <= 5
        assert sent == queued[: len(sent)]

    asyncio.run(story())

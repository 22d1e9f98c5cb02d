"""The link without a server obeys the same port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pommai.io.link_outbox import AUDIO_FRAMES
from pommai.io.link_simulated import SimulatedLink
from pommai.io.ports import Link, LinkListener
from pommai.protocol.messages import Abort, DownAudio, Message, Ping, TextResponse, UpAudio


class Recorder(LinkListener):
    def __init__(self) -> None:
        self.calls: list[object] = []

    def on_connecting(self) -> None:
        self.calls.append("connecting")

    def on_up(self, session: str, server_time: str | None = None) -> None:
        self.calls.append("up")

    def on_down(self, reason: str) -> None:
        self.calls.append("down")

    def on_message(self, message: Message) -> None:
        self.calls.append(message)

    def on_audio(self, audio: DownAudio) -> None:
        self.calls.append(audio)


@contextlib.asynccontextmanager
async def running(link: SimulatedLink) -> AsyncIterator[Recorder]:
    recorder = Recorder()
    task = asyncio.create_task(link.run(recorder))
    await link.running.wait()
    try:
        yield recorder
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def play(story: Callable[[], Coroutine[object, object, None]]) -> None:
    asyncio.run(story())


def test_it_is_up_from_the_start_and_hands_over_what_the_server_sends() -> None:
    async def story() -> None:
        link: Link = SimulatedLink()
        assert isinstance(link, SimulatedLink)
        async with running(link) as recorder:
            link.deliver(TextResponse(1, "hello"))
            link.deliver_audio(DownAudio(1, 0, b"x"))
            assert recorder.calls == ["connecting", "up", TextResponse(1, "hello"), DownAudio(1, 0, b"x")]

    play(story)


def test_what_is_sent_is_kept_in_order_with_its_time() -> None:
    async def story() -> None:
        link = SimulatedLink()
        async with running(link):
            before = asyncio.get_running_loop().time()
            assert link.send_audio(1, 0, b"x", final=False)
            assert link.send(Abort(1, "barge-in"))
            assert [item.what for item in link.sent] == [UpAudio(1, 0, b"x"), Abort(1, "barge-in")]
            assert link.sent[0].time >= before

    play(story)


def test_while_it_is_down_nothing_is_sent_and_nothing_arrives() -> None:
    async def story() -> None:
        link = SimulatedLink(up=False)
        async with running(link) as recorder:
            assert not link.send(Ping("now"))
            assert not link.send_audio(1, 0, b"x", final=True)
            link.deliver(Ping("now"))
            assert recorder.calls == ["connecting"]

    play(story)


def test_with_a_server_that_does_not_read_frames_pile_up_to_the_bound() -> None:
    async def story() -> None:
        link = SimulatedLink()
        async with running(link):
            link.stalled = True
            assert sum(link.send_audio(1, n, b"x", final=False) for n in range(100)) == AUDIO_FRAMES == link.backlog
            assert link.send_audio(1, 100, b"", final=True)
            link.stalled = False
            assert link.backlog == 0
            assert len(link.audio) == AUDIO_FRAMES + 1

    play(story)


def test_a_message_that_the_protocol_refuses_is_not_sent() -> None:
    async def story() -> None:
        link = SimulatedLink()
        async with running(link):
            assert not link.send(Abort(-1, "no such turn"))
            assert not link.send_audio(-1, 0, b"x", final=False)
            assert link.sent == []

    play(story)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["go_up", "go_down"]), max_size=20), st.booleans())
def test_however_it_is_driven_a_listener_hears_connecting_then_perhaps_up_then_down(steps, up) -> None:
    async def story() -> None:
        link = SimulatedLink(up=up)
        async with running(link) as recorder:
            for step in steps:
                getattr(link, step)()
            words = " ".join(map(str, recorder.calls))
            assert words.replace("connecting up", "connecting").replace("connecting down", "").split() in (
                [],
                ["connecting"],
            )

    play(story)

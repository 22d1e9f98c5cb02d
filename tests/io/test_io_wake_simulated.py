"""The wake word of simulated toys."""

from __future__ import annotations

import asyncio

from pommai.io.capture import Capture
from pommai.io.ports import WakeHit, WakeSpec, WakeWord
from pommai.io.simulated_audio import SimulatedMicrophone
from pommai.io.wake_simulated import SimulatedWake
from pommai.protocol.audio import SILENCE


def test_a_listening_toy_hears_the_call_and_a_busy_one_does_not() -> None:
    async def main() -> None:
        wake = SimulatedWake()
        port: WakeWord = wake
        capture = Capture(SimulatedMicrophone())
        hits: list[WakeHit] = []
        wake.call()
        stream = capture.subscribe(preroll=False, patient=True)
        task = asyncio.create_task(port.listen(stream, hits.append))
        await asyncio.sleep(0)
        assert wake.listening
        wake.call()
        wake.call("hello bear", 0.7)
        task.cancel()
        await asyncio.wait([task])
        assert not wake.listening
        wake.call()
        await port.close()
        assert hits == [WakeHit("hey pommai", 1.0), WakeHit("hello bear", 0.7)]

    asyncio.run(main())


def test_it_remembers_what_was_wanted() -> None:
    wake = SimulatedWake()
    specs = [WakeSpec("vosk", ("hello bear",)), WakeSpec()]
    for spec in specs:
        wake.want(spec)
    assert wake.wanted == specs


def test_what_the_stream_has_is_taken_and_its_end_ends_listening() -> None:
    async def main() -> None:
        wake = SimulatedWake()
        microphone = SimulatedMicrophone()
        capture = Capture(microphone)
        hearing = asyncio.create_task(capture.run(lambda reason: None, lambda: None))
        stream = capture.subscribe(preroll=False, patient=True)
        await asyncio.sleep(0)
        for _ in range(10):
            microphone.feed(SILENCE)
        stream.close()
        await asyncio.wait_for(wake.listen(stream, lambda hit: None), 10)
        assert stream.drain() == []
        hearing.cancel()
        await asyncio.wait([hearing])

    asyncio.run(main())

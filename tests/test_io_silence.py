"""The speaker of a machine without sound."""

import asyncio

from pommai.io.silence import SilentSpeaker
from pommai.qa.simulated_toy import tone
from pommai.qa.virtual_time import run


def test_silence_takes_as_long_as_sound():
    async def scene():
        speaker = SilentSpeaker()
        await speaker.open(lambda reason: None)
        for _ in range(10):
            assert speaker.write(tone(1000))
        await speaker.drained()
        assert 0.19 < asyncio.get_running_loop().time() < 0.23
        await speaker.close()

    run(scene())

"""The toy plays to itself: through the speaker, the air and the microphone."""

from __future__ import annotations

import asyncio
from typing import Final

from pommai.doctor.cards import held_by
from pommai.doctor.finding import Finding, broken, listed, note, ok, wrong
from pommai.doctor.melody import QUIET_SECONDS, TAIL_SECONDS, Heard, listen, melody
from pommai.doctor.surroundings import Surroundings
from pommai.errors import PommaiError
from pommai.protocol.audio import FRAME_SECONDS, SAMPLE_BYTES, SAMPLE_RATE

FAINT_DBFS: Final = -50.0
"""Below it the toy's own voice hardly reaches its microphone; a child speaks louder, but not much."""
LOUD_NOISE_DBFS: Final = -42.0
"""A room, or a gain, in which speech is hard to make out."""
MUTED_DBFS: Final = -88.0
"""Below this is no room, however quiet: a converter with nothing before it."""
MUCH_CLIPPED: Final = 0.002
LONG_DELAY: Final = 0.4
"""Seconds from writing to hearing; a card with sane buffers takes 0.05 to 0.2."""
OPEN_SECONDS: Final = 20.0
PATIENCE_SECONDS: Final = 5.0
"""Beyond the time that sound itself takes."""
_BYTES_A_SECOND: Final = SAMPLE_RATE * SAMPLE_BYTES


async def loop(surroundings: Surroundings) -> Finding:
    """Play three notes as loud as the toy would speak, and find them in what the microphone hears."""
    settings = surroundings.settings
    if surroundings.holder:
        return note(f"not tried: {surroundings.holder}", surroundings.stop_toy)
    for what, port in (("microphone", settings.microphone), ("speaker", settings.speaker)):
        if port.kind not in ("auto", "portaudio"):
            return note(f"not tried: the settings' {what} is {port}")
    volume = min(settings.volume, settings.volume_ceiling) / 100
    try:
        recording, played_at, remarks = await play_and_hear(surroundings, melody(volume))
    except PommaiError as caught:
        holders = held_by(surroundings)
        step = (
            f"{listed(holders)} has the card: end it"
            if holders
            else "is another program using it? aplay -l; arecord -l"
        )
        return broken(str(caught).split("\n")[0], step)
    heard = await asyncio.to_thread(listen, recording, played_at)
    return judge(heard, settings.volume, remarks)


async def play_and_hear(surroundings: Surroundings, frames: list[bytes]) -> tuple[bytes, float, dict[str, object]]:
    """What the microphone hears from QUIET_SECONDS before the frames to TAIL_SECONDS after, and when they began in it.

    Microphone and speaker are closed again, whatever happens. Raises DeviceError and the like.
    """
    microphone, speaker = surroundings.microphone(surroundings.settings), surroundings.speaker(surroundings.settings)
    heard = bytearray()
    moved = asyncio.Event()
    lost: list[str] = []

    def hear(frame: bytes) -> None:
        heard.extend(frame)
        moved.set()

    def lose(reason: str) -> None:
        lost.append(reason)
        moved.set()

    async def heard_more(seconds: float) -> None:
        """Wait until so much more was heard."""
        until = len(heard) + round(seconds * _BYTES_A_SECOND)
        async with asyncio.timeout(seconds + PATIENCE_SECONDS):
            while len(heard) < until and not lost:
                moved.clear()
                await moved.wait()

    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await microphone.open(hear, lose)
            microphone.attend(0.0)
            await speaker.open(lose)
        parts = {"microphone": microphone, "speaker": speaker}
        opened = {name: str(card) for name, part in parts.items() if (card := getattr(part, "card", None)) is not None}
        await heard_more(QUIET_SECONDS)
        played_at = len(heard) / _BYTES_A_SECOND
        for frame in frames:
            if not speaker.write(frame):  # full: what is heard meanwhile is what it has played
                await heard_more(FRAME_SECONDS * 5)
                speaker.write(frame)
        async with asyncio.timeout(len(frames) * FRAME_SECONDS + PATIENCE_SECONDS):
            await speaker.drained()
        await heard_more(TAIL_SECONDS)
    except TimeoutError:
        raise _StuckError("the sound card has stopped: nothing more is heard from it") from None
    finally:
        await speaker.close()
        await microphone.close()
    if lost:
        raise _StuckError(lost[0])
    gaps = {name: getattr(part, name, 0) for part, name in ((microphone, "dropped"), (speaker, "underruns"))}
    xruns = sum(getattr(part, "xruns", 0) for part in parts.values())
    return bytes(heard), played_at, {**opened, **gaps, "xruns": xruns}


class _StuckError(PommaiError):
    """The card gave up in the middle."""


def judge(heard: Heard, volume: int, remarks: dict[str, object]) -> Finding:
    """What to make of it. `volume` in percent."""
    figures: dict[str, object] = {
        "found": heard.found,
        "level_dbfs": round(heard.level, 1),
        "noise_dbfs": round(heard.noise, 1),
        "clipped_percent": round(100 * heard.clipped, 2),
        "delay_s": None if heard.delay is None else round(heard.delay, 3),
        **remarks,
    }
    mixer = "pommai doctor --only mixer says which control it is; on other cards: alsamixer"
    if heard.is_dead:
        step = f"is it the right card (microphone_device)? Else it is switched off: {mixer}"
        return broken("the microphone is silent: every sample is the same", step, **figures)
    if not heard.found and heard.noise < MUTED_DBFS and heard.level < MUTED_DBFS + 6:
        return broken(f"the microphone is muted: {heard.noise:.0f} dBFS is no room", mixer, **figures)
    noise = f"noise {heard.noise:.0f} dBFS"
    if not heard.found:
        step = f"is the speaker plugged in, and volume ({volume} %) above 20? {mixer}"
        words = f"the microphone hears the room ({noise}), but not the toy's own speaker"
        return broken(words, step, **figures)
    words = f"heard at {heard.level:.0f} dBFS, {noise}, {(heard.delay or 0) * 1000:.0f} ms later{_opened(remarks)}"
    if heard.clipped > MUCH_CLIPPED:
        step = "turn the microphone's gain down (Capture or PGA in alsamixer), or the volume"
        return wrong(f"too loud: {100 * heard.clipped:.0f} % of the samples are clipped; {words}", step, **figures)
    if heard.noise > LOUD_NOISE_DBFS:
        step = "a quieter place? Else turn the microphone's gain down (Capture or PGA in alsamixer)"
        return wrong(f"{words}: so much noise hides a child's voice", step, **figures)
    if heard.level < FAINT_DBFS:
        return wrong(f"{words}: that is faint", f"turn up the speaker or the microphone: {mixer}", **figures)
    if heard.delay is not None and heard.delay > LONG_DELAY:
        step = "name the card itself in speaker_device and microphone_device, past PulseAudio or PipeWire"
        return wrong(f"{words}: a long way", step, **figures)
    return ok(words, **figures)


def _opened(remarks: dict[str, object]) -> str:
    """In what the card was opened, as the rest of a sentence; of a simulated one there is nothing to be told."""
    hears, plays = remarks.get("microphone"), remarks.get("speaker")
    if hears == plays:
        return f", opened at {hears}" if hears else ""
    return f", opened at {hears} to hear and {plays} to play" if hears and plays else f", opened at {hears or plays}"

"""Piper as a program: sentences in at standard input, sound out at standard output. The gateway starts and ends it.

    python -I piper_worker.py MODEL.onnx

Piper is under the GPL. So it runs apart from the gateway, as espeak-ng does: this file imports nothing of Pommai, and
nothing of Pommai imports this file. A crash in it, or a sentence without an end, is not the gateway's either.

A question is a line of JSON: {"text": ..., "pace": how long sounds are, 1.0 as they are, "speaker": number or null}.
Every answer is a head of 8 bytes, big-endian, kind and size, and what is of that size: kind 0 JSON about the model, the
first answer of all; kind 1 sound, s16le, mono; kind 2 words about what went wrong with one sentence.
"""

import json
import os
import struct
import sys

ABOUT, SOUND, FAILED = 0, 1, 2
MOST_SECONDS = 60
"""Of a sentence; the rest is not made."""


def main() -> int:
    """Answer until standard input ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints does not get between the answers

    def answer(kind: int, data: bytes) -> None:
        out.write(struct.pack(">II", kind, len(data)) + data)
        out.flush()

    try:
        from piper import PiperVoice, SynthesisConfig

        voice = PiperVoice.load(sys.argv[1])
    except Exception as caught:
        answer(FAILED, f"{type(caught).__name__}: {caught}".encode()[:500])
        return 1
    rate = voice.config.sample_rate
    about = {"rate": rate, "speakers": dict(voice.config.speaker_id_map), "count": voice.config.num_speakers}
    answer(ABOUT, json.dumps(about).encode())
    for line in sys.stdin.buffer:
        try:
            question = json.loads(line)
            how = SynthesisConfig(
                speaker_id=question["speaker"], length_scale=voice.config.length_scale * question["pace"]
            )
            pcm = bytearray()
            for chunk in voice.synthesize(question["text"], how):
                pcm += chunk.audio_int16_bytes
                if len(pcm) >= MOST_SECONDS * rate * 2:
                    break
            answer(SOUND, bytes(pcm[: MOST_SECONDS * rate * 2]))
        except Exception as caught:
            answer(FAILED, f"{type(caught).__name__}: {caught}".encode()[:500])
    return 0


if __name__ == "__main__":
    sys.exit(main())

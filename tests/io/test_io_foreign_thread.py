"""What Python keeps of PortAudio's threads, on a card made of pipes.

A `threading.local` is kept in Python's state of the thread: it is empty whenever the state is a new one.
"""

from __future__ import annotations

from portaudio_scene import Scene

from pommai.io.alsa_pipes import AlsaPipes

COUNTING = """
import threading
from pommai.io import foreign_thread

class Counting(PortAudioMicrophone):
    kept = threading.local()

    def _captured(self, frame):
        self.kept.calls = getattr(self.kept, "calls", 0) + 1
        self.counts.append(self.kept.calls)
        super()._captured(frame)

async def count():
    microphone = Counting()
    microphone.counts = []
    await microphone.open(lambda frame: None, never)
    await until(lambda: len(microphone.counts) >= 10)
    await microphone.close()
    return microphone.counts[:10]
"""


def test_a_sound_cards_thread_is_the_same_thread_to_python_in_each_of_its_callbacks(card: AlsaPipes) -> None:
    scene = Scene(COUNTING + "async def main():\n    return [await count(), await count()]\n", card.environment)
    counts, errors = scene.result()
    assert counts == [list(range(1, 11))] * 2, "and one that is opened anew has a thread of its own"
    assert errors == ""


def test_a_card_that_is_opened_again_and_again_leaves_no_more_behind_than_so_many_threads(card: AlsaPipes) -> None:
    scene = Scene(
        COUNTING + "async def main():\n    foreign_thread.MOST = 1\n    return [await count(), await count()]\n",
        card.environment,
    )
    (first, second), errors = scene.result()
    assert first == list(range(1, 11))
    assert second == [1] * 10, "it hears all the same"
    assert errors == ""

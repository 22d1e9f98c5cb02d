"""Who lives with a toy in a soak: a child that plays, an operator who gives orders, a designer who edits.

Each goes on whatever is broken at the moment, and never the same way twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from pommai.io.speech import EspeakSpeech
from pommai.protocol.audio import SILENCE, frames_in
from pommai.protocol.messages import VoiceSettings
from pommai.qa.soak_house import DEVICE, House

if TYPE_CHECKING:
    import httpx

SENTENCES: Final = (
    "tell me a joke",
    "sing me a song",
    "tell me a story",
    "good morning",
    "what is your name",
    "i love you",
    "how are you",
)
BRIEF: Final = SENTENCES[-3:]
"""Those that are answered in few words."""
CALL: Final = "hey pommai"
"""What the first toy listens to is spelt so that its model knows it; espeak-ng says both alike."""
VOICES: Final = ("en-us+m7", "en-us+Annie", "en-us+steph", "en-us+Jacky")
Busy = Callable[[], AbstractAsyncContextManager[None]]
"""To be entered by whoever does something: nobody does at a still moment."""
LONGEST_ANSWER: Final = 12.0
"""Seconds of listening before a child presses the button again."""
TOYS: Final = ("pommai-bear", "robo-rex")
_WRONG_PERSONAS: Final = "personas:\n  pommai-bear: {name: [\n"
"""What a designer has saved too early."""
_ENGINE: Final = "    wake_engine: vosk\n"
_EASILY: Final = "    wake_sensitivity: 0.6\n"
_HARDLY: Final = "    wake_sensitivity: 0.4\n"


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something to say, as frames."""

    words: str
    frames: Sequence[bytes]


async def speak(sentences: Sequence[str] = SENTENCES) -> tuple[Spoken, tuple[Spoken, ...]]:
    """The call, and all these sentences, spoken by espeak-ng. Raises SpeechError."""
    speech, around = EspeakSpeech(), [SILENCE] * frames_in(0.2)
    spoken = []
    for number, words in enumerate((CALL, *sentences)):
        frames = await speech.speak(words, VoiceSettings(VOICES[number % len(VOICES)]))
        spoken.append(Spoken(words, (*around, *frames, *around)))
    return spoken[0], tuple(spoken[1:])


class Child:
    """Presses, talks, calls, interrupts, and loses interest."""

    def __init__(self, house: House, busy: Busy, spoken: tuple[Spoken, Sequence[Spoken]], random: Random) -> None:
        """`spoken`: see `speak`."""
        self.did: Counter[str] = Counter()
        self._busy = busy
        self._house = house
        self._call, self._sentences = spoken
        self._random = random
        self._ways: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
            "talked": (6, self._talk),
            "called": (2, self._call_it),
            "pressed for nothing": (1, self._tap),
            "interrupted": (2, self._interrupt),
        }

    async def play(self) -> None:
        """Until cancelled."""
        try:
            while True:
                names = list(self._ways)
                (name,) = self._random.choices(names, [self._ways[each][0] for each in names])
                async with self._busy():
                    self.did[name] += 1
                    await self._ways[name][1]()
                await asyncio.sleep(self._random.uniform(0.3, 4.0))
        finally:
            await self._house.toy.tell("release")

    async def _talk(self) -> None:
        await self._ask()
        await self._listen(LONGEST_ANSWER)

    async def _interrupt(self) -> None:
        await self._ask()
        await self._listen(self._random.uniform(0.2, 2.0))
        await self._talk()

    async def _ask(self) -> None:
        toy = self._house.toy
        await toy.tell("press")
        await self._within(2.0, self._house.watch.until(state="listening"))
        if "listening" in self._house.watch.states:
            await self._say(self._random.choice(self._sentences))
        await toy.tell("release")

    async def _call_it(self) -> None:
        await self._say(self._call)
        await self._within(1.5, self._house.watch.until(state="listening"))
        if "listening" in self._house.watch.states:
            self.did["was heard"] += 1
            await asyncio.sleep(0.7)  # until it has said that it listens
            await self._say(self._random.choice(self._sentences))
        await self._listen(LONGEST_ANSWER)

    async def _tap(self) -> None:
        await self._house.toy.tell("press")
        await asyncio.sleep(self._random.uniform(0.02, 0.5))
        await self._house.toy.tell("release")

    async def _say(self, spoken: Spoken) -> None:
        self._house.card.say(spoken.frames)
        await self._within(10.0, self._house.card.said())

    async def _listen(self, longest: float) -> None:
        await asyncio.sleep(0.3)
        await self._within(longest, self._house.watch.until(rests=True))

    async def _within(self, seconds: float, what: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(seconds):
                await what
        except TimeoutError:
            self.did["gave up"] += 1


_RESUME: Final[tuple[str, str, dict[str, str]]] = ("POST", "/toys/resume", {})


class Operator:
    """Gives orders by HTTP: pauses and resumes toys, has them be somebody else, sets how loud they are."""

    def __init__(self, house: House, busy: Busy, random: Random) -> None:
        self.did: Counter[str] = Counter()
        self._house = house
        self._busy = busy
        self._random = random

    async def work(self) -> None:
        """Until cancelled. A gateway that is away is asked again later."""
        async with self._client() as client:
            while True:
                await asyncio.sleep(self._random.uniform(2.0, 10.0))
                async with self._busy():
                    await self._give_order(client)
                    # Whoever has sent it into safe mode, and when an order to come out of it was lost.
                    await self._order(client, *_RESUME)

    async def resume(self) -> None:
        """Order the toy out of safe mode."""
        async with self._client() as client:
            await self._order(client, *_RESUME)

    def _client(self) -> httpx.AsyncClient:
        import httpx

        headers = {"Authorization": f"Bearer {self._house.operator_token}"}
        return httpx.AsyncClient(headers=headers, timeout=5.0, trust_env=False)

    async def _give_order(self, client: httpx.AsyncClient) -> None:
        match self._random.randrange(4):
            case 0:
                await self._order(client, "POST", "/toys/pause", {"time": "30s"})
                await asyncio.sleep(self._random.uniform(0.5, 3.0))
            case 1:
                toy = {"toyId": self._random.choice(TOYS), "deviceId": DEVICE}
                await self._order(client, "PUT", "/personas/active", toy)
            case 2:
                await self._order(client, "POST", "/toys/volume", {"percent": self._random.randint(20, 70)})
            case _:
                for page in ("/sessions", "/metrics", "/readyz", "/alerts"):
                    await self._order(client, "GET", page)

    async def _order(self, client: httpx.AsyncClient, method: str, page: str, order: object = None) -> None:
        import httpx

        try:
            answer = await client.request(method, self._house.operators.rstrip("/") + page, json=order)
        except httpx.HTTPError:
            self.did["found nobody"] += 1
            return
        self.did[f"{method} {page}: {answer.status_code}"] += 1


class Designer:
    """Edits personas.yaml while everybody plays; at times it is wrong for a moment."""

    def __init__(self, house: House, random: Random) -> None:
        self.did: Counter[str] = Counter()
        self._house = house
        self._random = random

    async def work(self) -> None:
        """Until cancelled; then the file is as it came."""
        came = self._house.personas.read_text("utf-8")
        try:
            while True:
                await asyncio.sleep(self._random.uniform(4.0, 15.0))
                kind = self._random.choice(("words", "wake word", "mistake", "as it came"))
                self.did[kind] += 1
                match kind:
                    case "words":
                        self._save(came.replace("pine cones", self._random.choice(("acorns", "buttons", "stars"))))
                    case "wake word":
                        wanted = self._random.choice((_EASILY, _HARDLY))
                        self._save(came.replace(_ENGINE, _ENGINE + wanted, 1))
                    case "mistake":
                        async with self._house.personas_lock:
                            self._save(_WRONG_PERSONAS)
                            await asyncio.sleep(self._random.uniform(1.0, 4.0))
                            self._save(came)
                    case _:
                        self._save(came)
        finally:
            self._save(came)

    def _save(self, text: str) -> None:
        """As editors do: a new file takes the place of the old one."""
        file = self._house.personas
        new = file.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.replace(file)

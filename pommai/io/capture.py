"""One microphone, many listeners: recording, voice activity and wake word all hear the same capture stream.

The stream is open all the time, so that a press costs no opening and the sound just before it is still there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from pommai.errors import DeviceError
from pommai.io.ports import Microphone
from pommai.protocol.audio import frames_in

logger = logging.getLogger(__name__)

PREROLL_SECONDS: Final = 0.3
"""Sound kept from before a subscription: children speak while they press."""
SUBSCRIPTION_SECONDS: Final = 5.0
"""Sound a listener may leave lying before the oldest of it is dropped."""
PATIENT_SECONDS: Final = 0.1
"""How late a patient listener may get its frames: waking the event loop costs as much as capturing ..."""
UNHEARD_SECONDS: Final = 0.5
"""... and how late they may come while nobody listens, and all but the pre-roll is thrown away."""
FADED_SECONDS: Final = 0.1
"""After its last frame has left the queue, a sound is still in the card, the air and the microphone's own buffer."""
ECHO_SECONDS: Final = 0.3
"""How long after the end of its own sound the toy does not listen for its name: rooms answer, and engines guess."""
FIRST_RETRY_SECONDS: Final = 0.25
"""Pause before a device that is gone is opened for the first time; twice as long after each attempt ..."""
RETRY_SECONDS: Final = 1.0
"""... up to so long: a card that is back is heard again within 2 s, opening included."""


class Subscription:
    """The frames one listener gets: `async for frame in subscription`.

    After `close` it yields what was captured until then, and ends. A listener that falls more than
    SUBSCRIPTION_SECONDS behind loses the oldest frames; `dropped` counts them.
    """

    def __init__(
        self,
        preroll: deque[bytes],
        forget: Callable[[Subscription], None],
        ignore: Callable[[Subscription, bool], None],
        *,
        patient: bool = False,
    ) -> None:
        self.patient = patient
        self.dropped = 0
        self._frames = deque(preroll, maxlen=frames_in(SUBSCRIPTION_SECONDS))
        self._forget = forget
        self._ignore = ignore
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> bytes:
        while not self._frames:
            if self._closed:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise RuntimeError("a subscription has one listener; subscribe once for each")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._frames.popleft()

    def drain(self) -> list[bytes]:
        """All frames captured and not yet taken, at once: for a listener that is being cancelled."""
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def ignore(self, ignored: bool) -> None:
        """Say that no frame is wanted from now on, or that frames are wanted again, as at first."""
        if not self._closed:
            self._ignore(self, ignored)

    def close(self) -> None:
        """No frame is added from now on. Harmless when called again."""
        self._closed = True
        self._forget(self)
        self._wake()

    def _put(self, frame: bytes) -> None:
        if len(self._frames) == self._frames.maxlen:
            self.dropped += 1
        self._frames.append(frame)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Capture:
    """Owns the microphone, remembers the last PREROLL_SECONDS, and hands every frame to every subscription.

    It is deaf to the toy's own voice: no recording, no pre-roll and no wake word has anything of it. Who listens
    patiently, for a wake word that is, hears nothing for longer: until `echo` seconds, at least FADED_SECONDS, after
    the end of the sound. A recording does not wait for the room: a child that has pressed is speaking.
    """

    def __init__(self, microphone: Microphone, echo: float = ECHO_SECONDS) -> None:
        self._microphone = microphone
        self._echo = frames_in(max(0.0, echo - FADED_SECONDS))
        self._echoing = 0  # frames until a patient listener hears again
        self._preroll: deque[bytes] = deque(maxlen=frames_in(PREROLL_SECONDS))
        self._subscriptions: list[Subscription] = []
        self._within = UNHEARD_SECONDS
        self._deaf = False
        self._unheard = 0  # frames since the toy became deaf

    def subscribe(self, *, preroll: bool, patient: bool = False) -> Subscription:
        """Listen from now on; with `preroll`, from PREROLL_SECONDS ago, with no seam. The caller closes it.

        A `patient` listener leaves the microphone its pauses: see `Microphone.attend`.
        """
        self._attend(patient)  # first, so that what it held back is pre-roll
        frames = self._preroll if preroll else deque[bytes]()
        subscription = Subscription(frames, self._forget, self._ignore, patient=patient)
        self._subscriptions.append(subscription)
        return subscription

    def deafen(self, deaf: bool) -> None:
        """Hear nothing from now on, or hear again; what the microphone still holds belongs to the time before."""
        if deaf == self._deaf:
            return
        self._microphone.attend(0.0)
        if self._within:
            self._microphone.attend(self._within)
        self._deaf = deaf
        self._unheard = 0
        self._echoing = self._echo

    async def run(self, on_lost: Callable[[str], None], on_back: Callable[[], None]) -> None:
        """Keep the microphone open until cancelled; see `keep_open`. Subscriptions outlive a loss."""

        async def reopen(lost: Callable[[str], None]) -> None:
            self._preroll.clear()  # what was heard before the loss is old
            await self._microphone.open(self._heard, lost)

        await keep_open(reopen, self._microphone.close, on_lost, on_back)

    def _heard(self, frame: bytes) -> None:
        if self._deaf:
            self._unheard += 1
            if self._unheard == self._preroll.maxlen:
                self._preroll.clear()  # what was heard before a long sound is old
            return
        self._preroll.append(frame)
        echoing = self._echoing > 0
        self._echoing -= echoing
        for subscription in tuple(self._subscriptions):
            if not (echoing and subscription.patient):
                subscription._put(frame)

    def _attend(self, *new: bool) -> None:
        """Tell the microphone how late frames may come, for those who listen and `new` ones, patient or not."""
        patient = [subscription.patient for subscription in self._subscriptions] + [*new]
        within = UNHEARD_SECONDS if not patient else PATIENT_SECONDS if all(patient) else 0.0
        if within != self._within:
            self._within = within
            self._microphone.attend(within)

    def _forget(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._attend()

    def _ignore(self, subscription: Subscription, ignored: bool) -> None:
        if ignored:
            self._forget(subscription)
        elif subscription not in self._subscriptions:
            self._attend(subscription.patient)  # first: what the microphone held back was not wanted
            self._subscriptions.append(subscription)


async def keep_open(
    open_device: Callable[[Callable[[str], None]], Awaitable[None]],
    close_device: Callable[[], Awaitable[None]],
    on_lost: Callable[[str], None],
    on_back: Callable[[], None],
) -> None:
    """Open a device and reopen it whenever it is gone, at least every RETRY_SECONDS, until cancelled; then close it.

    `open_device` takes the callback for a loss. `on_back` is called after each opening that worked, the first included;
    `on_lost` once for each loss (or first failure), with the reason, not for every attempt.
    """
    told_lost = False
    pause = FIRST_RETRY_SECONDS
    loop = asyncio.get_running_loop()
    while True:
        gone: asyncio.Future[str] = loop.create_future()

        def lost(reason: str, gone: asyncio.Future[str] = gone) -> None:
            if not gone.done():
                gone.set_result(reason)

        try:
            await open_device(lost)
            told_lost = False
            on_back()
            reason = await gone
            pause = FIRST_RETRY_SECONDS
        except DeviceError as caught:
            reason = str(caught)
        finally:
            await close_device()
        if not told_lost:
            told_lost = True
            logger.warning("device lost", extra={"reason": reason})
            on_lost(reason)
        await asyncio.sleep(pause)
        pause = min(2 * pause, RETRY_SECONDS)

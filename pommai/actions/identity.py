"""Which toy this is: asking, loading, switching, remembering."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from pommai.actions.body import Body
from pommai.actions.live import LiveSettings
from pommai.actions.registry import Seconds, action, activity, sends_to_cloud
from pommai.actions.voices import drop_recordings
from pommai.events import Event
from pommai.io.ports import WakeSpec
from pommai.protocol.messages import GetToyConfig, ToyProfile

logger = logging.getLogger(__name__)

FACT: Final = "toy"
"""What the toy remembers of who it is: its id."""


CLOUD_SECONDS: Final = 3.0
"""How long the cloud's functions may take to say who the toy is, after the server has not."""

_NOTHING_SET: Final = LiveSettings()

UNTHEMED: Final = frozenset(("listening_pulse", "safe_glow", "counting_down", "let_go", "forgetting"))
"""Lights that mean the same on every toy: that it records, that it does not, and that it is about to forget."""


@action
@sends_to_cloud
def ask_who_i_am(toy: Body) -> None:
    """Ask the server for this toy's configuration; it comes as toy.loaded."""
    toy.link.send(GetToyConfig(toy.toy_id))


@activity
@sends_to_cloud
async def load_toy(toy: Body, patience: Seconds = Seconds(2.0)) -> None:  # noqa: B008 (a number)
    """Find out about the toy to be: from the server, which has `patience` seconds, else from the cloud's functions,
    else from memory, else built in.

    Ends in toy.loaded or toy.load_failed.
    """
    wanted = toy.wanted_toy or toy.toy_id
    if toy.profile is not None:  # after power-up, the question comes with link.up
        toy.link.send(GetToyConfig(wanted))
    try:
        async with asyncio.timeout(patience):
            await toy.unreachable.wait()
    except TimeoutError:
        pass
    profile = await _from_cloud(toy, wanted) or await toy.memory.toy(wanted) or toy.built_in.get(wanted)
    if profile is None:
        reason = "neither the server nor the toy itself knows it"
        toy.post(Event("toy.load_failed", {"toy_id": wanted, "reason": reason}))
    else:
        toy.offered = profile
        toy.post(Event("toy.loaded", {"toy_id": wanted}))
    await asyncio.get_running_loop().create_future()  # until the chart has moved on


async def _from_cloud(toy: Body, wanted: str) -> ToyProfile | None:
    """The toy's configuration as the cloud's functions tell it, where there are any and they tell it in time."""
    if toy.cloud is None:
        return None
    try:
        async with asyncio.timeout(CLOUD_SECONDS):
            return await toy.cloud.configuration(wanted)
    except TimeoutError:
        return None


@action
def adopt_toy(toy: Body) -> None:
    """Be the toy whose configuration has come: its voice, its name to be called by, its lights, its rules."""
    profile = toy.offered
    if profile is None:
        return
    toy.offered = None
    toy.profile = profile
    if toy.toy_id != profile.toy_id or not profile.guardian_settings.allow_uploads:
        drop_recordings(toy)
    toy.toy_id = toy.link.toy_id = profile.toy_id
    if toy.wanted_toy == profile.toy_id:
        toy.wanted_toy = None
    be_called(toy)
    choose_acknowledgements(toy)
    toy.show_theme({old: new for old, new in profile.led_theme.items() if not UNTHEMED & {old, new}})
    toy.memory.keep_toy(profile)
    toy.memory.keep_fact(FACT, profile.toy_id)
    toy.memory.retain(profile.guardian_settings.retention_days)
    logger.info("toy", extra={"toy": profile.toy_id, "toy_name": profile.name})


def be_called(toy: Body) -> None:
    """Listen from the next rest on for what calls the toy: as the server has set it, else as its profile says."""
    if toy.profile is not None:
        toy.wake.want(wake_spec(toy.profile, toy.live.settings(toy.profile.toy_id)))


def choose_acknowledgements(toy: Body) -> None:
    """Answer to the wake word with the sounds that the server has set, else with those of the profile."""
    if toy.profile is not None:
        toy.acknowledgements = toy.live.settings(toy.profile.toy_id).sounds or toy.profile.acknowledgements


def wake_spec(profile: ToyProfile, live: LiveSettings = _NOTHING_SET) -> WakeSpec:
    """What a toy is called by."""
    name = () if profile.wake_word is None else (profile.wake_word,)
    return WakeSpec(
        live.engine or profile.wake_engine,
        phrases=(*name, *profile.wake_word_alternatives),
        models=live.models or profile.wake_models,
        sensitivity=profile.wake_sensitivity,
        threshold=live.threshold,
    )


@action
def remember_switch(toy: Body) -> None:
    """Keep in mind which toy to become at the next rest."""
    wanted = toy.event.data.get("toy_id")
    toy.wanted_toy = wanted if isinstance(wanted, str) and wanted != toy.toy_id else None


@action
def choose_next_toy(toy: Body) -> None:
    """Keep in mind to become the next of the toys that came with this one, after the last the first."""
    ids = list(toy.built_in)
    if ids:
        here = ids.index(toy.toy_id) if toy.toy_id in ids else -1
        following = ids[(here + 1) % len(ids)]
        toy.wanted_toy = following if following != toy.toy_id else None


@action
def recall_switch(toy: Body) -> None:
    """If another toy was asked for while there was no time, ask for it again."""
    if toy.wanted_toy is not None:
        toy.post(Event("toy.switch", {"toy_id": toy.wanted_toy, "reason": "asked for before"}))


@action
def forget_switch(toy: Body) -> None:
    """Stay who we are."""
    toy.wanted_toy = None

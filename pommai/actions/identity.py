"""Which toy this is: asking, switching, remembering."""

from __future__ import annotations

import logging

from pommai.actions.body import Body
from pommai.actions.registry import action, sends_to_cloud
from pommai.events import Event
from pommai.protocol.messages import GetToyConfig

logger = logging.getLogger(__name__)


@action
@sends_to_cloud
def ask_who_i_am(toy: Body) -> None:
    """Ask the server for this toy's configuration; it comes as toy.loaded."""
    toy.link.send(GetToyConfig(toy.toy_id))


@action
def adopt_toy(toy: Body) -> None:
    """Be the toy whose configuration has come."""
    profile = toy.offered
    if profile is None:
        return
    toy.offered = None
    toy.profile = profile
    toy.toy_id = toy.link.toy_id = profile.toy_id
    if toy.wanted_toy == profile.toy_id:
        toy.wanted_toy = None
    logger.info("toy", extra={"toy": profile.toy_id, "toy_name": profile.name})


@action
def remember_switch(toy: Body) -> None:
    """Keep in mind which toy to become at the next rest."""
    wanted = toy.event.data.get("toy_id")
    toy.wanted_toy = wanted if isinstance(wanted, str) and wanted != toy.toy_id else None


@action
def recall_switch(toy: Body) -> None:
    """If another toy was asked for while there was no time, ask for it again."""
    if toy.wanted_toy is not None:
        toy.post(Event("toy.switch", {"toy_id": toy.wanted_toy, "reason": "asked for before"}))


@action
def forget_switch(toy: Body) -> None:
    """Stay who we are."""
    toy.wanted_toy = None


@action
@sends_to_cloud
def become_toy(toy: Body) -> None:
    """Ask the server for the configuration of the toy to become, or anew for this toy's; it comes as toy.loaded."""
    toy.link.send(GetToyConfig(toy.wanted_toy or toy.toy_id))

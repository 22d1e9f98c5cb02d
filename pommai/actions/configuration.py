"""What the server sets while the toy runs, and the toy's word on what has come of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pommai.actions.body import Body
from pommai.actions.identity import be_called, choose_acknowledgements
from pommai.actions.live import Outcome
from pommai.actions.registry import action, sends_to_cloud
from pommai.protocol.messages import PiConfigReport, RefusedSetting
from pommai.protocol.pi_config import ACKNOWLEDGEMENTS, MODELS, THRESHOLD

FACT: Final = "live_configuration"
"""What the toy remembers of what the server has set."""


def recall_configuration(toy: Body) -> None:
    """Have in force what the server set before the toy was switched off. Called before the chart begins."""
    toy.live.recall(toy.memory.fact(FACT))
    toy.live.listen((MODELS, THRESHOLD), lambda: _if_own(toy, be_called))
    toy.live.listen((ACKNOWLEDGEMENTS,), lambda: _if_own(toy, choose_acknowledgements))


def _if_own(toy: Body, follow: Callable[[Body], None]) -> None:
    """What is set for a toy that this one is about to become waits until it is that toy."""
    if toy.live.toy_id == toy.toy_id:
        follow(toy)


@action
def take_configuration(toy: Body) -> None:
    """Take what is right of what the server has set: it is for the toy that this one is, or is about to become."""
    payload, toy.offered_configuration = toy.offered_configuration, None
    if payload is None:
        return
    _remember(toy, toy.live.update(payload, toy.wanted_toy or toy.toy_id))


@action
def give_up_models(toy: Body) -> None:
    """Go back to what called the toy before, if it is the server's models that do not work."""
    models = toy.live.settings(toy.live.toy_id).models
    if models and toy.event.data.get("models") == " ".join(models):
        _remember(toy, toy.live.give_up(MODELS, str(toy.event.data.get("reason", ""))))


def _remember(toy: Body, outcome: Outcome) -> None:
    """Keep what is in force across restarts, and have the server told."""
    note = toy.live.note()
    if note != toy.memory.fact(FACT):
        toy.memory.keep_fact(FACT, note)
    refused = tuple(RefusedSetting(refusal.key, refusal.reason) for refusal in outcome.refused)
    toy.untold_configuration = PiConfigReport(outcome.applied, refused)


@action
@sends_to_cloud
def report_configuration(toy: Body) -> None:
    """Tell the server what is in force of what it has set, and what was refused and why; once."""
    if toy.untold_configuration is not None and toy.link.send(toy.untold_configuration):
        toy.untold_configuration = None

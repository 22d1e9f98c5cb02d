"""What the chart can do. Importing this package makes every action and activity known."""

from pommai.actions import (
    configuration,
    conversation,
    ending,
    identity,
    offline,
    playback,
    recording,
    safety,
    saying,
    sync,
    wake,
)
from pommai.actions.registry import ACTIONS, ACTIVITIES

__all__ = [
    "ACTIONS",
    "ACTIVITIES",
    "configuration",
    "conversation",
    "ending",
    "identity",
    "offline",
    "playback",
    "recording",
    "safety",
    "saying",
    "sync",
    "wake",
]

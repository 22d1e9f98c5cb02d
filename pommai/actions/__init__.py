"""What the chart can do. Importing this package makes every action and activity known."""

from pommai.actions import conversation, identity, playback, recording, safety
from pommai.actions.registry import ACTIONS, ACTIVITIES

__all__ = ["ACTIONS", "ACTIVITIES", "conversation", "identity", "playback", "recording", "safety"]

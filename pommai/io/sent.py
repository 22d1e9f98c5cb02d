"""What leaves the toy, noted for its guardian: each thing that says something of the child, and to whom it went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pommai.protocol.messages import GuardianAlert, Message, PiConfigReport, SaveConversation, SyncBatch, UpdateReport

NoteSent = Callable[[str, str, int, Sequence[str]], None]
"""Kind, receiver (a host), bytes, and ids of the items in it."""


class SentNotes:
    """Notes what goes over the link. The sound of a turn is one thing, noted at its end."""

    def __init__(self, note: NoteSent, receiver: str) -> None:
        self._note = note
        self._receiver = receiver
        self._turn = self._bytes = 0

    def message(self, message: Message, size: int) -> None:
        """A message was given to the connection: `size` bytes of it. What says nothing of anybody is not noted."""
        match message:
            case SyncBatch():
                items = (*message.safety_events, *message.conversations, *message.metrics, *message.logs)
                self._note("sync", self._receiver, size, [str(item["id"]) for item in items])
            case GuardianAlert(id=name):
                self._note("alert", self._receiver, size, [name] if name else [])
            case SaveConversation(conversation=conversation):
                self._note("conversation", self._receiver, size, [conversation.id])
            case PiConfigReport():
                self._note("settings in force", self._receiver, size, [])
            case UpdateReport():
                self._note("state of updates", self._receiver, size, [])

    def sound(self, turn: int, size: int, *, final: bool) -> None:
        """A frame of a turn was given to the connection."""
        if turn != self._turn:
            self.end()
        self._turn = turn
        self._bytes += size
        if final:
            self.end()

    def end(self) -> None:
        """There is no more of the turn: it has ended, or the connection has."""
        if self._bytes:
            self._note("voice of a turn", self._receiver, self._bytes, [])
        self._bytes = 0


def ids_in(args: Mapping[str, object]) -> list[str]:
    """The ids of the items that a cloud function is called with."""
    found = [args] if isinstance(args.get("id"), str) else []
    for value in args.values():
        found += [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
    return [str(item["id"]) for item in found if "id" in item]

"""Who toys are to be: the active persona of all, or of one, and what it sets on a toy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pommai.errors import ProtocolError
from pommai.gateway.personas import Persona, Personas
from pommai.source import did_you_mean


@dataclass(frozen=True, slots=True)
class Change:
    """The active persona was set: of all toys, or of the one with this device id."""

    toy_id: str
    device_id: str | None = None


OnChange = Callable[[Change], Awaitable[int]]
"""Told of a change; returns how many toys it has told of it."""


class ActivePersonas:
    """The personas there are, and which of them toys are to be.

    Until somebody sets one, each toy is who it says it is. What is set last counts, for all toys or for one of them. A
    connected toy that becomes somebody else by itself, because its child wants it, has set that for itself.
    """

    def __init__(self, personas: Personas) -> None:
        self.personas = personas
        self._for_all: str | None = None
        self._for_one: dict[str, str] = {}
        self._says: dict[str, str] = {}
        self._listeners: list[OnChange] = []

    def listen(self, on_change: OnChange) -> None:
        """Have `on_change` called after each change, in the order they asked for it."""
        self._listeners.append(on_change)

    def persona(self, toy_id: str) -> Persona:
        """The persona of a toyId. Raises ProtocolError (TOY_NOT_FOUND)."""
        persona = self.personas.get(toy_id)
        if persona is None:
            hint = did_you_mean(toy_id, self.personas.keys())
            raise ProtocolError(f"there is no toy '{toy_id}' ({hint})", "TOY_NOT_FOUND")
        return persona

    async def set(self, toy_id: str, device_id: str | None = None) -> int:
        """Make this the active persona of all toys, or of the one with this device id, now and when it connects.

        Returns how many toys were told. Raises ProtocolError (TOY_NOT_FOUND), and nothing is changed.
        """
        self.persona(toy_id)
        if device_id is None:
            self._for_all = toy_id
            self._for_one.clear()
        else:
            self._for_one[device_id] = toy_id
        told = [await tell(Change(toy_id, device_id)) for tell in self._listeners]
        return sum(told)

    def met(self, device_id: str, says: str) -> str | None:
        """A toy has connected and says who it is. Whom it is to become instead, if anybody."""
        self._says[device_id] = says
        wanted = self._wanted(device_id)
        return wanted if wanted != says else None

    def chose(self, device_id: str, toy_id: str) -> None:
        """A connected toy has become another one, by itself or because it was asked to."""
        self._says[device_id] = toy_id
        if self._wanted(device_id) is not None:
            self._for_one[device_id] = toy_id

    def left(self, device_id: str) -> None:
        """The toy's last connection has ended."""
        self._says.pop(device_id, None)

    def get_active_persona(self, device_id: str) -> Persona | None:
        """Who this toy is to be; None when there is no such persona, or nobody knows the toy."""
        toy_id = self._wanted(device_id) or self._says.get(device_id)
        return None if toy_id is None else self.personas.get(toy_id)

    def get_active_pi_config(self, device_id: str) -> dict[str, object]:
        """What this toy's active persona sets on it; empty when that is nothing."""
        persona = self.get_active_persona(device_id)
        return {} if persona is None else dict(persona.pi_config)

    def _wanted(self, device_id: str) -> str | None:
        """What was set for this toy; a persona that is gone from the file counts again when it is back."""
        toy_id = self._for_one.get(device_id, self._for_all)
        return toy_id if toy_id in self.personas else None

"""Who toys are to be: the active persona of all, or of one, and what it sets on a toy."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pommai.errors import ProtocolError
from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.fleet.port import Fleet
from pommai.gateway.personas import Persona, Personas
from pommai.source import did_you_mean


@dataclass(slots=True)
class _Here:
    """A toy that is connected to this gateway."""

    says: str
    """Who it says it is."""
    asked: str
    """Who it was last asked to become, or says it is, whichever came later."""
    told: int = 0
    """The revision of what it was told, or had no need to be told."""


class ActivePersonas:
    """The personas there are, and which of them toys are to be.

    Until somebody sets one, each toy is who it says it is. What is set last counts, for all toys or for one of them,
    whichever gateway of the fleet it was set on. A connected toy that becomes somebody else by itself, because its
    child wants it, has set that for itself.
    """

    def __init__(self, personas: Personas, fleet: Fleet | None = None) -> None:
        """`fleet` knows what was set, here and elsewhere; None: this gateway is alone."""
        self.personas = personas
        self._fleet: Fleet = fleet or EmbeddedFleet()
        self._here: dict[str, _Here] = {}

    def persona(self, toy_id: str) -> Persona:
        """The persona of a toyId. Raises ProtocolError (TOY_NOT_FOUND)."""
        persona = self.personas.get(toy_id)
        if persona is None:
            hint = did_you_mean(toy_id, self.personas.keys())
            raise ProtocolError(f"there is no toy '{toy_id}' ({hint})", "TOY_NOT_FOUND")
        return persona

    async def set(self, toy_id: str, device_id: str | None = None) -> int:
        """Make this the active persona of all toys, or of the one with this device id, now and when it connects.

        Returns how many toys were told; one that is who it is to be is not told again. Raises ProtocolError
        (TOY_NOT_FOUND; BAD_MESSAGE for an id that no device has), or FleetError when other gateways cannot be told, and
        nothing is changed.
        """
        self.persona(toy_id)
        if device_id is not None and re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", device_id) is None:
            raise ProtocolError("a device id is 1 to 128 letters, digits, - _ . and :")
        return await self._fleet.set(toy_id, device_id)

    def met(self, device_id: str, says: str) -> str | None:
        """A toy has connected and says who it is. Whom it is to become instead, if anybody."""
        self._here[device_id] = _Here(says, says)
        return self.due(device_id)

    def due(self, device_id: str) -> str | None:
        """Whom a connected toy has to be told to become now, if anybody. Each change is due once: whoever asks tells
        the toy."""
        here, entry = self._here.get(device_id), self._fleet.wanted.of(device_id)
        if here is None or entry is None or entry.toy_id not in self.personas or entry.revision <= here.told:
            return None
        here.told = entry.revision
        if here.says == here.asked == entry.toy_id:
            return None
        here.asked = entry.toy_id
        return entry.toy_id

    def chose(self, device_id: str, toy_id: str) -> None:
        """A connected toy says who it is: another one, by itself or because it was asked to, or the same as before."""
        here = self._here.setdefault(device_id, _Here("", ""))
        if here.says == toy_id:
            return  # it asks again who it is, and may not have read yet whom it is to become
        here.says = here.asked = toy_id
        self._fleet.became(device_id, toy_id)
        wanted = self._wanted(device_id)
        if wanted is not None and wanted != toy_id:
            self._fleet.chose(device_id, toy_id)

    def left(self, device_id: str) -> None:
        """The toy's last connection has ended."""
        self._here.pop(device_id, None)

    def get_active_persona(self, device_id: str) -> Persona | None:
        """Who this toy is to be; None when there is no such persona, or nobody knows the toy."""
        here = self._here.get(device_id)
        toy_id = self._wanted(device_id) or (None if here is None else here.says)
        return None if toy_id is None else self.personas.get(toy_id)

    def get_active_pi_config(self, device_id: str) -> dict[str, object]:
        """What this toy's active persona sets on it; empty when that is nothing."""
        persona = self.get_active_persona(device_id)
        return {} if persona is None else dict(persona.pi_config)

    def _wanted(self, device_id: str) -> str | None:
        """What was set for this toy; a persona that is gone from the file counts again when it is back."""
        entry = self._fleet.wanted.of(device_id)
        return None if entry is None or entry.toy_id not in self.personas else entry.toy_id

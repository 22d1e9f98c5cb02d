"""What `pommai gateway` needs for devices with tokens of their own and for the cloud functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pommai.gateway.archive import Archive
    from pommai.gateway.devices import Devices
    from pommai.gateway.housekeeping import Housekeeping
    from pommai.gateway.personas import Personas
    from pommai.gateway.server import Gateway
    from pommai.gateway.web.app import Web

WELCOME = "toys come in with tokens of their own: pommai devices add DEVICE --data {data}"
"""Printed instead of a token that lets all of them in."""


def open_devices(archive: Archive) -> Devices:
    """The devices that are registered in the file of an archive."""
    from pommai.gateway.devices import Devices

    return Devices(archive.data)


def mount(web: Web, gateway: Gateway, devices: Devices, *, keeps: bool = True) -> None:
    """Answer the cloud functions, and operators who ask for devices. `keeps`: what toys send is kept here; else the
    functions are the cloud's, and are refused."""
    from pommai.gateway.devices_web import PAGES, add_device_routes
    from pommai.gateway.functions.functions import Functions
    from pommai.gateway.functions.parts import Parts
    from pommai.gateway.functions.web import add_function_routes, refuse_functions
    from pommai.gateway.uploads import Uploads

    if keeps:
        parts = Parts(devices, gateway.archive, Uploads(devices.data), gateway.persona)
        add_function_routes(web.app, Functions(parts))
    else:
        refuse_functions(web.app)
    add_device_routes(web.app, devices)
    web.pages.update(PAGES)


def keep_house(gateway: Gateway, devices: Devices) -> Housekeeping:
    """What cuts the devices that are revoked, and forgets in time; works while it is entered."""
    from pommai.gateway.housekeeping import Housekeeping, consent, retention
    from pommai.gateway.uploads import Uploads

    def personas() -> Personas:
        return gateway.active.personas

    uploads = Uploads(devices.data)
    return Housekeeping(devices, gateway.archive, uploads, retention(personas), consent(personas), gateway.cut)

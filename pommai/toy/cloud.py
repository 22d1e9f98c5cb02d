"""Puts together what a toy has of the cloud's functions: a client, tokens that stay fresh, and the carrier for sync."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from msgspec import Struct

from pommai.actions.body import Body
from pommai.actions.voices import HeldVoices
from pommai.errors import SettingsError
from pommai.io.ports import Clock
from pommai.io.sent import NoteSent
from pommai.io.tls import ServerTrust, pins_at
from pommai.toy.background import keep_running
from pommai.toy.logs import hide
from pommai.toy.settings import Settings

if TYPE_CHECKING:
    from pommai.io.cloud import CloudFunctions
    from pommai.io.cloud_tokens import DeviceTokens


class CloudParts(Struct, frozen=True):
    """What there is of the cloud. `tokens` are the link's, too."""

    functions: CloudFunctions
    tokens: DeviceTokens


def make_cloud(
    settings: Settings, stack: AsyncExitStack, clock: Clock, on_sent: NoteSent, body: Callable[[], Body]
) -> CloudParts | None:
    """The parts; None where the settings name no cloud. The stack ends them. `body` is asked once the toy runs.

    Raises SettingsError.
    """
    if settings.cloud_url is None or settings.device_secret is None:
        return None
    try:
        from pommai.io.cloud import CloudFunctions
        from pommai.io.cloud_http import CloudHttp
        from pommai.io.cloud_tokens import DeviceTokens
        from pommai.io.convex import ConvexClient
    except ImportError as caught:
        raise SettingsError(
            f"cloud_url asks for the cloud's functions, and the part that calls them is missing ({caught}); "
            "install it with: pip install 'pommai[cloud]'"
        ) from caught
    pins = pins_at(settings.cloud_url, settings.url, settings.server_pins)
    trust = ServerTrust(pins=pins, now=clock.now)
    http = CloudHttp(settings.cloud_url, trust=trust, plaintext=settings.plaintext == "anywhere")
    client = ConvexClient(http, on_sent=on_sent)
    stack.push_async_callback(client.close)
    tokens = DeviceTokens(client, settings.device_id, settings.device_secret, on_secret=hide)
    keep_running(stack, tokens.keep_fresh(), "tokens")
    functions = CloudFunctions(
        client,
        tokens,
        settings.device_id,
        toy_id=lambda: body().toy_id,
        now=lambda: clock.now().text,
        voices=HeldVoices(body),
    )
    return CloudParts(functions, tokens)

"""`pommai gateway` that keeps nothing itself: the cloud where what toys send is kept, and the key that it wants."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pommai.errors import PommaiError, SettingsError

if TYPE_CHECKING:
    import argparse
    from contextlib import AsyncExitStack

    from pommai.gateway.archive import Archive
    from pommai.gateway.door import Door
    from pommai.io.secret import Secret

KEY_VARIABLE = "POMMAI_SERVICE_KEY"
WELCOME = "toys come in with the tokens that the cloud has given them"
"""Printed instead of a token that lets all of them in."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teach a parser what a cloud needs."""
    parser.add_argument(
        "--cloud",
        metavar="URL",
        help="have another gateway (its HTTP), or a Convex deployment, keep what toys send and know who may connect; "
        "--data then holds only what this gateway itself remembers (default: none)",
    )
    parser.add_argument(
        "--service-key-file",
        type=Path,
        metavar="FILE",
        help=f"holds the key that the cloud knows gateways by (default: {KEY_VARIABLE} of the environment)",
    )


def given_key() -> str | None:
    """The key of the environment, which must never be logged."""
    return os.environ.get(KEY_VARIABLE) or None


async def open_archive(
    stack: AsyncExitStack, data: Path | None, cloud: str | None, key_file: Path | None
) -> tuple[Archive, list[Door]]:
    """Where what toys send is kept, and the cloud's door, if there is a cloud. Raises PommaiError."""
    from pommai.gateway.archive import Archive

    if cloud is None:
        return await stack.enter_async_context(await Archive.open(data)), []
    try:
        from pommai.io.cloud_http import CloudHttp
        from pommai.io.convex import ConvexClient
    except ImportError as caught:
        raise PommaiError(f"--cloud needs {caught.name}: pip install 'pommai[cloud]'") from caught
    from pommai.gateway.remote import RemoteArchive, RemoteDoor

    key = await _key(key_file)
    client = ConvexClient(CloudHttp(cloud))
    stack.push_async_callback(client.close)
    archive = await stack.enter_async_context(await RemoteArchive.at(client, key, data))
    return archive, [RemoteDoor(client, key)]


async def _key(file: Path | None) -> Secret:
    from pommai.io.secret import Secret, SecretFile

    if file is not None:
        return await SecretFile(file).read()
    key = given_key()
    if key is None:
        raise SettingsError(f"--cloud wants a service key: put it into {KEY_VARIABLE}, or name its --service-key-file")
    return Secret(key)

"""`toys:getConfiguration` and `storage:generateUploadUrl`: what concerns one toy."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Struct

from pommai.gateway.functions.parts import Caller, Parts
from pommai.gateway.uploads import must_agree
from pommai.protocol.messages import DeviceId, Id, ToyProfile
from pommai.protocol.schema import Shape, Wire

UPLOAD_PATH: Final = "/api/upload/"
"""Before the secret part of an address."""
_PROFILE: Final = Shape(ToyProfile)


class OfAToy(Struct, frozen=True):
    """The arguments of both."""

    device_id: Annotated[DeviceId, Wire("deviceId")]
    toy_id: Annotated[Id, Wire("toyId")]


async def get_configuration(parts: Parts, args: OfAToy, caller: Caller) -> object:
    """The `config` of `toy_config`. Raises CloudFunctionError (TOY_NOT_FOUND)."""
    return _PROFILE.write(parts.toy(args.toy_id).profile)


async def generate_upload_url(parts: Parts, args: OfAToy, caller: Caller) -> object:
    """An address for one recording. Raises CloudFunctionError (TOY_NOT_FOUND, CONSENT_REQUIRED), StoreError."""
    parts.toy(args.toy_id)
    must_agree(args.toy_id, parts.consents)
    token = await parts.uploads.address(args.device_id, args.toy_id)
    return {"url": f"{caller.origin}{UPLOAD_PATH}{token}"}

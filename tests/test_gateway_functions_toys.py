from __future__ import annotations

import asyncio

import pytest
from functions_material import parts_in_memory

from pommai.errors import CloudFunctionError
from pommai.gateway.functions.parts import Caller
from pommai.gateway.functions.toys import OfAToy, generate_upload_url, get_configuration
from pommai.protocol import messages as m
from pommai.protocol.schema import Shape
from pommai.protocol.wire import decode_text, encode_message

CALLER = Caller("token", "10.0.0.1", "https://cloud.example")


def test_a_configuration_is_the_one_that_goes_over_the_socket() -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            value = await get_configuration(parts, OfAToy("d1", "bear"), CALLER)
            sent = decode_text(encode_message(m.ToyConfig(parts.persona("bear").profile)))
            assert sent == m.ToyConfig(Shape(m.ToyProfile).read(value, "config"))

    asyncio.run(test())


def test_an_address_is_on_this_server_and_for_toys_whose_guardian_has_agreed() -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            value = await generate_upload_url(parts, OfAToy("d1", "rex"), CALLER)
            assert isinstance(value, dict)
            assert value["url"].startswith("https://cloud.example/api/upload/")
            for toy_id, code in (("bear", "CONSENT_REQUIRED"), ("unicorn", "TOY_NOT_FOUND")):
                with pytest.raises(CloudFunctionError) as caught:
                    await generate_upload_url(parts, OfAToy("d1", toy_id), CALLER)
                assert caught.value.code == code

    asyncio.run(test())

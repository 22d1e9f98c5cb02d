from __future__ import annotations

import asyncio

import pytest
from functions_material import parts_in_memory

from pommai.errors import CloudFunctionError, ProtocolError
from pommai.gateway.functions.auth import Authenticate
from pommai.protocol.schema import Shape


def test_consent_is_what_the_persona_says_and_nobody_agrees_for_a_toy_that_is_none() -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            assert [parts.consents(toy_id) for toy_id in ("rex", "bear", "unicorn")] == [True, False, False]

    asyncio.run(test())


def test_a_toy_that_is_none_is_told_by_the_code_of_the_functions() -> None:
    async def test() -> None:
        async with parts_in_memory() as parts:
            assert parts.toy("bear").profile.name == "Bear"
            with pytest.raises(CloudFunctionError, match="unicorn") as caught:
                parts.toy("unicorn")
            assert caught.value.code == "TOY_NOT_FOUND"

    asyncio.run(test())


@pytest.mark.parametrize("secret", ["", "hush-" * 200])
def test_a_secret_of_a_wrong_length_is_not_repeated(secret: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        Shape(Authenticate).read({"deviceId": "bear-7", "deviceSecret": secret}, "args")
    assert str(caught.value) == "args.deviceSecret must be text of 1 to 512 characters"

"""What waits in the memory, brought to the cloud's functions: each item once, incidents first, nothing lost."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from cloud_stand_in import DEVICE, CloudStandIn, Failure, FixedSecret, client_of, kept, stand_in

from pommai.io.cloud import CloudFunctions
from pommai.io.cloud_tokens import DeviceTokens, TokenTimes
from pommai.io.ports import Cloud
from pommai.protocol.messages import Rejected, SyncAck, SyncBatch

NOW = "2026-01-01T00:00:00.000Z"


class Recorded:
    """Recordings of a toy whose guardian says yes or no."""

    def __init__(self, **held: list[bytes]) -> None:
        self.held: dict[str, list[bytes]] = held
        self.agreed = True

    def take(self, conversation: str) -> list[bytes] | None:
        return self.held.pop(conversation, None)

    def may_leave(self, toy_id: str) -> bool:
        return self.agreed


def play(scene: Any, voices: Recorded | None = None, **more: Any) -> None:
    async def act() -> None:
        async with stand_in(**more) as cloud, client_of(cloud) as client:
            tokens = DeviceTokens(client, DEVICE, FixedSecret(), times=TokenTimes(fresh=0.0))
            functions = CloudFunctions(
                client, tokens, DEVICE, toy_id=lambda: "pommai-bear", now=lambda: NOW, voices=voices or Recorded()
            )
            port: Cloud = functions
            assert port is functions
            await scene(cloud, functions)

    asyncio.run(act())


def said(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "toy_id": "pommai-bear",
        "user_input": "hello",
        "toy_response": "hi",
        "timestamp": NOW,
        "was_offline": True,
        "sequence": 4,
        "clock_trusted": True,
    }


def incident(name: str, severity: str = "high", reason: str = "violence: hit") -> dict[str, Any]:
    return {
        "id": name,
        "severity": severity,
        "reason": reason,
        "transcript": "",
        "timestamp": NOW,
        "toy_id": "robo-rex",
    }


def metric(name: str) -> dict[str, Any]:
    return {"id": name, "name": "cpu_percent", "value": 3.5, "timestamp": NOW, "sequence": 1, "clock_trusted": False}


def line(name: str) -> dict[str, Any]:
    fields = {"turn": 3}
    return {"id": name, "level": "error", "event": "no button", "fields": fields, "timestamp": NOW, "sequence": 2}


EVERYTHING = SyncBatch("b1", (said("c1"), said("c2")), (incident("s1"),), (metric("m1"), metric("m2")), (line("l1"),))


async def deliver(functions: CloudFunctions, batch: SyncBatch = EVERYTHING) -> SyncAck | None:
    return await functions.deliver(batch, 15.0, lambda: True)


def test_every_item_goes_to_its_function_with_the_arguments_it_wants_and_no_other() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        ack = await deliver(functions)
        assert ack == SyncAck("b1", ("s1", "c1", "c2", "m1", "m2", "l1"), ())
        assert cloud.paths() == [
            "auth:authenticateDevice",
            "guardian:reportEvent",
            "conversations:create",
            "conversations:create",
            "metrics:batchRecord",
            "logs:create",
        ]
        by_path = {call.path: call.args for call in cloud.calls}
        assert by_path["guardian:reportEvent"] == {
            "deviceId": DEVICE,
            "toyId": "robo-rex",
            "id": "s1",
            "timestamp": NOW,
            "eventType": "violence",
            "severity": "high",
            "details": {"reason": "violence: hit", "severity": "high"},
            "isUrgent": True,
        }
        assert cloud.calls[2].args == {
            "deviceId": DEVICE,
            "toyId": "pommai-bear",
            "id": "c1",
            "timestamp": NOW,
            "transcript": "hello",
            "response": "hi",
            "wasOffline": True,
        }
        assert by_path["metrics:batchRecord"]["metrics"][0] == {
            "id": "m1", "name": "cpu_percent", "value": 3.5, "timestamp": NOW
        }  # fmt: skip
        assert by_path["logs:create"] == {
            "deviceId": DEVICE,
            "timestamp": NOW,
            "logs": [{"id": "l1", "level": "error", "event": "no button", "fields": {"turn": 3}, "timestamp": NOW}],
        }
        assert {call.token for call in cloud.calls[1:]} == {"convex-000001"}

    play(scene)


@pytest.mark.parametrize(
    ("severity", "reason", "told"),
    [
        ("note", "safe mode began: power-up", ("low", False, "safe_mode_began")),
        ("low", "x", ("low", False, "x")),
        ("medium", "asks for help: scared", ("medium", False, "asks_for_help")),
        ("high", "held without a word", ("high", True, "held_without_a_word")),
        ("CRITICAL", "", ("high", True, "incident")),
        ("odd", "ä: b", ("medium", False, "incident")),
    ],
)
def test_how_bad_an_incident_is_is_told_in_the_clouds_words(severity: str, reason: str, told: Any) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        await deliver(functions, SyncBatch("b", safety_events=(incident("s1", severity, reason),)))
        args = cloud.calls[-1].args
        assert (args["severity"], args["isUrgent"], args["eventType"]) == told

    play(scene)


def test_what_breaks_off_in_the_middle_is_told_as_far_as_it_went() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        cloud.trouble.extend(["none"] * 3 + ["gone"] * 3)
        assert await deliver(functions) == SyncAck("b1", ("s1", "c1"), ())
        assert await deliver(functions) == SyncAck("b1", ("s1", "c1", "c2", "m1", "m2", "l1"), ())

    play(scene)


def test_nothing_is_told_of_a_cloud_that_is_away() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        cloud.trouble.extend(["gone"] * 20)
        assert await deliver(functions) is None

    play(scene)


@pytest.mark.parametrize("code", ["INVALID", "TOY_NOT_FOUND"])
def test_what_the_cloud_will_never_take_is_put_aside_and_the_rest_goes_on(code: str) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        def create(args: dict[str, Any]) -> Any:
            if args["id"] == "c1":
                raise Failure(code, message="transcript is too large")
            return kept(args)

        cloud.functions["conversations:create"] = create
        ack = await deliver(functions)
        assert ack is not None
        words = f"{code}: conversations:create: transcript is too large"
        assert ack == SyncAck("b1", ("s1", "c2", "m1", "m2", "l1"), (Rejected("c1", words),))

    play(scene)


def test_a_function_that_fails_for_one_item_does_not_keep_the_others() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        def create(args: dict[str, Any]) -> Any:
            if args["id"] == "c1":
                raise Failure(None)
            return kept(args)

        cloud.functions["conversations:create"] = create
        assert await deliver(functions) == SyncAck("b1", ("s1", "c2", "m1", "m2", "l1"), ())

    play(scene)


@pytest.mark.parametrize("code", ["FORBIDDEN", "RATE_LIMITED", "SOMETHING_NEW"])
def test_after_any_other_word_the_rest_waits(code: str) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        def create(args: dict[str, Any]) -> Any:
            raise Failure(code, message="no", retryAfter=60)

        cloud.functions["conversations:create"] = create
        assert await deliver(functions) == SyncAck("b1", ("s1",), ())
        assert cloud.paths().count("conversations:create") == 1

    play(scene)


@pytest.mark.parametrize(("asked", "waited"), [(60, 60.0), (10**9, 300.0), (None, 0.0)])
def test_a_cloud_that_asks_for_patience_is_tried_again_after_it(
    asked: int | None, waited: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        def report(args: dict[str, Any]) -> Any:
            raise Failure("RATE_LIMITED", retryAfter=asked)

        cloud.functions["guardian:reportEvent"] = report
        assert await deliver(functions) is None
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        with monkeypatch.context() as patch:
            patch.setattr("pommai.io.cloud.asyncio.sleep", sleep)
            await functions.reachable()
        assert waited - 2 <= waits[0] <= waited

    play(scene)


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "DEVICE_NOT_FOUND", "401"])
def test_a_token_that_is_not_known_any_more_is_replaced_once_and_the_call_made_again(code: str) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        if code == "401":
            cloud.trouble.extend(["none", "none", "401"])
        else:
            once = [code]

            def create(args: dict[str, Any]) -> Any:
                if once:
                    raise Failure(once.pop())
                return kept(args)

            cloud.functions["conversations:create"] = create
        ack = await deliver(functions)
        assert ack is not None
        assert ack.accepted == ("s1", "c1", "c2", "m1", "m2", "l1")
        assert cloud.made == 2

    play(scene)


def test_a_device_that_was_revoked_gives_up_after_one_try() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        cloud.trouble.extend(["none"] * 2)
        cloud.functions["guardian:reportEvent"] = lambda args: revoke()

        def revoke() -> Any:
            cloud.secret = "another-secret-altogether"
            raise Failure("DEVICE_NOT_FOUND")

        assert await deliver(functions) is None
        assert cloud.paths() == ["auth:authenticateDevice", "guardian:reportEvent", "auth:authenticateDevice"]
        assert await deliver(functions) is None
        assert len(cloud.calls) == 3

    play(scene)


@pytest.mark.parametrize(
    "value", [None, [], {"accepted": "c1"}, {"accepted": ["other"]}, {"rejected": [3]}, {"accepted": [{}]}]
)
def test_a_cloud_that_does_not_say_what_it_keeps_has_kept_nothing(value: Any) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        cloud.functions["guardian:reportEvent"] = lambda args: value
        assert await deliver(functions) is None

    play(scene)


def test_a_refusal_of_one_item_is_passed_on_cut_short() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        refused = {"id": "m1", "reason": "too odd\n" * 1000}
        cloud.functions["metrics:batchRecord"] = lambda args: {"accepted": ["m1", "m2"], "rejected": [refused]}
        ack = await deliver(functions)
        assert ack is not None
        assert "m1" not in ack.accepted
        assert [item.id for item in ack.rejected] == ["m1"]
        assert len(ack.rejected[0].reason) <= 120

    play(scene)


def test_what_can_wait_stops_between_two_items_when_a_child_speaks() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        ack = await functions.deliver(EVERYTHING, 15.0, lambda: len(cloud.calls) < 3)
        assert ack == SyncAck("b1", ("s1", "c1"), ())
        await functions.reachable()

    play(scene)


# -- the child's voice ---------------------------------------------------------------------


def test_a_recording_goes_first_and_its_conversation_names_it() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        ack = await deliver(functions)
        assert ack is not None
        assert "c1" in ack.accepted
        (kind, file), *more = cloud.uploads
        assert (kind, file[:4], more) == ("audio/ogg", b"OggS", [])
        created = {call.args["id"]: call.args.get("audioStorageId") for call in cloud.calls if "response" in call.args}
        assert created == {"c1": "kg1", "c2": None}
        assert voices.held == {}

    voices = Recorded(c1=[b"\x08abc"] * 3)
    play(scene, voices)


@pytest.mark.parametrize("trouble", ["500", "gone", "garbage", "hang", "redirect", "429 9"])
def test_a_recording_that_cannot_be_brought_is_dropped_and_the_words_go(trouble: str) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        cloud.trouble.extend(["none"] * 3 + [trouble])  # incident and url go well
        ack = await deliver(functions)
        assert ack is not None
        assert "c1" in ack.accepted
        assert cloud.uploads == []
        assert voices.held == {}
        assert not any("audioStorageId" in call.args for call in cloud.calls)

    voices = Recorded(c1=[b"\x08abc"])
    play(scene, voices)


@pytest.mark.parametrize("code", ["CONSENT_REQUIRED", "TOY_NOT_FOUND", "FORBIDDEN", None])
def test_a_cloud_that_wants_no_recording_gets_none(code: str | None) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        def refuse(args: dict[str, Any]) -> Any:
            raise Failure(code)

        cloud.functions["storage:generateUploadUrl"] = refuse
        ack = await deliver(functions)
        assert ack is not None
        assert "c1" in ack.accepted
        assert cloud.uploads == []

    play(scene, Recorded(c1=[b"\x08abc"]))


def test_a_guardian_who_says_no_at_the_last_moment_is_heeded() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        def url(args: dict[str, Any]) -> Any:
            voices.agreed = False
            return {"url": f"{cloud.url}/api/storage/upload"}

        cloud.functions["storage:generateUploadUrl"] = url
        ack = await deliver(functions)
        assert ack is not None
        assert "c1" in ack.accepted
        assert cloud.uploads == []

    voices = Recorded(c1=[b"\x08abc"])
    play(scene, voices)


@pytest.mark.parametrize("url", [None, 7, {}, "http://127.0.0.1:1/steal", "https://evil.example/"])
def test_a_recording_goes_to_the_cloud_and_nowhere_else(url: Any) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        cloud.functions["storage:generateUploadUrl"] = lambda args: {"url": url}
        ack = await deliver(functions)
        assert ack is not None
        assert "c1" in ack.accepted
        assert cloud.uploads == []

    play(scene, Recorded(c1=[b"\x08abc"]))


def test_a_recording_is_brought_once_though_its_conversation_takes_several_tries() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        cloud.trouble.extend(["none"] * 4 + ["gone"] * 3)  # incident, url and upload go well, the conversation does not
        assert await deliver(functions) == SyncAck("b1", ("s1",), ())
        ack = await deliver(functions)
        assert ack is not None
        assert "c1" in ack.accepted
        assert len(cloud.uploads) == 1
        assert [call.args["audioStorageId"] for call in cloud.calls if "audioStorageId" in call.args] == ["kg1"]
        assert functions._uploaded == {}

    play(scene, Recorded(c1=[b"\x08abc"]))


@pytest.mark.parametrize("code", ["CONSENT_REQUIRED", "INVALID", None])
def test_a_conversation_whose_recording_is_not_wanted_any_more_goes_without_it(code: str | None) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        def create(args: dict[str, Any]) -> Any:
            if "audioStorageId" in args:
                raise Failure(code)
            return kept(args)

        cloud.functions["conversations:create"] = create
        assert await deliver(functions) == SyncAck("b1", ("s1", "c1", "c2", "m1", "m2", "l1"), ())
        assert functions._uploaded == {}

    play(scene, Recorded(c1=[b"\x08abc"]))


# -- configuration -------------------------------------------------------------------------


def test_a_toys_configuration_is_read_as_the_links_is() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        cloud.config = {"toyId": "pommai-bear", "name": "Bear", "guardian_settings": {"allow_uploads": True}, "new": 1}
        profile = await functions.configuration("pommai-bear")
        assert profile is not None
        assert (profile.name, profile.guardian_settings.allow_uploads) == ("Bear", True)
        assert cloud.calls[-1].args == {"toyId": "pommai-bear", "deviceId": DEVICE}

    play(scene)


@pytest.mark.parametrize(
    "value", [None, [], {"toyId": "other", "name": "Other"}, {"toyId": "../x", "name": "x"}, {"name": 3}]
)
def test_a_configuration_of_nobody_or_of_another_toy_is_none(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        cloud.functions["toys:getConfiguration"] = lambda args: value
        assert await functions.configuration("pommai-bear") is None

    with caplog.at_level(logging.WARNING):
        play(scene)
    assert len(caplog.records) == 1


def test_a_cloud_that_is_away_has_no_configuration() -> None:
    async def scene(cloud: CloudStandIn, functions: CloudFunctions) -> None:
        cloud.trouble.extend(["gone"] * 5)
        assert await functions.configuration("pommai-bear") is None

    play(scene)

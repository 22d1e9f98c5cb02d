"""The numbers as Prometheus reads them, by its own parser."""

from __future__ import annotations

from gateway_material import encode_all, run, sentence, toy_at
from prometheus_client.parser import text_string_to_metric_families
from web_material import operated

from pommai.protocol import messages as m


def values(text: str) -> dict[str, float]:
    """Each sample by its name and labels."""
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_turn_is_found_in_the_numbers() -> None:
    async def test() -> None:
        async with operated() as (gateway, client), toy_at(gateway) as toy:
            before = values((await client.get("/metrics")).text)
            assert before["pommai_sessions"] == 1
            assert before["pommai_turns_begun_total"] == 0
            packets = encode_all(sentence(0.4))
            await toy.say(1, packets)
            answer = await toy.answer()
            await toy.send_frame(2, 0, b"no opus", final=True)
            await toy.expect(m.ErrorMessage)
            await toy.send(m.GuardianAlert("high", "asked for help", "2026-01-01T00:00:00Z", id="s1"))
            await toy.send(m.Ping("now"))
            await toy.expect(m.Pong)
            found = await client.get("/metrics")
            assert found.headers["Content-Type"].startswith("text/plain; version=")
            after = values(found.text)
            assert after["pommai_turns_begun_total"] == 2
            assert after["pommai_turns_answered_total"] == 1
            assert after["pommai_turns_failed_total[AUDIO_ERROR]"] == 1
            assert after["pommai_turns_aborted_total"] == 0
            assert after["pommai_frames_total[in]"] == len(packets) + 1
            assert after["pommai_frames_total[out]"] == len(answer)
            assert after["pommai_first_frame_seconds_count"] == 1
            assert after["pommai_first_frame_seconds_bucket[+Inf]"] == 1
            assert after["pommai_alerts_total[high]"] == 1
            assert after["pommai_messages_waiting"] == 0
            assert after["process_resident_memory_bytes"] > 1e6
            assert after["process_cpu_seconds_total"] >= before["process_cpu_seconds_total"]

    run(test())


def test_whatever_a_toy_calls_itself_stays_out_of_the_numbers() -> None:
    async def test() -> None:
        async with operated() as (gateway, client), toy_at(gateway, "desk-of-a-child") as toy:
            await toy.send(m.GuardianAlert("x" * 64, "secret words", "2026-01-01T00:00:00Z", id="s1"))
            await toy.send(m.Ping("now"))
            await toy.expect(m.Pong)
            text = (await client.get("/metrics")).text
            assert "desk-of-a-child" not in text
            assert "x" * 64 not in text
            assert values(text)["pommai_alerts_total[other]"] == 1

    run(test())


def test_what_is_kept_is_counted_by_kind_over_all_devices() -> None:
    async def test() -> None:
        async with operated() as (gateway, client):
            for device in ("desk-1", "desk-2"):
                async with toy_at(gateway, device) as toy:
                    await toy.send(
                        m.SyncBatch("b1", safety_events=({"id": "s1", "reason": "ow"}, {"id": "s2", "reason": "ow"}))
                    )
                    await toy.expect(m.SyncAck)
            assert values((await client.get("/metrics")).text)["pommai_archive_items[safety_events]"] == 4

    run(test())

"""The whole toy, all devices simulated, on virtual time: what a child and a server see."""

import asyncio

import pytest
from simulated_toy import PATTERNS, TABLE, simulated_toy

from pommai.chart.table import DecisionTable, NodeInfo, Operation, Step
from pommai.errors import TableError
from pommai.events import Event
from pommai.io.link_simulated import SimulatedLink
from pommai.io.speech_simulated import LEVEL as SPOKEN
from pommai.protocol.messages import Abort, ErrorMessage, GetToyConfig, GuardianAlert, SafetyOverride, SwitchToy
from pommai.qa.simulated_toy import SOUND_NAMES, SimulatedToy, settle
from pommai.qa.virtual_time import run


def level(sound: str) -> int:
    return 100 + SOUND_NAMES.index(sound)


def test_a_toy_asks_who_it_is_and_rests_when_it_knows():
    async def scene():
        async with simulated_toy(loaded=False) as toy:
            assert toy.state == "loading_toy"
            assert toy.link.messages == [GetToyConfig("pommai-bear")]
            await toy.be_loaded()
            assert toy.state == "idle"
            assert toy.body.profile.name == "Pommai-Bear"

    run(scene())


def test_without_a_network_the_toy_is_ready_at_once():
    async def scene():
        async with simulated_toy(up=False) as toy:
            toy.link.go_down("no route")
            await settle()
            assert toy.state == "idle"

    run(scene())


def test_a_server_that_never_says_who_the_toy_is_does_not_keep_it_from_resting():
    async def scene():
        async with simulated_toy(loaded=False) as toy:
            await asyncio.sleep(8.1)
            assert toy.state == "idle"

    run(scene())


def test_a_conversation_goes_from_idle_through_listening_processing_and_speaking_to_idle():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            assert toy.state == "processing"
            toy.answer([1000, 2000, 3000, 4000])
            await settle()
            assert toy.state == "speaking"
            await asyncio.sleep(0.5)
            assert toy.state == "idle"
            assert toy.heard() == [1000, 2000, 3000, 4000]
            seen = [line["states"][-1] for line in toy.trace.lines if line["kind"] == "configuration"]
            assert [s for s in seen if s == "online"]

    run(scene())


def test_the_recording_reaches_the_server_whole_in_order_and_with_its_end_marked():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk(1.0)
            frames = toy.link.audio
            assert [frame.sequence for frame in frames] == list(range(len(frames)))
            assert [frame.final for frame in frames] == [False] * (len(frames) - 1) + [True]
            assert {frame.turn for frame in frames} == {1}
            assert len(frames) - 1 == len(toy.body.turn.recording.frames)

    run(scene())


def test_the_first_sound_is_kept_although_the_child_speaks_before_pressing():
    async def scene():
        async with simulated_toy() as toy:
            toy.speaking = True
            await asyncio.sleep(0.2)
            toy.press()
            await asyncio.sleep(0.1)
            toy.speaking = False
            toy.release()
            await settle()
            loud = [frame for frame in toy.body.turn.recording.frames if any(frame)]
            assert len(loud) >= 14  # 300 ms, of which 200 came before the press

    run(scene())


def test_a_press_while_the_toy_speaks_silences_it_and_tells_the_server():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer(range(1000, 3000, 20))
            await asyncio.sleep(0.5)
            assert toy.state == "speaking"
            toy.press()
            await settle()
            assert toy.state == "listening"
            assert toy.speaker.queued <= 1  # 8 ms in which it fades
            played = len(toy.speaker.played)
            await asyncio.sleep(0.2)
            assert len(toy.speaker.played) <= played + 1
            assert Abort(1, "barge-in") in toy.link.messages
            assert toy.body.turn.id == 2

    run(scene())


def test_a_stale_answer_is_never_played():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.press()
            await settle()
            toy.answer([7777] * 10, turn=1)
            await toy.say(0.5)
            toy.release()
            await settle()
            assert toy.state == "processing"
            toy.answer([1234] * 5, turn=2)
            await asyncio.sleep(1)
            assert toy.heard() == [1234]

    run(scene())


def test_an_event_of_an_older_turn_moves_nothing():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.press()
            await toy.say(0.5)
            toy.release()
            await settle()
            toy.runtime.post(Event("reply.started", turn=1))
            await settle()
            assert toy.state == "processing"

    run(scene())


def test_a_press_without_a_word_goes_back_to_rest_with_a_soft_sound():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await asyncio.sleep(0.5)
            toy.release()
            await asyncio.sleep(0.5)
            assert toy.state == "idle"
            assert toy.heard() == [level("nothing_heard")]
            assert Abort(1, "nothing said") in toy.link.messages

    run(scene())


def test_a_silent_hold_enters_safe_mode_where_the_microphone_is_off():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await asyncio.sleep(3)
            toy.post("button.held", held_s=3.0)
            await settle()
            assert "safe_mode" in toy.states
            assert not toy.microphone.is_open
            assert toy.runtime.lights.pattern == "safe_glow"
            assert toy.body.turn.over
            assert Abort(1, "safe mode") in toy.link.messages
            assert any(isinstance(message, GuardianAlert) for message in toy.link.messages)
            sent = len(toy.link.audio)
            await asyncio.sleep(1)
            assert len(toy.link.audio) == sent

    run(scene())


def test_a_long_hold_with_speech_is_a_child_with_a_lot_to_say():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(3.0)
            toy.post("button.held", held_s=3.0)
            await toy.say(2.0)
            assert toy.state == "listening"
            toy.release()
            await settle()
            assert toy.state == "processing"
            assert len(toy.body.turn.recording.frames) >= 250

    run(scene())


def test_safe_mode_is_left_by_the_server_or_by_a_very_long_press_but_not_by_a_short_one():
    async def scene():
        async with simulated_toy() as toy:
            for leave in ("server", "grown-up", "pause over"):
                toy.link.deliver(SafetyOverride("pause_interaction", 60.0 if leave == "pause over" else 0.0, "supper"))
                await settle()
                assert "safe_mode" in toy.states
                toy.press()
                await asyncio.sleep(5)
                toy.release()
                await settle()
                assert toy.state == "calm"
                if leave == "server":
                    toy.link.deliver(SafetyOverride("resume"))
                elif leave == "grown-up":
                    toy.press()
                    await asyncio.sleep(10.1)
                else:
                    await asyncio.sleep(56)
                await settle()
                assert toy.state == "idle", leave
                toy.release()
                await settle()
                assert toy.microphone.is_open

    run(scene())


def test_listening_ends_by_itself():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await toy.say(1)
            await asyncio.sleep(29.1)
            assert toy.state == "processing"

    run(scene())


def test_an_answer_that_never_comes_ends_in_a_friendly_error_and_then_rest():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            await asyncio.sleep(20.1)
            assert toy.state == "error"
            assert toy.heard() == [level("listening_ended"), level("took_too_long")]
            assert Abort(1, "no answer in time") in toy.link.messages
            await asyncio.sleep(3.1)
            assert toy.state == "idle"

    run(scene())


def test_an_answer_that_breaks_off_ends_in_a_friendly_error():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([1000] * 10, final=False)
            await asyncio.sleep(0.5)
            assert toy.state == "speaking"
            await asyncio.sleep(3.2)
            assert toy.state == "error"
            assert toy.heard() == [1000, level("took_too_long")]
            assert Abort(1, "answer broke off") in toy.link.messages

    run(scene())


def test_frames_out_of_order_and_twice_are_played_in_order_and_once():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([2000], first=1, final=False)
            toy.answer([1000], first=0, final=False)
            toy.answer([1000], first=0, final=False)
            toy.answer([4000], first=3, final=True)
            toy.answer([3000], first=2, final=False)
            await asyncio.sleep(0.5)
            assert toy.heard() == [1000, 2000, 3000, 4000]

    run(scene())


def test_a_link_lost_while_thinking_is_answered_from_on_board():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.go_down("gone")
            await settle()
            assert toy.state == "speaking"
            await toy.rest()
            assert toy.state == "idle"
            assert toy.heard() == [SPOKEN]

    run(scene())


def test_what_is_said_without_a_network_is_answered_from_on_board():
    async def scene():
        async with simulated_toy(up=False) as toy:
            toy.link.go_down("no route")
            await asyncio.sleep(1)
            toy.speaker.played.clear()
            await toy.talk()
            await toy.rest()
            assert toy.state == "idle"
            assert toy.heard() == [SPOKEN]
            assert toy.link.audio == []

    run(scene())


def test_a_slow_network_delays_the_recording_but_loses_nothing_of_it():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.stalled = True
            await toy.talk(3.0)
            assert toy.link.backlog <= 60
            toy.link.stalled = False
            await asyncio.sleep(3)
            frames = toy.link.audio
            assert [frame.sequence for frame in frames] == list(range(len(frames)))
            assert frames[-1].final
            assert len(frames) - 1 == len(toy.body.turn.recording.frames)

    run(scene())


def test_the_server_saying_it_cannot_answer_is_seen_and_over_soon():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.deliver(ErrorMessage("AUDIO_ERROR", "no words in it"))
            await settle()
            assert toy.state == "error"

    run(scene())


def test_the_server_switches_the_toy_when_it_rests():
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SwitchToy("robo-rex"))
            await settle()
            assert toy.state == "switching_toy"
            assert toy.link.messages[-1] == GetToyConfig("robo-rex")
            await toy.be_loaded("robo-rex")
            assert toy.state == "idle"
            assert (toy.body.toy_id, toy.link.toy_id) == ("robo-rex", "robo-rex")

    run(scene())


def test_a_switch_asked_for_in_the_middle_of_a_turn_waits_for_its_end():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.link.deliver(SwitchToy("robo-rex"))
            await settle()
            assert toy.state == "processing"
            toy.answer([1000] * 5)
            await settle()
            assert toy.state == "speaking"
            await asyncio.sleep(0.5)
            assert toy.state == "switching_toy"

    run(scene())


@pytest.mark.parametrize("refusal", ["error message", "silence", "link lost"])
def test_a_toy_that_cannot_be_switched_to_leaves_the_old_one_in_place(refusal):
    async def scene():
        async with simulated_toy() as toy:
            toy.link.deliver(SwitchToy("nobody"))
            await settle()
            if refusal == "error message":
                toy.link.deliver(ErrorMessage("TOY_NOT_FOUND", "there is no toy 'nobody'"))
            elif refusal == "link lost":
                toy.link.go_down("gone")
            await asyncio.sleep(8.1 if refusal == "silence" else 0.1)
            assert toy.state == "idle"
            assert toy.body.toy_id == "pommai-bear"
            assert toy.body.wanted_toy is None

    run(scene())


def test_a_microphone_that_vanishes_while_listening_is_seen_and_comes_back():
    async def scene():
        async with simulated_toy() as toy:
            toy.press()
            await settle()
            toy.microphone.vanish()
            await settle()
            assert toy.state == "error"
            toy.release()
            await asyncio.sleep(3.5)
            assert toy.state == "idle"
            toy.press()
            await settle()
            assert toy.state == "error"  # still deaf, and it shows
            toy.microphone.broken = None
            await asyncio.sleep(5)
            toy.press()
            await settle()
            assert toy.state == "listening"

    run(scene())


def test_a_speaker_that_vanishes_while_speaking_is_seen():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([1000] * 200)
            await asyncio.sleep(0.5)
            toy.speaker.vanish()
            await settle()
            assert toy.state == "error"
            await asyncio.sleep(3.5)
            assert toy.state == "idle"

    run(scene())


def test_an_action_that_raises_becomes_an_event_that_is_handled_before_anything_else():
    async def scene():
        async with simulated_toy() as toy:
            toy.body.sounds.frames = lambda name: 1 / 0
            toy.press()
            await settle()
            toy.release()
            toy.press()
            await settle()
            names = [line["name"] for line in toy.trace.lines if line["kind"] == "event"]
            assert names[names.index("button.released") + 1] == "error.action"
            assert toy.state in ("error", "listening")

    run(scene())


def test_lights_follow_the_states():
    async def scene():
        async with simulated_toy() as toy:
            shown = [toy.runtime.lights.pattern]
            await toy.talk()
            shown.append(toy.runtime.lights.pattern)
            toy.answer([1000] * 5)
            await settle()
            shown.append(toy.runtime.lights.pattern)
            await asyncio.sleep(1)
            toy.link.go_down("gone")
            await settle()
            shown.append(toy.runtime.lights.pattern)
            assert shown == ["breathing_blue", "thinking_swirl", "speaking_green", "connection_lost"]

    run(scene())


def test_every_configuration_line_of_the_trace_lists_states_in_document_order():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            order = {state.id: i for i, state in enumerate(TABLE.states)}
            lines = [line for line in toy.trace.lines if line["kind"] == "configuration"]
            assert lines
            for line in lines:
                ranks = [order[id_] for id_ in line["states"]]
                assert ranks == sorted(ranks)

    run(scene())


def test_a_toy_that_ends_leaves_no_task_no_timer_and_no_light_behind():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk()
            toy.answer([1000] * 100)
            await asyncio.sleep(0.3)
        assert toy.runtime.timers.pending == ()
        assert toy.runtime.activities.tasks == 0
        assert not toy.lights.is_open
        assert len(toy.runtime.queue) == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scene())


def test_a_table_that_names_what_this_toy_does_not_have_is_refused_by_name():
    step = Step((Operation("call", "dance"), Operation("led", "disco")), ("a",), None, (), 0)
    table = DecisionTable("later", "0" * 64, (), (), ("moonlight", step, step), ())

    async def scene():
        with pytest.raises(TableError, match="dance, disco, moonlight"):
            async with simulated_toy(table):
                pass

    run(scene())


@pytest.mark.parametrize(
    "state",
    ["loading_toy", "idle", "listening", "processing", "speaking", "error", "switching_toy", "calm", "being_let_go"],
)
def test_a_toy_ends_within_a_second_in_every_state(state):
    async def scene():
        async with simulated_toy(loaded=state != "loading_toy") as toy:
            if state in ("listening", "processing", "speaking"):
                toy.link.stalled = True  # what was said cannot be sent either
                toy.press()
                await toy.say(1.0)
            if state in ("processing", "speaking"):
                toy.release()
            if state == "speaking":
                toy.answer([1000] * 500)
            if state == "error":
                toy.microphone.vanish()
                toy.press()
            if state == "switching_toy":
                toy.link.deliver(SwitchToy("robo-rex"))
            if state in ("calm", "being_let_go"):
                toy.link.deliver(SafetyOverride("pause_interaction", 0.0))
            if state == "being_let_go":
                toy.press()
            await settle()
            assert state in toy.states
            ended_at = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - ended_at < 1
        assert not toy.lights.is_open
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scene())


def test_a_sound_card_that_hangs_while_it_is_opened_does_not_hold_up_the_end():
    async def scene():
        async with simulated_toy(up=False) as toy:

            async def hangs(*callbacks):
                await asyncio.sleep(1000)

            toy.microphone.vanish()
            toy.speaker.vanish()
            toy.microphone.open = toy.speaker.open = hangs
            await asyncio.sleep(5)
            ended_at = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - ended_at < 1

    run(scene())


def test_what_happens_before_the_toy_runs_is_taken_when_it_does():
    async def scene():
        toy = SimulatedToy(TABLE, SimulatedLink(), PATTERNS)
        toy.press()
        toy.release()
        running = asyncio.create_task(toy.runtime.run())
        await settle()
        assert toy.state == "idle"
        assert toy.body.turn.id == 1
        toy.runtime.stop()
        await running

    run(scene())


def test_a_guard_that_raises_counts_as_no_and_becomes_an_event():
    async def scene():
        async with simulated_toy() as toy:
            toy.runtime._guards = dict.fromkeys(toy.runtime._guards, lambda body: 1 / 0)
            toy.press()
            await settle()
            assert toy.state == "error"
            assert "error.action" in [line["name"] for line in toy.trace.lines if line["kind"] == "event"]

    run(scene())


def test_an_action_that_fails_while_an_error_is_handled_does_not_go_on_for_ever():
    tree = Step((Operation("call", "log", {"wrong": "argument"}),), ("a",), None, (0,), 0)
    start = Step((), ("a",), None, (), 0)
    node = NodeInfo(("a",), (), None, {"error.action": tree, "button.pressed": tree})
    table = DecisionTable("loops", "0" * 64, (), (), start, (node,))

    async def scene():
        async with simulated_toy(table, loaded=False, up=False) as toy:
            toy.press()
            await settle()
            assert [line["name"] for line in toy.trace.lines if line["kind"] == "event"] == [
                "start",
                "button.pressed",
                "error.action",
            ]

    run(scene())


def test_guards_are_asked_about_the_event_that_is_being_handled():
    asked = []

    async def scene():
        async with simulated_toy() as toy:
            real = toy.runtime._guards["microphone_works"]

            def noted(body):
                asked.append(body.event.name)
                return real(body)

            toy.runtime._guards = {**toy.runtime._guards, "microphone_works": noted}
            toy.press()
            await settle()

    run(scene())
    assert asked == ["button.pressed"]


def test_lights_that_fail_by_a_fault_of_ours_leave_a_toy_that_talks(caplog):
    async def scene():
        toy = SimulatedToy(TABLE, SimulatedLink(), PATTERNS)

        def fault(colours):
            raise RuntimeError("a fault")

        toy.lights.show = fault
        running = asyncio.create_task(toy.runtime.run())
        toy.room.start()
        await settle()
        await toy.be_loaded()
        await asyncio.sleep(5)
        await toy.talk()
        assert toy.state in ("processing", "error")
        toy.runtime.stop()
        await running
        toy.room.stop()

    run(scene())
    assert "lights failed" in [record.message for record in caplog.records]


@pytest.mark.parametrize("state", ["loading_toy", "idle", "error", "switching_toy", "processing", "speaking"])
def test_a_press_on_a_toy_that_cannot_hear_says_so_in_every_state(state):
    async def scene():
        async with simulated_toy(loaded=state != "loading_toy") as toy:
            if state in ("processing", "speaking"):
                await toy.talk()
            if state == "speaking":
                toy.answer([1000] * 200)
            if state == "switching_toy":
                toy.link.deliver(SwitchToy("robo-rex"))
            await settle()
            toy.microphone.vanish()
            if state == "error":
                toy.press()
            await settle()
            assert toy.state == state
            toy.press()
            await settle()
            assert toy.state == "error"
            assert toy.body.turn.over
            await asyncio.sleep(3.1)
            assert toy.state in ("idle", "switching_toy")

    run(scene())


def test_the_trace_tells_how_the_guards_of_each_event_were_answered():
    async def scene():
        async with simulated_toy() as toy:
            await toy.talk(1.0)
            events = {line["name"]: line["guards"] for line in toy.trace.lines if line["kind"] == "event"}
            assert events["button.pressed"]["microphone_works"] is True
            assert events["button.released"]["heard_speech"] is True
            assert events["start"] == {"held_at_power_up": False, "was_in_safe_mode": False}

    run(scene())

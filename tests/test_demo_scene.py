"""What can be told of a toy from its trace."""

from __future__ import annotations

from demo_material import table, trace, within

from pommai.demo.scene import Happening, Scene


def played() -> tuple[Scene, list[Happening]]:
    scene = Scene(table())
    return scene, [happening for line in trace() for happening in scene.take(line)]


def test_the_story_names_states_the_child_and_the_toy() -> None:
    _, story = played()
    assert [f"{each.who}: {each.words}" for each in story] == [
        "idle: Resting, and all ears.",
        "offline: No server.",
        "online: The server is there.",
        "child: presses the button",
        "listening: It records.",
        "child: lets the button go, after 1.0 s",
        "speaking: It answers",
        "child: presses the button",
        "toy: drops turn 1: barge-in",
        "listening: It records.",
        "child: has held the button for 3.0 s",
        "toy: ♪ safe_mode",
        "safe_mode: Quiet.",
        "child: lets the button go, after 3.1 s",
        "child: presses the button",
        "held: Somebody does.",
    ]


def test_a_state_is_told_with_its_light_and_the_rest_without() -> None:
    _, story = played()
    lights = {each.who: each.pattern for each in story}
    assert lights == {
        "idle": "blue",
        "listening": "blue",
        "speaking": "green",
        "safe_mode": "warm",
        "offline": "",
        "online": "",
        "held": "",
        "child": None,
        "toy": None,
    }


def test_the_scene_knows_the_light_and_since_when_the_button_and_the_innermost_states() -> None:
    scene, _ = played()
    assert (scene.pattern, scene.pattern_since) == ("warm", 10.501)
    assert scene.button_down
    assert scene.innermost == ["held", "online"]
    assert scene.configurations[0] == tuple(within("playing", "idle", "offline"))


def test_a_light_that_is_shown_already_goes_on_undisturbed() -> None:
    scene = Scene(table())
    for line in trace()[:6]:
        scene.take(line)
    assert (scene.pattern, scene.pattern_since) == ("blue", 5.0)


def test_regions_are_the_parts_of_what_is_parallel() -> None:
    scene, _ = played()
    assert {scene.region(state) for state in ("idle", "safe_mode", "held")} == {"behaviour"}
    assert scene.region("online") == "link"


def test_troubles_are_told_with_their_reason() -> None:
    scene = Scene(table())
    told = []
    for name, data in (
        ("link.down", {"reason": "gone"}),
        ("microphone.lost", {"reason": "unplugged"}),
        ("error.action", {"action": "play", "error": "no such sound"}),
    ):
        told += scene.take({"t_us": 1, "kind": "event", "name": name, "turn": 0, "data": data})
    assert [each.words for each in told] == [
        "link.down: gone",
        "microphone.lost: unplugged",
        "error.action: no such sound",
    ]

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
        "has lost its server: gone",
        "microphone.lost: unplugged",
        "error.action: no such sound",
    ]


def tell(scene: Scene, kind: str, name: str, turn: int = 0, **more: object) -> list[str]:
    line = {"t_us": 1, "kind": kind, "name": name, "turn": turn, "data": {}, **more}
    return [f"{each.who}: {each.words}" for each in scene.take(line)]


def test_a_toy_that_calls_its_server_in_vain_is_told_of_once() -> None:
    scene = Scene(table())

    def step(event: str, *states: str) -> list[str]:
        told = tell(scene, "event", event, data={"reason": "gone"})
        return told + tell(scene, "configuration", states[-1], states=within(*states))

    step("link.up", "playing", "idle", "online")
    assert step("link.down", "playing", "idle", "offline") == ["toy: has lost its server: gone", "offline: No server."]
    assert step("link.down", "playing", "idle", "online") == ["online: The server is there."]
    assert step("link.down", "playing", "idle", "offline") == []
    assert step("button.pressed", "playing", "listening", "offline") == [
        "child: presses the button",
        "listening: It records.",
    ]
    assert step("link.up", "playing", "listening", "online") == ["online: The server is there."]
    assert step("link.down", "playing", "listening", "offline")[0] == "toy: has lost its server: gone"


def test_words_are_told_wherever_anybody_knows_them_and_make_a_conversation() -> None:
    scene = Scene(table())
    assert tell(scene, "mark", "understood", 1, text="a joke") == ["toy: understands “a joke”"]
    assert tell(scene, "mark", "answered", 1, text="Knock.") == ["toy: answers “Knock.”"]
    assert scene.conversations == 0
    tell(scene, "mark", "reply_received", 1)
    tell(scene, "mark", "reply_received", 2)
    assert tell(scene, "mark", "understood", 3, text="") == ["toy: understands nothing of it"]
    tell(scene, "mark", "reply_received", 3)
    assert tell(scene, "mark", "reply_text", 4, text="Hm.") == ["toy: answers “Hm.”"]
    tell(scene, "mark", "reply_received", 4)
    assert scene.conversations == 2


def test_what_the_toy_is_told_and_says_of_its_own_accord_is_shown() -> None:
    scene = Scene(table())
    assert tell(scene, "event", "wake.heard", data={"phrase": "hey"}) == ["toy: hears its name: “hey”"]
    assert tell(scene, "event", "toy.switch", data={"toy_id": "owl"}) == ["toy: is asked to become owl"]
    assert tell(scene, "event", "safety.pause", data={"seconds": 300.0}) == ["toy: is to pause for 300 s"]
    assert tell(scene, "event", "safety.pause", data={"seconds": None}) == ["toy: is to pause"]
    assert tell(scene, "event", "safety.resume") == ["toy: may go on"]
    for action, args, words in (
        ("acknowledge", {}, "♪ lets the child hear that it listens"),
        ("say", {"command": "greeting"}, "says its greeting"),
        ("say_first", {"command": "not_forgotten"}, "says its not_forgotten"),
        ("say_calm_words", {}, "says some calm words"),
        ("take_over", {"reason": "offline"}, "answers by itself: offline"),
    ):
        assert tell(scene, "operation", action, op="call", args=args) == [f"toy: {words}"]

"""What charts may say, gathered from the functions that exist."""

from pommai.actions import ACTIONS, ACTIVITIES
from pommai.actions.registry import CommandName, Seconds, SoundName
from pommai.events import EVENTS
from pommai.guards import GUARDS
from pommai.toy.vocabulary import _signature, toy_vocabulary


def test_everything_there_is_may_be_said():
    vocabulary = toy_vocabulary()
    assert vocabulary.events == EVENTS.keys()
    assert vocabulary.actions.keys() == ACTIONS.keys()
    assert vocabulary.activities.keys() == ACTIVITIES.keys()
    assert vocabulary.guards.keys() == GUARDS.keys()
    assert all(vocabulary.guards.values()), "each has a meaning"
    assert vocabulary.led_patterns is None


def test_parameters_are_those_of_the_function_without_the_toy():
    (sound,) = toy_vocabulary(sounds=["boo", "ah"]).actions["play"].parameters
    assert (sound.name, sound.kind, sound.required, sound.choices) == ("sound", "choice", True, ("ah", "boo"))
    reason, severity = toy_vocabulary().actions["alert_guardian"].parameters
    assert (reason.name, reason.kind, reason.required) == ("reason", "text", True)
    assert (severity.name, severity.required, severity.default) == ("severity", False, "medium")


def test_every_kind_of_parameter_has_its_word():
    def function(toy: object, a: str, b: float, c: bool, d: Seconds, e: SoundName, f: CommandName) -> None:
        """Do it.

        With care.
        """

    signature = _signature("function", function, {SoundName: ("boo",), CommandName: None})
    kinds = [parameter.kind for parameter in signature.parameters]
    assert kinds == ["text", "number", "boolean", "duration", "choice", "text"]
    known = _signature("function", function, {SoundName: (), CommandName: ("greeting",)}).parameters[-1]
    assert (known.kind, known.choices) == ("choice", ("greeting",))
    assert "Do it." in str(signature)
    assert "With care" not in str(signature)


def test_the_fingerprint_tells_vocabularies_apart():
    prints = {
        vocabulary.fingerprint()
        for vocabulary in (toy_vocabulary(), toy_vocabulary(["x"]), toy_vocabulary(sounds=["boo"]))
    }
    assert len(prints) == 3


def test_what_sends_to_the_cloud_says_so():
    vocabulary = toy_vocabulary()
    sending = {name for name, signature in vocabulary.actions.items() if "sends_to_cloud" in signature.effects}
    assert sending == {
        "abort_turn",
        "alert_guardian",
        "ask_who_i_am",
        "pass_on_alert",
        "report_configuration",
        "take_over",
    }
    assert vocabulary.activities["stream_speech"].effects == ("sends_to_cloud",)
    assert vocabulary.activities["record"].effects == ()

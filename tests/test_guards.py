"""The questions a chart may ask."""

import pytest
from simulated_toy import simulated_toy

from pommai.guards import GUARDS
from pommai.protocol.messages import DownAudio, ToyProfile
from pommai.qa.virtual_time import run


@pytest.fixture
def answers():
    """Asks all guards about a toy that `change` has changed."""

    def ask(change):
        async def scene():
            async with simulated_toy() as toy:
                toy.body.next_turn()
                change(toy.body)
                return {name for name, guard in GUARDS.items() if guard(toy.body)}

        return run(scene())

    return ask


BASIS = {"microphone_works"}


def test_a_fresh_turn_has_heard_nothing_and_has_no_answer(answers):
    assert answers(lambda body: None) == BASIS


def test_speech_counts_as_long_as_the_turn_is_not_over(answers):
    def heard(body):
        body.turn.heard_speech = True

    def over(body):
        body.turn.heard_speech = body.turn.over = True

    assert answers(heard) == {*BASIS, "heard_speech"}
    assert answers(over) == BASIS


def test_an_answer_has_begun_with_its_first_piece(answers):
    assert answers(lambda body: body.turn.reply.push(DownAudio(1, 0, b"x"))) == {*BASIS, "reply_begun"}


def test_each_of_the_others_says_what_it_is_called(answers):
    assert answers(lambda body: setattr(body.turn, "hands_free", True)) == {*BASIS, "hands_free"}
    assert answers(lambda body: setattr(body, "microphone_works", False)) == set()
    assert answers(lambda body: setattr(body, "kept_safe", True)) == {*BASIS, "was_in_safe_mode"}
    for guard in ("held_at_power_up", "press_began_elsewhere"):
        assert answers(lambda body, guard=guard: setattr(body, guard, True)) == {*BASIS, guard}


@pytest.mark.parametrize(("toy_id", "more"), [("pommai-rabbit", {"becomes_another_toy"}), ("pommai-bear", set())])
def test_a_configuration_that_has_come_may_be_another_toys(answers, toy_id, more):
    assert answers(lambda body: setattr(body, "offered", ToyProfile(toy_id, "Somebody"))) == {*BASIS, *more}

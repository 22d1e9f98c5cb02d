"""What the toy says to a sentence, and why."""

from __future__ import annotations

import itertools
import random

import pytest
from responses_material import BEAR, ROOT, SMALL, answerer, changed, parsed, shipped, small
from responses_sentences import table

from pommai.errors import ResponsesError
from pommai.responses import Answer, Answerer, Listener
from pommai.responses import answer as module

MODERATE = Listener("pommai-bear", "moderate")


def ask(text: str, document: object = None, listener: Listener = BEAR) -> Answer:
    return answerer(document).answer(text, listener, 0.0)


def told(answer: Answer) -> str:
    """An answer as the table of sentences writes it."""
    return {"help": f"help {answer.alert}", "unknown": "-"}.get(answer.outcome, answer.name)


# -- children ------------------------------------------------------------------------------

SHIPPED = shipped()


@pytest.mark.parametrize(("sentence", "wanted"), table())
def test_what_small_children_say_is_taken_as_they_mean_it(sentence: str, wanted: str) -> None:
    assert told(Answerer(SHIPPED, lambda count: 0).answer(sentence, BEAR, 0.0)) == wanted


def test_the_table_of_sentences_is_long_and_names_none_twice() -> None:
    sentences = [sentence for sentence, _ in table()]
    assert len(sentences) >= 250
    assert len(set(sentences)) == len(sentences)


def test_each_command_can_be_asked_for_with_the_words_of_the_tiny_speech_model() -> None:
    known = {line.split()[0] for line in (ROOT / "tests/data/vosk-tiny/model/graph/words.txt").read_text().splitlines()}
    asked = {
        told(Answerer(SHIPPED, lambda _: 0).answer(text, BEAR, 0.0))
        for text, _ in table()
        if set(text.split()) <= known
    }
    wanted = {"greeting", "sing_song", "tell_joke", "goodnight", "love_response", "suggest_game", "suggest_story"}
    assert wanted < asked
    assert "help medium" in asked
    assert {"violence", "inappropriate"} < asked


# -- the order -----------------------------------------------------------------------------


def test_an_answer_says_what_decided() -> None:
    assert ask("please Sing a song") == Answer("command", "sing_song", "One little star.", None, ("sing", "song"))


def test_help_goes_before_everything_and_tells_a_guardian() -> None:
    answer = ask("hello, somebody hit me and I hurt, sing")
    assert (answer.outcome, answer.name, answer.alert, answer.because) == ("help", "need_help", "medium", ("hurt",))


def test_the_most_urgent_need_decides() -> None:
    answer = ask("I hurt and I can't breathe")
    assert (answer.reply, answer.alert) == ("Run to a grown-up.", "urgent")


def test_a_blocked_topic_goes_before_commands() -> None:
    answer = ask("sing a song of guns")
    assert (answer.outcome, answer.name, answer.alert, answer.because) == ("blocked", "violence", None, ("guns",))


def test_a_topic_may_tell_a_guardian_each_time() -> None:
    assert ask("poison").alert == "high"


def test_a_greeting_gives_way_to_any_other_command() -> None:
    assert ask("hello hello hello, a joke").name == "tell_joke"
    assert ask("hello").name == "greeting"


def test_the_longer_phrase_wins_and_then_the_order_of_the_file() -> None:
    assert ask("good night, sing").name == "goodnight"
    assert ask("a joke, sing").name == "sing_song"


def test_nothing_understood_is_unknown() -> None:
    assert ask("blue banana") == Answer("unknown", "unknown", "Once more?", None, ())
    assert ask("") == ask("[unk]") == ask("um")


# -- levels and toys -----------------------------------------------------------------------


def test_a_command_is_answered_from_its_level_on() -> None:
    document = changed("commands.tell_joke.safety_level", "moderate")
    assert ask("a joke", document).outcome == "unknown"
    assert ask("a joke", document, MODERATE).name == "tell_joke"


def test_a_command_that_may_not_answer_leaves_it_to_the_next() -> None:
    document = changed("commands.goodnight.safety_level", "moderate")
    assert ask("good night, sing", document).name == "sing_song"


def test_a_reply_is_given_from_its_level_on() -> None:
    replies = [{"text": "For big ones.", "safety_level": "moderate"}, "For all."]
    document = changed("commands.tell_joke.replies", replies)
    assert ask("a joke", document).reply == "For all."
    assert ask("a joke", document, MODERATE).reply == "For big ones."
    assert ask("a joke", document, Listener("bear", "custom")).reply == "For all."


def test_replies_with_a_guardians_words_are_left_out() -> None:
    stars = Listener("bear", "strict", ("one",))
    assert ask("sing", None, stars).reply == "Two little stars."
    assert ask("sing", None, Listener("bear", "strict", ("stars",))).outcome == "unknown"


def test_help_is_never_silenced_by_a_list_of_topics() -> None:
    everything = Listener("bear", "custom", ("tell", "grown", "up", "run", "more", "clouds", "catch", "star"))
    assert ask("help", None, everything).reply == "Tell a grown-up."
    assert ask("blue banana", None, everything).reply == "Once more?"


def test_a_toy_says_what_it_says_instead() -> None:
    assert ask("hello", None, Listener("robo-rex")).reply == "Stomp."
    assert ask("hello").reply == "Hello."


def test_a_toy_may_comfort_in_its_own_words() -> None:
    document = changed("toys.robo-rex.need_help", {"replies": ["Find a grown human."]})
    assert ask("I hurt", document, Listener("robo-rex")).reply == "Find a grown human."
    assert ask("I can't breathe", document, Listener("robo-rex")).reply == "Run to a grown-up."


def test_a_sound_goes_with_its_reply() -> None:
    document = changed("commands.tell_joke.replies", [{"text": "Boing.", "audio": "boing"}])
    assert ask("a joke", document).audio == "boing"


# -- never the same twice running ----------------------------------------------------------


def said(answers: list[Answer]) -> list[str]:
    return [answer.reply for answer in answers]


def test_nothing_is_said_twice_running() -> None:
    wary = Listener("bear", "strict", ("dinosaurs",))
    for question in ("sing", "hello", "dinosaur"):
        toy = Answerer(parsed(SMALL), random.Random(7).randrange)
        replies = said([toy.answer(question, wary, number * 600.0) for number in range(60)])
        assert all(first != second for first, second in itertools.pairwise(replies)), question


def test_each_toy_and_command_has_a_memory_of_its_own() -> None:
    toy = answerer()
    asked = [("sing", "bear"), ("hello", "bear"), ("sing", "cat"), ("sing", "bear"), ("sing", "cat")]
    replies = said([toy.answer(question, Listener(who), 0.0) for question, who in asked])
    assert replies == ["One little star.", "Hello.", "One little star.", "Two little stars.", "Two little stars."]


def test_a_single_reply_may_be_repeated() -> None:
    toy = answerer()
    first, second = said([toy.answer("a joke", BEAR, now) for now in (0.0, 1.0)])
    assert first == second == "What is brown and sticky? A stick!"


def test_what_toys_said_is_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 10)
    monkeypatch.setattr(module, "_MOST_FILTERS", 10)
    toy = answerer()
    for number in range(100):
        toy.answer("hello", Listener(f"toy{number}", blocked_topics=(f"topic{number}",)), number * 3600.0)
    assert len(toy._said) <= 10
    assert len(toy._filters) <= 10


# -- what the server has often answered ----------------------------------------------------

POPULAR = {"Why is the sky blue?": "Because light likes to dance.", "where are you": "In a gun shop.", "sing": "No."}


def test_a_popular_question_is_answered_when_nothing_else_is() -> None:
    answer = answerer().answer("um why is sky blue", BEAR, 0.0, POPULAR)
    assert (answer.outcome, answer.name, answer.reply) == ("command", "popular", "Because light likes to dance.")
    assert answer.because == ("why", "is", "sky", "blue")
    assert answerer().answer("sing", BEAR, 0.0, POPULAR).name == "sing_song"


def test_a_popular_question_is_matched_whole() -> None:
    for text in ("why is the sky", "why is the sky blue today", "sky blue", ""):
        assert answerer().answer(text, BEAR, 0.0, POPULAR | {"": "Nothing."}).outcome == "unknown"


def test_a_popular_answer_passes_the_filter_or_is_not_given() -> None:
    assert answerer().answer("where are you", BEAR, 0.0, POPULAR).outcome == "unknown"
    assert answerer().answer("where are you", Listener("x", "relaxed"), 0.0, POPULAR).reply == "In a gun shop."
    assert answerer().answer("what", BEAR, 0.0, {"what": "  "}).outcome == "unknown"


# -- limits --------------------------------------------------------------------------------


def test_after_twenty_conversations_the_toy_rests() -> None:
    toy = answerer()
    for number in range(20):
        assert toy.answer("sing", BEAR, number * 1.0).pause_seconds is None
    answer = toy.answer("sing", BEAR, 20.0)
    assert (answer.outcome, answer.name, answer.reply) == ("blocked", "conversations", "A little rest.")
    assert (answer.pause_seconds, answer.alert) == (600.0, None)


def test_help_and_what_is_not_understood_are_no_conversations_and_help_is_never_refused() -> None:
    toy = answerer()
    for number in range(100):
        assert toy.answer("help", BEAR, number * 1.0).outcome == "help"
        toy.answer("blue banana", BEAR, number * 1.0)
    for number in range(20):
        assert toy.answer("sing", BEAR, 100.0 + number).name == "sing_song"
    assert toy.answer("sing", BEAR, 130.0).pause_seconds == 600.0
    assert toy.answer("I hurt", BEAR, 131.0).outcome == "help"


def test_a_rest_does_not_use_up_a_reply() -> None:
    toy = answerer(changed("limits.conversations.count", 1))
    assert toy.answer("sing", BEAR, 0.0).reply == "One little star."
    toy.answer("sing", BEAR, 1.0)
    assert toy.answer("sing", BEAR, 4000.0).reply == "Two little stars."


def test_the_fifth_in_a_row_that_is_not_understood_gets_another_answer() -> None:
    toy = answerer()
    answers = [toy.answer("banana", BEAR, 0.0) for _ in range(3)] + [toy.not_understood(BEAR, 0.0) for _ in range(2)]
    assert said(answers)[4] == "Ask me for a song."
    assert {answer.outcome for answer in answers} == {answer.name for answer in answers} == {"unknown"}
    assert said(answers)[:4] == ["Once more?", "I did not catch that.", "Once more?", "I did not catch that."]


def test_three_violations_in_five_minutes_are_a_pause_and_an_alert() -> None:
    toy = answerer()
    answers = [toy.answer("gun", BEAR, now) for now in (0.0, 100.0, 290.0)]
    assert [answer.pause_seconds for answer in answers] == [None, None, 300.0]
    assert [answer.alert for answer in answers] == [None, None, "high"]
    assert (answers[2].outcome, answers[2].name, answers[2].reply) == ("blocked", "violence", "Quiet time.")


def test_violations_elsewhere_count_along() -> None:
    toy = answerer()
    toy.answer("gun", BEAR, 0.0)
    assert toy.note_violation("violence", 1.0) is None
    assert toy.note_violation("violence", 2.0) == 300.0
    assert toy.note_violation("violence", 3.0) is None


def test_a_pause_because_of_violations_elsewhere_has_its_words() -> None:
    pause = answerer().pause_words(BEAR)
    assert (pause.outcome, pause.name, pause.reply) == ("blocked", "violations", "Quiet time.")
    assert (pause.alert, pause.pause_seconds) == ("high", 300.0)


def test_curiosity_is_no_violation() -> None:
    toy = answerer()
    assert all(toy.answer("poison", BEAR, 0.0).pause_seconds is None for _ in range(10))


# -- what else can be asked ----------------------------------------------------------------


def test_a_command_can_be_said_unasked() -> None:
    toy = answerer()
    assert toy.say("greeting", BEAR) == Answer("command", "greeting", "Hello.", None, ())
    assert toy.say("greeting", BEAR).reply == "There you are."
    assert toy.say("need_help", BEAR).outcome == "help"
    assert toy.say("greeting", Listener("x", "strict", ("hello", "you are"))).outcome == "unknown"


def test_a_command_that_is_not_there_is_an_error_with_a_hint() -> None:
    with pytest.raises(ResponsesError, match=r"there is no command 'greting' \(did you mean 'greeting'\?\)"):
        answerer().say("greting", BEAR)


def test_something_done_has_words_of_its_own_and_usual_ones_where_the_file_has_none() -> None:
    assert answerer().done(BEAR) == Answer("command", "done", "All right.", None, ())
    toy = answerer(small(done={"replies": ["Here you go.", "Gladly."]}))
    assert [toy.done(BEAR).reply for _ in range(3)] == ["Here you go.", "Gladly.", "Here you go."]


def test_safe_mode_has_words_of_its_own() -> None:
    assert answerer().enter_safe_mode(BEAR) == Answer("command", "safe_mode", "All is well.", None, ())


def test_a_text_is_held_against_the_filter_without_counting() -> None:
    toy = answerer()
    for _ in range(10):
        assert toy.forbids("A big GUN!", BEAR) == ("violence", ("gun",))
    assert toy.forbids("A water gun.", BEAR) is None
    assert toy.forbids("A big gun.", Listener("x", "relaxed")) is None
    assert toy.answer("gun", BEAR, 0.0).pause_seconds is None


def test_a_call_for_help_is_known_without_counting() -> None:
    assert answerer().asks_for_help("he hit me, I hurt") == ("medium", ("hurt",))
    assert answerer().asks_for_help("I am not hurt") is None


# -- becoming somebody else --------------------------------------------------------------------


def test_whoever_leaves_names_who_comes_and_never_says_the_same_twice_running() -> None:
    toy = answerer(changed("persona_change.leaving", ["Here comes <name>.", "I get <name>."]))
    said = [toy.leaving("Rex <name>", BEAR) for _ in range(3)]
    assert said == ["Here comes Rex <name>.", "I get Rex <name>.", "Here comes Rex <name>."]
    assert toy.staying("Bear", BEAR) == "I am Bear."


def test_a_file_without_words_for_it_says_nothing_of_it() -> None:
    toy = answerer(small(persona_change=None))
    assert (toy.leaving("Rex", BEAR), toy.staying("Bear", BEAR)) == ("", "")


def test_what_is_said_on_the_way_passes_a_guardians_topics_where_it_can() -> None:
    toy = answerer(changed("persona_change.leaving", ["A cake for <name>.", "Here comes <name>."]))
    assert toy.leaving("Rex", Listener("pommai-bear", "strict", ("cakes",))) == "Here comes Rex."

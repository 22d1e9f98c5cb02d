"""The chart's properties notice when the chart is broken."""

from chart_material import VOCABULARY
from simulated_toy import PATTERNS, ROOT, SOUND_NAMES

from pommai.chart.check import check_chart
from pommai.chart.load import load_chart
from pommai.errors import ChartError
from pommai.qa.mutation import CAUGHT, REFUSED, SAME, SURVIVED, MutationCheck, share_caught
from pommai.source import Reader
from pommai.toy.vocabulary import toy_vocabulary

TOY = """
resting: asleep
states:
  asleep:
    transitions:
      - {event: link.down, on: forget}
      - {event: button.pressed, target: awake}
  awake:
    do: record
    after:
      5s: {target: asleep, on: chime}
properties:
  a_press_wakes: {because: It is a toy., always: {on: button.pressed, to: awake}}
  the_timer_rings: {because: It is a clock., always: {on: timer.awake.5s, calls: chime}}
"""


def check_of(text, vocabulary):
    reader = Reader(text, "chart.yaml", ChartError)
    return MutationCheck(check_chart(load_chart(reader), reader, vocabulary), text, vocabulary)


def test_a_mutant_is_refused_or_the_same_or_caught_or_survives_and_is_told_why():
    judged = {f"{j.mutant.kind}: {j.mutant.words}": (j.outcome, j.by) for j in check_of(TOY, VOCABULARY).run()}
    assert judged["transition dropped: asleep on button.pressed"][0] == CAUGHT
    assert "a_press_wakes" in judged["transition dropped: asleep on button.pressed"][1]
    assert judged["action dropped: awake on timer.awake.5s: no chime"] == (CAUGHT, ("the_timer_rings",))
    assert judged["transitions swapped: asleep on link.down behind asleep on button.pressed"] == (SAME, ())
    assert judged["activity dropped: awake without record"] == (SURVIVED, ())
    outcome, by = judged["timer dropped: awake after 5s"]
    assert outcome == REFUSED
    assert "timer.awake.5s" in by[0]


def test_a_property_that_is_broken_from_the_start_catches_nothing():
    broken = TOY.replace("to: awake", "to: asleep")
    assert all("a_press_wakes" not in judgement.by for judgement in check_of(broken, VOCABULARY).run())


def test_nine_of_ten_mutants_of_the_shipped_chart_that_behave_otherwise_break_a_property():
    """Every sixth mutant, so that each kind is there; `pommai verify --mutants` judges all of them."""
    check = check_of((ROOT / "statechart.yaml").read_text(), toy_vocabulary(frozenset(PATTERNS), SOUND_NAMES))
    judged = [check.judge(mutant) for mutant in check.mutants[::6]]
    assert len(judged) > 40
    assert share_caught(judged) >= 0.9, [judgement for judgement in judged if judgement.outcome == SURVIVED]

"""What the tests of proofs share: from the text of a chart to verdicts, and a story in short words."""

from __future__ import annotations

from chart_material import VOCABULARY, checked

from pommai.chart.compile import compile_chart
from pommai.chart.prove import Proof, prove
from pommai.chart.prove_claims import Verdict
from pommai.chart.prove_space import Space
from pommai.chart.vocabulary import Signature, Vocabulary

WORDS = Vocabulary(
    events=VOCABULARY.events | {"wake.heard", "reply.finished"},
    guards=VOCABULARY.guards,
    actions=VOCABULARY.actions
    | {"alert": Signature("alert", effects=("sends",)), "ask": Signature("ask", effects=("sends",))},
    activities=VOCABULARY.activities,
    led_patterns=VOCABULARY.led_patterns,
)

PLAYER = """\
durations: {limit: 10s, sorry: 3s}
resting: idle
states:
  toy:
    parallel: true
    states:
      play:
        states:
          idle:
            led: breathing_blue
            transitions: [{event: button.pressed, target: busy}]
          busy:
            led: {pattern: error_red, priority: 2}
            do: record
            enter: chime
            after: {limit: {target: over}}
            transitions:
              - {event: button.released, cond: heard_speech, target: idle, on: {play: hello}}
              - {event: button.released, target: over, on: [forget, {play: sorry}]}
          over:
            after: {sorry: {target: idle}}
      link:
        states:
          off: {transitions: [{event: link.up, target: up}]}
          up: {enter: ask, transitions: [{event: link.down, target: off}]}
"""
"""Busy is left by a release or after 10 s, over after 3 s; beside it a link comes and goes."""


def space_of(text: str) -> Space:
    ready = checked(text, WORDS)
    return Space(compile_chart(ready))


def proof_of(text: str) -> Proof:
    ready = checked(text, WORDS)
    return prove(compile_chart(ready))


def verdict_of(id_: str, text: str) -> Verdict:
    (found,) = (verdict for verdict in proof_of(text).verdicts if verdict.id == id_)
    return found


def player(properties: str, more: str = "") -> Verdict:
    """The verdict on one property of the player."""
    return verdict_of("p", f"{PLAYER}properties:\n  p: {{because: it matters, {properties}}}\n{more}")


def story_of(verdict: Verdict) -> list[str]:
    """Events of the counterexample with the answers of guards, the start left out."""
    assert verdict.counterexample is not None
    return [
        " ".join([m.event, *(name if held else f"not {name}" for name, held in m.answers)])
        for m in verdict.counterexample.moments[1:]
    ]

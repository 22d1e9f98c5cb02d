"""What a chart may say."""

from __future__ import annotations

from chart_material import VOCABULARY
from msgspec.structs import replace

from pommai.chart.vocabulary import Parameter, Signature, Vocabulary


def test_a_fingerprint_is_the_same_for_the_same_words() -> None:
    again = replace(VOCABULARY, actions=dict(reversed(VOCABULARY.actions.items())))
    assert again.fingerprint() == VOCABULARY.fingerprint()
    assert Vocabulary().fingerprint() == Vocabulary().fingerprint()


def test_a_fingerprint_changes_with_whatever_a_chart_could_come_out_otherwise_for() -> None:
    others = [
        replace(VOCABULARY, events=VOCABULARY.events | {"new.event"}),
        replace(VOCABULARY, guards={**VOCABULARY.guards, "new_guard": ""}),
        replace(
            VOCABULARY, actions={**VOCABULARY.actions, "chime": Signature("chime", (Parameter("x", "text", True),))}
        ),
        replace(VOCABULARY, activities={}),
        replace(VOCABULARY, led_patterns=None),
    ]
    assert len({vocabulary.fingerprint() for vocabulary in [VOCABULARY, *others]}) == 6

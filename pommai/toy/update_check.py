"""Is what a bundle brings fit for this toy? Asked by whoever makes one, and again by the toy that is offered it.

Everything is loaded as the toy would load it; every name the chart says must be one of this toy's; and the chart is
proved, as a table: what it promises itself, and what this software demands of any chart. A bundle may promise more than
the chart that came with the software, never less.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import structs

from pommai.bundle.manifest import CHART, CHART_SOURCE
from pommai.chart.check import check_chart
from pommai.chart.load import load_chart
from pommai.chart.prove import Proof, prove
from pommai.chart.specification import Claim, Specification
from pommai.chart.table import DecisionTable, Operation
from pommai.chart.vocabulary import Parameter, Signature, Vocabulary
from pommai.errors import BundleError, ChartError, PommaiError
from pommai.events import EVENTS
from pommai.io.sounds import SoundFolder
from pommai.lights.load import load_patterns
from pommai.responses import load_responses
from pommai.source import Reader
from pommai.toy.charts import load_behaviour
from pommai.toy.settings import BUNDLED, RESOURCES, Settings, shipped_file
from pommai.toy.vocabulary import toy_vocabulary

MANDATORY: Final = (
    "safe_mode_hears_nothing",
    "safe_mode_is_private",
    "safe_mode_tells_of_safety_alone",
    "incidents_are_told_in_any_mode",
    "alerts_are_passed_on",
    "turns_are_for_playing",
    "guardians_hear_of_holds_alone",
    "speaking_does_not_record",
    "recording_is_seen",
    "voice_is_kept",
    "a_silent_hold_makes_safe",
    "a_silent_hold_is_told",
    "a_hold_begins_in_play",
    "a_press_in_play_may_become_a_hold",
    "a_press_elsewhere_is_none_of_play",
    "a_press_is_noted_when_it_begins",
    "a_pause_makes_safe",
    "safe_mode_stays",
    "safe_mode_ends",
    "a_long_press_lets_go",
    "a_short_press_does_not",
    "safe_mode_is_explained",
    "safe_mode_is_remembered",
    "a_power_off_does_not_end_safe_mode",
    "its_end_is_complete",
    "only_its_end_is_forgotten",
    "safe_mode_is_seen",
    "the_pause_runs",
    "forgetting_hears_nothing",
    "only_power_up_counts",
    "only_a_hold_counts",
    "a_hold_is_counted",
    "the_count_is_whole",
    "letting_go_early_forgets_nothing",
    "letting_go_in_time_forgets",
    "a_button_that_is_stuck_forgets_nothing",
    "nothing_is_forgotten_unasked",
    "a_hold_alone_forgets_by_hand",
    "a_reset_that_is_asked_for_is_done",
    "forgetting_is_worked_at",
    "forgetting_is_told",
    "forgetting_goes_on",
    "a_pause_is_not_lost_over_it",
    "a_reset_that_fails_is_told",
    "a_reset_that_fails_is_over",
    "a_hold_at_power_up_does_not_end_safe_mode",
    "a_resume_is_heard_meanwhile",
    "what_is_about_to_be_forgotten_is_seen",
    "the_moment_to_let_go_is_seen",
    "forgetting_is_seen",
    "nobody_is_interrupted_by_a_new_start",
    "release_ends_listening",
    "silence_ends_listening",
    "every_turn_is_new",
    "every_turn_ends",
    "what_is_not_for_children_is_not_said",
    "the_toy_rests",
)
"""Properties of the chart that came with this software which no chart on this toy may break. What they say is read from
that chart, never from a bundle."""
_OPERATIONS: Final = frozenset(("call", "start", "stop", "timer", "cancel", "led"))
_LONGEST_TIMER: Final = 86_400.0
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "choice": (str,),
    "number": (int, float),
    "duration": (int, float),
    "boolean": (bool,),
}


@dataclass(frozen=True, slots=True)
class Fitness:
    """What was found when everything was right."""

    proof: Proof
    table: DecisionTable


@contextmanager
def told_by_name(place: Path, folder: Path | None = None) -> Iterator[None]:
    """What is wrong with a file in `place`, where it lies for a moment, is told by the name it has in `folder`, where
    somebody can mend it; or else in the bundle. Raises BundleError."""
    try:
        yield
    except PommaiError as caught:
        name = "" if folder is None else f"{folder}{os.sep}"
        raise BundleError(str(caught).replace(f"{place}{os.sep}", name)) from caught


def as_shipped(folder: Path) -> Settings:
    """The settings of a toy as it came, with these files of a bundle. Whatever lies in the working directory is out."""

    def file(name: str, usual: Path) -> Path:
        there = folder / BUNDLED[name]
        return there if there.exists() else usual

    return Settings(
        chart=file("chart", shipped_file(CHART_SOURCE)),
        sounds=file("sounds", RESOURCES / "sounds"),
        led_patterns=file("led_patterns", shipped_file("led_patterns.yaml")),
        offline_responses=file("offline_responses", shipped_file("offline_responses.yaml")),
        personas=file("personas", shipped_file("personas.yaml")),
    )


def check_update(settings: Settings) -> Fitness:
    """Look at the toy that these settings make. Raises BundleError with the first thing that is wrong."""
    try:
        return _check(settings)
    except BundleError:
        raise
    except PommaiError as caught:
        raise BundleError(f"the bundle is not fit for this toy: {caught}") from caught
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as caught:
        raise BundleError(f"the compiled chart is damaged ({type(caught).__name__}: {caught})") from caught


def _check(settings: Settings) -> Fitness:
    from pommai.gateway.personas import load_personas

    patterns = load_patterns(settings.led_patterns)
    sounds = SoundFolder(settings.sounds)
    _check_sounds(sounds)
    responses = load_responses(settings.offline_responses, sounds.names())
    load_personas(settings.personas)
    table = load_behaviour(
        settings.chart, frozenset(patterns), sounds.names(), settings.cache_dir, responses.command_names
    )
    vocabulary = toy_vocabulary(patterns, sounds.names(), responses.command_names)
    _check_source(settings.chart, table)
    check_names(table, vocabulary)
    return Fitness(_prove(table, demanded()), table)


def _check_sounds(sounds: SoundFolder) -> None:
    for name in sorted(sounds.names()):
        sounds.frames(name)
    missing = SoundFolder(RESOURCES / "sounds").names() - sounds.names()
    if missing:
        raise BundleError(f"sounds are missing that the toy plays: {', '.join(sorted(missing))}")


def _check_source(chart: Path, table: DecisionTable) -> None:
    """A compiled chart that comes with its source is of that source: people read the one, the toy runs the other."""
    source = chart.parent / CHART_SOURCE
    if chart.name == CHART and source.is_file() and Reader.of_file(source, ChartError).sha256 != table.source_sha256:
        raise BundleError(f"{chart.name} was not compiled from the {source.name} beside it; build the bundle anew")


# -- names ---------------------------------------------------------------------------------


def check_names(table: DecisionTable, vocabulary: Vocabulary) -> None:
    """Does the table ask for what this toy has? Raises BundleError with all that it has not."""
    wrong = [f"guard {name}" for name in table.guards if name not in vocabulary.guards]
    seen: set[str] = set()
    for step in table.steps():
        for operation in step.operations:
            if (words := _wrong_with(operation, vocabulary)) and words not in seen:
                seen.add(words)
                wrong.append(words)
    lights = {step.led for step in table.steps()} | {node.led for node in table.nodes}
    wrong += [f"light pattern {led}" for led in sorted(filter(None, lights)) if led not in _lights(vocabulary)]
    if wrong:
        raise BundleError(f"the chart needs what this toy does not have: {'; '.join(wrong[:10])}")


def _lights(vocabulary: Vocabulary) -> frozenset[str]:
    return vocabulary.led_patterns or frozenset()


def _wrong_with(operation: Operation, vocabulary: Vocabulary) -> str:
    """What this toy does not have of what an operation asks for; empty when it has all."""
    kind, name = operation.kind, operation.name
    if kind not in _OPERATIONS:
        return f"operation {ascii(kind)[:40]}"
    if kind == "timer" and not (math.isfinite(operation.seconds) and 0 < operation.seconds <= _LONGEST_TIMER):
        return f"{name}: a timer of {operation.seconds} s"
    if kind in ("timer", "cancel"):
        return "" if name.startswith("timer.") and name.count(".") == 2 else f"timer {ascii(name)[:80]}"
    if kind == "led":
        return "" if name in _lights(vocabulary) else f"light pattern {name}"
    if kind == "stop":
        return "" if name in vocabulary.activities else f"activity {name}"
    known: Mapping[str, Signature] = vocabulary.actions if kind == "call" else vocabulary.activities
    if name not in known:
        return f"{'action' if kind == 'call' else 'activity'} {name}"
    parameters = {parameter.name: parameter for parameter in known[name].parameters}
    for argument, value in operation.args.items():
        if argument not in parameters or not _fits(value, parameters[argument]):
            return f"{name} with {argument}: {ascii(value)[:80]}"
    lacking = [one.name for one in parameters.values() if one.required and one.name not in operation.args]
    return f"{name} without {', '.join(lacking)}" if lacking else ""


def _fits(value: object, parameter: Parameter) -> bool:
    if isinstance(value, bool) != (parameter.kind == "boolean") or not isinstance(value, _TYPES[parameter.kind]):
        return False
    return parameter.kind != "choice" or value in parameter.choices


# -- promises ------------------------------------------------------------------------------


def demanded() -> Specification:
    """What this software demands of any chart: MANDATORY, with what its own chart assumes and rests in."""
    reader = Reader.of_file(shipped_file(CHART_SOURCE), ChartError)
    vocabulary = toy_vocabulary(None, SoundFolder(RESOURCES / "sounds").names())
    all_of_it = check_chart(load_chart(reader), reader, vocabulary).specification
    claims = {claim.id: claim for claim in all_of_it.claims}
    return structs.replace(all_of_it, claims=tuple(claims[id_] for id_ in MANDATORY))


def _prove(table: DecisionTable, floor: Specification) -> Proof:
    own = table.specification
    there = {state for node in table.nodes for state in node.configuration}
    named = {state for claim in floor.claims for state in _states(claim)}
    if missing := named - there:
        # Of a state that does not exist, everything can be promised.
        raise BundleError(f"the chart has no state {', '.join(sorted(missing))}, of which a toy must keep promises")
    if not own.resting or not own.resting <= floor.resting:
        rests = ", ".join(sorted(floor.resting))
        raise BundleError(f"the chart rests in {', '.join(sorted(own.resting)) or 'no state'}; this toy in {rests}")
    # What may be assumed is a matter of the software, not of who writes a chart.
    promised = Specification(
        outside=own.outside | EVENTS.keys() | floor.outside,
        resting=own.resting,
        claims=(*(structs.replace(claim, id=_demand(claim)) for claim in floor.claims), *_others(own, floor)),
        assumptions=floor.assumptions,
    )
    proof = prove(structs.replace(table, specification=promised))
    broken = [verdict for verdict in proof.verdicts if not verdict.holds]
    if broken:
        words = "; ".join(f"{verdict.id} ({verdict.because})" for verdict in broken[:5])
        raise BundleError(f"the chart breaks {len(broken)} of its promises: {words}")
    return proof


def _others(own: Specification, floor: Specification) -> list[Claim]:
    """The chart's own claims, less those it shares with the floor, word by word."""
    same = [_meaning(claim) for claim in floor.claims]
    return [claim for claim in own.claims if _meaning(claim) not in same]


def _meaning(claim: Claim) -> Claim:
    """A claim, wherever it stands in a file, whatever it is called and for whatever reason."""
    return structs.replace(claim, id="", because="", line=0)


def _demand(claim: Claim) -> str:
    return f"{claim.id} (demanded by the toy)"


def _states(claim: Claim) -> set[str]:
    keys = ("in", "not_in", "from", "not_from", "to", "not_to", "entering")
    return {state for key in keys for item in claim.names.get(key, ()) for state in item}

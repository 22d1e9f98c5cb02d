"""The files that make the toy behave: chart, light patterns, answers, sounds; compiled, and on request proved."""

from __future__ import annotations

import time
from shlex import quote

from pommai.chart.prove import prove
from pommai.doctor.finding import Finding, blocking, broken, note, ok, wrong
from pommai.doctor.surroundings import Surroundings
from pommai.errors import ChartError, LightsError, PommaiError, ResponsesError, SoundError, TableError
from pommai.io.sounds import SoundFolder
from pommai.lights.load import load_patterns
from pommai.responses import load_responses
from pommai.toy.charts import kept_behaviour, load_behaviour

SLOW_SECONDS = 5.0
"""A start that takes longer with a cold cache is worth a compiled chart."""


def behaviour(surroundings: Surroundings) -> Finding:
    """Load all of it as the toy does at its start."""
    settings = surroundings.settings
    began = time.perf_counter()
    try:
        patterns = load_patterns(settings.led_patterns)
        sounds = SoundFolder(settings.sounds)
        bad = [words for name in sorted(sounds.names()) if (words := _unplayable(sounds, name))]
        responses = load_responses(settings.offline_responses, sounds.names())
        parts = (settings.chart, frozenset(patterns), sounds.names())
        kept, damage = None, ""
        try:
            kept = kept_behaviour(*parts, settings.cache_dir, responses.command_names)
        except TableError as caught:
            damage = str(caught)
        except OSError:
            pass  # closed to this user: compiled here
        table = kept or load_behaviour(*parts, None, responses.command_names)
    except (ChartError, LightsError, ResponsesError) as caught:
        first, *more = caught.problems
        words = f"{first}" + (f"; and {len(more)} more" if more else "")
        return broken(words, f"pommai check {first.file}", problems=[problem.as_json() for problem in caught.problems])
    except TableError as caught:
        return broken(str(caught), "compile it anew: pommai compile", chart=str(settings.chart))
    except PommaiError as caught:
        return broken(str(caught), "pommai check")
    seconds = time.perf_counter() - began
    compiled = settings.chart.suffix == ".json"
    figures: dict[str, object] = {
        "chart": str(settings.chart),
        "name": table.name,
        "configurations": len(table.nodes),
        "patterns": len(patterns),
        "sounds": len(sounds.names()),
        "compiled": compiled,
        "kept": kept is not None,
        "load_s": round(seconds, 2),
    }
    words = f"{settings.chart.name}, {len(table.nodes)} configurations, {len(patterns)} patterns"
    if kept is not None:
        words += ", compiled and kept"
    if damage:
        file = damage[: damage.index(".json ", len(str(settings.cache_dir))) + len(".json")]
        step = f"rm {quote(file)}\nthe next start compiles another; does the card still keep what is written?"
        return wrong(f"{words}; the compiled one that is kept is damaged: {damage}", step, **figures)
    if bad:
        return wrong(
            f"{words}; {bad[0]}" + (f", and {len(bad) - 1} more" if len(bad) > 1 else ""), "pommai check", **figures
        )
    if surroundings.thorough:
        proof = prove(table)
        broke = [verdict for verdict in proof.verdicts if not verdict.holds]
        figures |= {"properties": len(proof.verdicts), "not_held": [verdict.id for verdict in broke]}
        if broke:
            words = f"{len(broke)} of {len(proof.verdicts)} properties do not hold, first: {broke[0].words}"
            return broken(words, f"pommai verify {settings.chart}", **figures)
        words += f"; {len(proof.verdicts)} properties proved"
    if not compiled and kept is None and seconds > SLOW_SECONDS:
        step = f"pommai compile {settings.chart}\nthen name what it has written in the setting chart"
        return note(f"{words}; {seconds:.0f} s to compile at the first start", step, **figures)
    return ok(words, **figures)


def _unplayable(sounds: SoundFolder, name: str) -> str:
    try:
        sounds.frames(name)
    except SoundError as caught:
        return str(caught)
    return ""


check_behaviour = blocking(behaviour)

"""The keys of `led_patterns.yaml`: the one source of what the loader allows and what editors are told.

Each key is a JSON Schema fragment (draft 2020-12). Ranges of durations cannot be said in a schema; the
descriptions say them and the loader holds to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pommai.lights.colours import CSS_COLOURS, HEX

Fragment = Mapping[str, Any]

NAME: Final = r"^[a-z][a-z0-9_]*$"
PERCENT: Final = r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$"
DURATION: Final = r"^(?=.)([0-9]+(\.[0-9]+)?h)?([0-9]+(\.[0-9]+)?m)?([0-9]+(\.[0-9]+)?s)?([0-9]+(\.[0-9]+)?ms)?$"

SHORTEST_PERIOD_S: Final = 0.1
LONGEST_PERIOD_S: Final = 60.0
SHORTEST_STEP_S: Final = 0.02
"""One frame of the LEDs. What is shorter might never be shown."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its schema, and whether it must be written."""

    schema: Fragment
    required: bool = False

    @property
    def default(self) -> str:
        """What stands for the key when it is not written, as one would write it."""
        return str(self.schema["default"])


def _percent(description: str, default: str) -> Key:
    schema = {"type": "string", "pattern": PERCENT, "description": description, "default": default}
    return Key({**schema, "examples": [default]})


def _duration(description: str, default: str | None, *examples: str) -> Key:
    schema = {"type": "string", "pattern": DURATION, "description": description, "examples": list(examples)}
    return Key(schema, required=True) if default is None else Key({**schema, "default": default})


CSS_COLOUR: Final[Fragment] = {
    "description": "A CSS colour name, or hex in quotes such as '#ff8800'.",
    "anyOf": [{"enum": sorted(CSS_COLOURS)}, {"type": "string", "pattern": HEX}],
    "examples": ["orange", "#ff8800"],
}
ANY_COLOUR: Final[Fragment] = {
    "description": "A name from this file's `colours`, a CSS colour name, or hex in quotes such as '#ff8800'.",
    "anyOf": [{"$ref": "#/$defs/css_colour"}, {"type": "string", "pattern": NAME}],
    "examples": ["orange", "#ff8800"],
}
DEFINITIONS: Final[Mapping[str, Fragment]] = {"css_colour": CSS_COLOUR, "colour": ANY_COLOUR}
"""Fragments that others refer to as `#/$defs/...`: the list of colour names is long."""

COLOUR: Final = Key({"$ref": "#/$defs/colour"}, required=True)
COLOURS: Final = Key(
    {
        "description": "The colours to walk through, two to twelve; the last flows back into the first. "
        "Without it: the rainbow.",
        "type": "array",
        "items": COLOUR.schema,
        "minItems": 2,
        "maxItems": 12,
    }
)
LEVEL: Final = _percent(
    "The highest brightness as a person sees it: 50% looks half as bright as 100%. In a dark bedroom 40% is plenty; "
    "below 6% an LED shows nothing.",
    "40%",
)
LOW: Final = _percent("The lowest brightness, below `level`. With 0% the light goes out in between.", "0%")
PERIOD: Final = _duration("How long one round takes, 100ms to 1m. It repeats without end.", None, "4s", "1.5s")
DUTY: Final = _percent("The part of the period in which the light is on.", "50%")
TAIL: Final = _percent("The part of the period in which the light fades behind itself.", "70%")
FADE: Final = _duration("How long the change from the keyframe before takes, up to 1m. 0s is a jump.", "0s", "200ms")
HOLD: Final = _duration("How long the colour then stays, up to 1m.", "0s", "500ms")


def _phase(default: str) -> Key:
    return Key(
        {
            "description": "How far each LED is behind the one before it: a part of the period, `0%` for all together, "
            "or `even` to spread the LEDs over the whole period. One LED alone does not mind.",
            "anyOf": [{"const": "even"}, {"type": "string", "pattern": PERCENT}],
            "default": default,
            "examples": ["even", "0%", "15%"],
        }
    )


TOGETHER: Final = _phase("0%")
SPREAD: Final = _phase("even")

KEYFRAME: Final[Mapping[str, Key]] = {"colour": COLOUR, "level": LEVEL, "fade": FADE, "hold": HOLD}
"""Keys of one keyframe."""

FRAMES: Final = Key(
    {
        "description": "The keyframes, two to a hundred, one after the other; the last is followed by the first. "
        "The pattern starts with the first one fully there.",
        "type": "array",
        "items": {
            "type": "object",
            "description": "A colour, how long it takes to get there, and how long it stays.",
            "properties": {name: key.schema for name, key in KEYFRAME.items()},
            "required": ["colour"],
            "additionalProperties": False,
        },
        "minItems": 2,
        "maxItems": 100,
    },
    required=True,
)

DESCRIPTION: Final = Key(
    {"type": "string", "pattern": r"\S", "description": "What it tells a child or a grown-up, in a sentence."},
    required=True,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of pattern: what it looks like, and its keys besides `kind` and `description`."""

    description: str
    keys: Mapping[str, Key]


KINDS: Final[Mapping[str, Kind]] = {
    "steady": Kind("One colour that does not move.", {"colour": COLOUR, "level": LEVEL}),
    "breathe": Kind(
        "Falls and rises softly, as in sleep.",
        {"colour": COLOUR, "level": LEVEL, "low": LOW, "period": PERIOD, "phase": TOGETHER},
    ),
    "pulse": Kind(
        "A heartbeat: comes up fast and sinks slowly.",
        {"colour": COLOUR, "level": LEVEL, "low": LOW, "period": PERIOD, "phase": TOGETHER},
    ),
    "flash": Kind(
        "On and off with hard edges. Only for what is urgent.",
        {"colour": COLOUR, "level": LEVEL, "low": LOW, "period": PERIOD, "duty": DUTY, "phase": TOGETHER},
    ),
    "swirl": Kind(
        "Colours that flow into each other and run around the LEDs.",
        {"colours": COLOURS, "level": LEVEL, "period": PERIOD, "phase": SPREAD},
    ),
    "chase": Kind(
        "A light with a tail that runs along the LEDs; on one LED it flares up and fades.",
        {"colour": COLOUR, "level": LEVEL, "low": LOW, "period": PERIOD, "tail": TAIL, "phase": SPREAD},
    ),
    "keyframes": Kind(
        "Any sequence of colours, written step by step.",
        {"frames": FRAMES, "phase": TOGETHER},
    ),
}
"""Every kind of pattern by name."""

DOCUMENT: Final = ("colours", "patterns")
"""Keys of the file."""

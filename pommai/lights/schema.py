"""The JSON Schema of `led_patterns.yaml`, for editors to complete and underline while a designer types."""

from __future__ import annotations

from typing import Any

from pommai.lights.keys import DEFINITIONS, DESCRIPTION, KINDS, NAME, Kind


def schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. What it allows, the loader reads, but for ranges, names and flashing."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pommai light patterns",
        "description": "What the toy's LEDs do, by name. The chart (statechart.yaml) says when.",
        "type": "object",
        "properties": {
            "colours": {
                "description": "The toy's own colour names. A name that CSS has, too, means what is written here.",
                "type": "object",
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {"$ref": "#/$defs/css_colour"},
            },
            "patterns": {
                "description": "The patterns by name. Every pattern works on one LED and on three.",
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {"anyOf": [_pattern(name, kind) for name, kind in KINDS.items()]},
            },
        },
        "required": ["patterns"],
        "additionalProperties": False,
        "$defs": dict(DEFINITIONS),
    }


def _pattern(name: str, kind: Kind) -> dict[str, Any]:
    properties = {
        "description": DESCRIPTION.schema,
        "kind": {"const": name, "description": kind.description},
        **{key: entry.schema for key, entry in kind.keys.items()},
    }
    required = ["description", "kind", *(key for key, entry in kind.keys.items() if entry.required)]
    return {
        "title": name,
        "description": kind.description,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }

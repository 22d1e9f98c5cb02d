"""The keys of `statechart.yaml`, with the JSON Schema of each: one table for the loader and for editors."""

from __future__ import annotations

from typing import Any

Fragment = dict[str, Any]

ID = "[A-Za-z_][A-Za-z0-9_]*"
"""How a state, a guard, an action or a duration may be called."""
DURATION = r"([0-9]+(\.[0-9]+)?h)?([0-9]+(\.[0-9]+)?m)?([0-9]+(\.[0-9]+)?s)?([0-9]+(\.[0-9]+)?ms)?"


def _ref(name: str) -> Fragment:
    return {"$ref": f"#/$defs/{name}"}


def _described(fragment: Fragment, words: str) -> Fragment:
    return {**fragment, "description": words}


DOCUMENT_KEYS: dict[str, Fragment] = {
    "name": {"type": "string", "description": "The chart's name; it stands in compiled files and diagrams."},
    "description": {"type": "string", "description": "What this chart is for, in words for people."},
    "durations": {
        "type": "object",
        "description": "Named times, so that a time is tuned in one place: `listen_limit: 30s`.",
        "propertyNames": {"pattern": f"^{ID}$"},
        "additionalProperties": _ref("duration"),
    },
    "states": _described(
        _ref("states"), "The states. The first one is where the toy begins, unless one says `initial`."
    ),
}

STATE_KEYS: dict[str, Fragment] = {
    "description": {"type": "string", "description": "What the toy does in this state, in words for people."},
    "led": _described(_ref("led"), "The light pattern shown while the state is active."),
    "do": _described(_ref("actions"), "Activities: they run while the state is active and stop however it is left."),
    "enter": _described(_ref("actions"), "Actions on the way in."),
    "exit": _described(_ref("actions"), "Actions on the way out."),
    "after": {
        "type": "object",
        "description": "Timers: `10s: {target: idle}`. Start on entry, cancelled on exit.",
        "additionalProperties": {
            "anyOf": [_ref("timer_transition"), {"type": "array", "minItems": 1, "items": _ref("timer_transition")}]
        },
    },
    "transitions": {
        "type": "array",
        "description": "Ways out of this state, tried in this order.",
        "items": _ref("transition"),
    },
    "states": _described(_ref("states"), "States inside this one."),
    "parallel": {"type": "boolean", "description": "All states inside are active at the same time."},
    "initial": {"type": "boolean", "description": "Begin here (otherwise the first state is where it begins)."},
    "final": {"type": "boolean", "description": "The end: the state around it is done."},
    "history": {
        "type": "object",
        "description": "Places to return to: `where_we_were: {type: deep}` remembers what was active.",
        "propertyNames": {"pattern": f"^{ID}$"},
        "additionalProperties": _ref("history"),
    },
}

TIMER_TRANSITION_KEYS: dict[str, Fragment] = {
    "target": {"type": "string", "description": "The state to go to. Without it the toy stays and only acts."},
    "cond": _described(_ref("guard"), "Only if this holds: guard names, not, and, or, In('state')."),
    "unless": _described(_ref("guard"), "Only if this does not hold."),
    "on": _described(_ref("actions"), "Actions on the way."),
    "internal": {"type": "boolean", "description": "Do not leave and enter this state itself on the way inside it."},
}

TRANSITION_KEYS: dict[str, Fragment] = {
    "event": {
        "type": "string",
        "description": "The event waited for; several with spaces; `button.*` means all of them.",
    },
    **TIMER_TRANSITION_KEYS,
}

LED_KEYS: dict[str, Fragment] = {
    "pattern": {"type": "string", "description": "A pattern of led_patterns.yaml."},
    "priority": {"type": "integer", "description": "When several states want the light, the highest wins. Default 0."},
}

HISTORY_KEYS: dict[str, Fragment] = {
    "type": {"enum": ["shallow", "deep"], "description": "Remember the children (shallow) or all below (deep)."},
    "transitions": {
        "type": "array",
        "description": "Where to go when there is nothing to remember yet.",
        "items": _ref("transition"),
    },
}

NOT_ALLOWED: dict[str, str] = {
    "script": "a chart holds no code; write an action in pommai/actions",
    "datamodel": "a chart holds no variables; ask a guard",
    "foreach": "write the actions out",
    "assign": "a chart holds no variables; write an action in pommai/actions",
    "send": "use `raise: event`, or `after:` for something later",
    "cancel": "timers are cancelled by leaving their state",
    "invoke": "use `do:` for what takes time",
    "before": "put the actions into `on`",
    "donedata": "events of the chart carry no data",
    "if": "write two transitions, one with `cond`",
    "log": "`log` is an action: put it into enter, exit or on",
}
"""Words of python-statemachine's YAML that a toy may not use, and what to do instead."""


def schema(events: list[str], actions: list[str], activities: list[str], guards: list[str]) -> Fragment:
    """The JSON Schema (draft 2020-12) of `statechart.yaml`; the names given are offered while typing."""

    def names(known: list[str]) -> Fragment:
        return {"anyOf": [{"enum": known}, {"type": "string"}]} if known else {"type": "string"}

    def record(keys: dict[str, Fragment], **more: Any) -> Fragment:
        return {"type": "object", "additionalProperties": False, "properties": keys, **more}

    transition = {**TRANSITION_KEYS, "event": {**TRANSITION_KEYS["event"], **names(events)}}
    state = {**STATE_KEYS, "do": {**STATE_KEYS["do"], "$ref": "#/$defs/activities"}}

    def calls(known: list[str]) -> Fragment:
        one = {"anyOf": [names(known), {"type": "object", "minProperties": 1, "maxProperties": 1}]}
        return {"anyOf": [one, {"type": "array", "items": one}, {"type": "null"}]}

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pommai statechart",
        "description": "The behaviour of a toy.",
        **record(DOCUMENT_KEYS, required=["states"]),
        "$defs": {
            "state": {"anyOf": [record(state), {"type": "null"}]},
            "states": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": f"^{ID}$"},
                "additionalProperties": _ref("state"),
            },
            "transition": record(transition),
            "timer_transition": record(TIMER_TRANSITION_KEYS),
            "history": {"anyOf": [record(HISTORY_KEYS), {"type": "null"}]},
            "led": {"anyOf": [{"type": "string"}, record(LED_KEYS, required=["pattern"])]},
            "actions": calls([*actions, "raise"]),
            "activities": calls(activities),
            "guard": {"anyOf": [names(guards), {"type": "array", "items": {"type": "string"}}]},
            "duration": {"type": "string", "pattern": f"^{DURATION}$", "minLength": 2},
        },
    }

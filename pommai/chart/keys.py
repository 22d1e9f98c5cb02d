"""The keys of `statechart.yaml`, with the JSON Schema of each: one table for the loader and for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pommai.chart.vocabulary import Parameter, Signature, Vocabulary

Fragment = dict[str, Any]

ID = "[A-Za-z_][A-Za-z0-9_]*"
"""How a state, a guard, an action or a duration may be called."""
DURATION = r"([0-9]+(\.[0-9]+)?h)?([0-9]+(\.[0-9]+)?m)?([0-9]+(\.[0-9]+)?s)?([0-9]+(\.[0-9]+)?ms)?"

TEXT: Fragment = {"type": ["string", "number", "boolean"], "pattern": r"\S"}
"""Any single value: the loader reads the words as they are written, so `5` is text, too."""


def _ref(name: str) -> Fragment:
    return {"$ref": f"#/$defs/{name}"}


def _described(fragment: Fragment, words: str) -> Fragment:
    return {**fragment, "description": words}


DOCUMENT_KEYS: dict[str, Fragment] = {
    "name": {**TEXT, "description": "The chart's name; it stands in compiled files and diagrams."},
    "description": {**TEXT, "description": "What this chart is for, in words for people."},
    "durations": {
        "type": ["object", "null"],
        "description": "Named times, so that a time is tuned in one place: `listen_limit: 30s`.",
        "propertyNames": {"pattern": f"^{ID}$"},
        "additionalProperties": _ref("duration"),
    },
    "states": _described(
        _ref("states"), "The states. The first one is where the toy begins, unless one says `initial`."
    ),
}

STATE_KEYS: dict[str, Fragment] = {
    "description": {**TEXT, "description": "What the toy does in this state, in words for people."},
    "led": _described(_ref("led"), "The light pattern shown while the state is active."),
    "do": _described(_ref("activities"), "Activities: they run while the state is active and stop however it is left."),
    "enter": _described(_ref("actions"), "Actions on the way in."),
    "exit": _described(_ref("actions"), "Actions on the way out."),
    "after": {
        "type": ["object", "null"],
        "description": "Timers: `10s: {target: idle}`. Start on entry, cancelled on exit.",
        "propertyNames": {"pattern": f"^({ID}|{DURATION})$"},
        "additionalProperties": {
            "anyOf": [_ref("timer_transition"), {"type": "array", "minItems": 1, "items": _ref("timer_transition")}]
        },
    },
    "transitions": {
        "description": "Ways out of this state, tried in this order.",
        "anyOf": [_ref("transition"), {"type": "array", "items": _ref("transition")}],
    },
    "states": _described(_ref("states"), "States inside this one."),
    "parallel": {"type": "boolean", "description": "All states inside are active at the same time."},
    "initial": {"type": "boolean", "description": "Begin here (otherwise the first state is where it begins)."},
    "final": {"type": "boolean", "description": "The end: the state around it is done."},
    "history": {
        "type": ["object", "null"],
        "description": "Places to return to: `where_we_were: {type: deep}` remembers what was active.",
        "propertyNames": {"pattern": f"^{ID}$"},
        "additionalProperties": _ref("history"),
    },
}

TIMER_TRANSITION_KEYS: dict[str, Fragment] = {
    "target": {**TEXT, "description": "The state to go to. Without it the toy stays and only acts."},
    "cond": _described(_ref("guard"), "Only if this holds: guard names, not, and, or, In('state')."),
    "unless": _described(_ref("guard"), "Only if this does not hold."),
    "on": _described(_ref("actions"), "Actions on the way."),
    "internal": {"type": "boolean", "description": "Do not leave and enter this state itself on the way inside it."},
}

TRANSITION_KEYS: dict[str, Fragment] = {
    "event": {
        **TEXT,
        "description": "The event waited for; several with spaces; `button.*` means all of them.",
    },
    **TIMER_TRANSITION_KEYS,
}

LED_KEYS: dict[str, Fragment] = {
    "pattern": {**TEXT, "description": "A pattern of led_patterns.yaml."},
    "priority": {"type": "integer", "description": "When several states want the light, the highest wins. Default 0."},
}

HISTORY_KEYS: dict[str, Fragment] = {
    "type": {"enum": ["shallow", "deep"], "description": "Remember the children (shallow) or all below (deep)."},
    "transitions": {
        "type": "array",
        "description": "Where to go when there is nothing to remember yet.",
        "minItems": 1,
        "maxItems": 1,
        "items": _ref("history_transition"),
    },
}

HISTORY_TRANSITION_KEYS: dict[str, Fragment] = {key: TIMER_TRANSITION_KEYS[key] for key in ("target", "on")}

OTHER_WORDS: dict[str, str] = {
    "entry": "enter",
    "onentry": "enter",
    "on_enter": "enter",
    "onexit": "exit",
    "on_exit": "exit",
    "leave": "exit",
    "activities": "do",
    "activity": "do",
    "action": "on",
    "actions": "on",
    "always": "transitions",
    "timeout": "after",
    "timers": "after",
    "delay": "after",
    "to": "target",
    "goto": "target",
    "next": "target",
    "when": "cond",
    "if": "cond",
    "guard": "cond",
    "guards": "cond",
    "trigger": "event",
    "light": "led",
    "lights": "led",
    "pattern": "led",
}
"""What other statechart languages, and people, call our keys."""

ELSEWHERE: dict[str, str] = {
    "on": "actions stand in `enter` and `exit`, and in `on` of a transition",
    "target": "write `transitions: [{event: …, target: …}]`",
    "event": "events stand in `transitions` of a state",
    "cond": "guards stand in `cond` of a transition",
    "unless": "guards stand in `unless` of a transition",
    "led": "lights stand in `led` of a state",
    "do": "activities stand in `do` of a state",
    "enter": "actions of a transition stand in `on`",
    "exit": "actions of a transition stand in `on`",
    "after": "timers stand in `after` of a state",
    "transitions": "transitions stand in a state",
    "durations": "durations stand at the top of the file",
}
"""Keys that exist, for whoever wrote them where they mean nothing."""

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


def schema(vocabulary: Vocabulary) -> Fragment:
    """The JSON Schema (draft 2020-12) of `statechart.yaml`; the names of the vocabulary are offered while typing.

    It allows what the loader reads, but for what needs more than one place to know: names of states, durations and
    light patterns, guard expressions, the structure of the whole.
    """
    transition = {**TRANSITION_KEYS, "event": {**TRANSITION_KEYS["event"], **_offered(sorted(vocabulary.events))}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pommai statechart",
        "description": "The behaviour of a toy.",
        **_record(DOCUMENT_KEYS, "states"),
        "$defs": {
            "state": {"anyOf": [_record(STATE_KEYS), {"type": "null"}]},
            "states": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": f"^{ID}$"},
                "additionalProperties": _ref("state"),
            },
            "transition": _record(transition),
            "timer_transition": _record(TIMER_TRANSITION_KEYS),
            "history": _record(HISTORY_KEYS, "transitions"),
            "history_transition": _record(HISTORY_TRANSITION_KEYS, "target"),
            "led": {"anyOf": [TEXT, _record(LED_KEYS, "pattern")]},
            "actions": _calls(vocabulary.actions, {"raise": _described(TEXT, "An event for the chart itself.")}),
            "activities": _calls(vocabulary.activities, {}),
            "guard": _one_or_more(_offered(sorted(vocabulary.guards))),
            "duration": {"type": "string", "pattern": f"^{DURATION}$", "minLength": 2},
        },
    }


def _record(keys: dict[str, Fragment], *required: str) -> Fragment:
    return {"type": "object", "additionalProperties": False, "properties": keys, "required": list(required)}


def _offered(names: list[str]) -> Fragment:
    """Any text, with names to complete it to."""
    return {"anyOf": [{"enum": names}, TEXT]}


def _one_or_more(one: Fragment) -> Fragment:
    return {"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}


def _calls(known: Mapping[str, Signature], more: dict[str, Fragment]) -> Fragment:
    """One call, a list of them, or nothing: a name alone, or a name with arguments."""
    bare = [name for name, signature in known.items() if not any(p.required for p in signature.parameters)]
    full = {name: _call(signature) for name, signature in known.items() if signature.parameters}
    one: Fragment = {
        "anyOf": [
            *({"const": name, "description": known[name].meaning} for name in sorted(bare)),
            {
                "type": "object",
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {**dict(sorted(full.items())), **more},
            },
        ]
    }
    return {"anyOf": [one, {"type": "array", "items": one}, {"type": "null"}]}


def _call(signature: Signature) -> Fragment:
    arguments = {parameter.name: _argument(parameter) for parameter in signature.parameters}
    required = [parameter.name for parameter in signature.parameters if parameter.required]
    forms: list[Fragment] = [_record(arguments, *required)]
    if set(required) <= {signature.parameters[0].name}:
        forms.append(arguments[signature.parameters[0].name])
    return {"anyOf": forms, "description": signature.meaning}


def _argument(parameter: Parameter) -> Fragment:
    kinds: dict[str, Fragment] = {
        "boolean": {"type": "boolean"},
        "number": {"type": "number"},
        "duration": {"type": "string", "pattern": f"^({ID}|{DURATION})$"},
        "choice": {"enum": list(parameter.choices)} if parameter.choices else TEXT,
        "text": TEXT,
    }
    return kinds[parameter.kind]

"""The keys of `statechart.yaml`, with the JSON Schema of each: one table for the loader and for editors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pommai.chart.vocabulary import Parameter, Signature, Vocabulary

Fragment = dict[str, Any]

ID = "[A-Za-z_][A-Za-z0-9_]*"
"""How a state, a guard, an action or a duration may be called."""
DURATION = r"([0-9]+(\.[0-9]+)?h)?([0-9]+(\.[0-9]+)?m)?([0-9]+(\.[0-9]+)?s)?([0-9]+(\.[0-9]+)?ms)?"


def is_id(text: str) -> bool:
    """Whether something may be called so."""
    return re.fullmatch(ID, text) is not None


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

NAMES: Fragment = {"anyOf": [TEXT, {"type": "array", "minItems": 1, "items": TEXT}]}
"""One name, or a list of names."""

DOCUMENT_KEYS |= {
    "resting": {**NAMES, "description": "States the toy may stay in for ever. From everywhere it must come to one."},
    "properties": {
        "type": ["object", "null"],
        "description": "What must never, or must always, happen; `pommai verify` proves it. Each has a name.",
        "propertyNames": {"pattern": f"^{ID}$"},
        "additionalProperties": _ref("property"),
    },
    "assumptions": {
        "type": ["object", "null"],
        "description": "What `pommai verify` may take for granted about guards. Each has a name.",
        "propertyNames": {"pattern": f"^{ID}$"},
        "additionalProperties": _ref("assumption"),
    },
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

_IF = _described(_ref("guard"), "Only if this holds before the event: guard names, not, and, or, In('state').")
_FROM = {
    "from": {**NAMES, "description": "Only when one of these states is active before the event."},
    "not_from": {**NAMES, "description": "Only when none of these states is active before the event."},
    "on": {**NAMES, "description": "Only on one of these events; `link.*` means all of them. Default: every event."},
    "not_on": {**NAMES, "description": "On none of these events."},
    "if": _IF,
}
_BUT = {"but": {**NAMES, "description": "Actions or activities that are not meant, although an effect names them."}}

PROPERTY_KINDS: dict[str, dict[str, Fragment]] = {
    "never": {
        "in": {**NAMES, "description": "One of these states is active."},
        "not_in": {**NAMES, "description": "None of these states is active."},
        "doing": {**NAMES, "description": "One of these activities runs."},
        "not_doing": {**NAMES, "description": "None of these activities runs."},
        "light": {**NAMES, "description": "One of these patterns is shown."},
        "not_light": {**NAMES, "description": "None of these patterns is shown."},
        "if": _described(TEXT, "This holds: In('state'), not, and, or."),
        **_BUT,
    },
    "always": {
        **_FROM,
        "entering": {**NAMES, "description": "Only when the event makes one of these states active."},
        "to": {**NAMES, "description": "It leads to one of these states."},
        "not_to": {**NAMES, "description": "It leads to none of these states."},
        "calls": {**NAMES, "description": "All of these actions are called, in this order."},
        "never_calls": {**NAMES, "description": "None of these actions is called."},
        **_BUT,
        "within": _described(_ref("time"), "With `to`: at the latest after this time, if nothing else happens."),
    },
    "returns": {
        "from": _FROM["from"],
        "to": {**NAMES, "description": "Comes to one of these states. Default: those of `resting`."},
        "within": _described(_ref("time"), "At the latest after this time, by timers alone."),
    },
    "only": {
        "calls": {**NAMES, "description": "Each of these actions is called only then."},
        "starts": {**NAMES, "description": "Each of these activities is started only then."},
        **_BUT,
        **_FROM,
        "to": {**NAMES, "description": "Only when the event leads to one of these states."},
        "not_to": {**NAMES, "description": "Only when the event leads to none of these states."},
    },
}
"""The kinds of properties, each with its keys. A list of names means any of them; several keys mean all of them."""

PROPERTY_KEYS: dict[str, Fragment] = {
    "because": {**TEXT, "description": "Why this matters, in words for people."},
    "never": _described(_ref("never"), "No situation that can come about is like this."),
    "always": _described(_ref("always"), "Whenever this happens, that follows."),
    "returns": _described(_ref("returns"), "With timers alone, nobody helping, the toy comes back."),
    "only": _described(_ref("only"), "This happens only then."),
}

ASSUMPTION_KEYS: dict[str, Fragment] = {
    "because": {**TEXT, "description": "Why it may be taken for granted, in words for people."},
    "never_together": {
        "type": "array",
        "minItems": 2,
        "items": TEXT,
        "description": "At most one of these guards holds.",
    },
    "holds": _described(_ref("guard"), "This guard expression is true."),
    "on": {**NAMES, "description": "Only on these events. Default: always."},
    "in": {**NAMES, "description": "Only while one of these states is active. Default: everywhere."},
}

ASSUMPTION_KINDS = ("never_together", "holds")
"""What an assumption can say, each by itself."""

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
    "properties": "properties stand at the top of the file",
    "assumptions": "assumptions stand at the top of the file",
    "resting": "`resting` stands at the top of the file",
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
            "property": _one_kind(PROPERTY_KEYS, PROPERTY_KINDS),
            **{kind: {**_record(fragments), "minProperties": 1} for kind, fragments in PROPERTY_KINDS.items()},
            "assumption": _one_kind(ASSUMPTION_KEYS, ASSUMPTION_KINDS),
            "time": {"type": "string", "pattern": f"^({ID}|{DURATION})$"},
            "duration": {"type": "string", "pattern": f"^{DURATION}$", "minLength": 2},
        },
    }


def _record(keys: dict[str, Fragment], *required: str) -> Fragment:
    return {"type": "object", "additionalProperties": False, "properties": keys, "required": list(required)}


def _one_kind(keys: dict[str, Fragment], kinds: Iterable[str]) -> Fragment:
    """A record with a reason and exactly one of the kinds."""
    return {**_record(keys, "because"), "oneOf": [{"required": [kind]} for kind in kinds]}


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

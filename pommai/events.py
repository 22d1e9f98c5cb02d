"""The events that devices and activities emit: the only words the outside world has for the chart.

A chart that waits for an event not listed here waits for ever, so `pommai check` refuses it. Timers
(`timer.STATE.DURATION`) and finished states (`done.state.STATE`) come from the chart itself and are
not listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct, field

_NOTHING: Mapping[str, object] = MappingProxyType({})


class Event(Struct, frozen=True):
    """Something that happened.

    `turn` is the conversation turn the event belongs to, 0 when it belongs to none; the toy drops an
    event of an older turn. `data` holds the fields its EventSpec declares.
    """

    name: str
    data: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    turn: int = 0


class Field(Struct, frozen=True):
    """A payload field: its type and a hint for whoever generates events (a range, or examples)."""

    type: type
    hint: str


class EventSpec(Struct, frozen=True):
    """What is known of an event: who emits it, what it carries, whether it may ever be dropped."""

    name: str
    source: str
    meaning: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    vital: bool = False
    """A vital event is never dropped, however full the queue is."""


SOURCES = ("button", "wake", "audio", "link", "cloud", "toy", "safety", "error")

_REASON = {"reason": Field(str, "a sentence for the log")}
_TOY = {"toy_id": Field(str, "an id of letters, digits, - and _")}

_ALL = (
    EventSpec("button.pressed", "button", "The button went down."),
    EventSpec(
        "button.released",
        "button",
        "The button came up.",
        {"held_s": Field(float, "0.0..600.0")},
        vital=True,
    ),
    EventSpec(
        "button.held", "button", "The button has been down for 3 s.", {"held_s": Field(float, "3.0")}, vital=True
    ),
    EventSpec("button.triple_pressed", "button", "Three presses, each within 0.5 s of the one before."),
    EventSpec(
        "wake.heard",
        "wake",
        "The wake word was heard.",
        {"phrase": Field(str, "hey pommai"), "score": Field(float, "0.0..1.0")},
    ),
    EventSpec(
        "wake.refused",
        "wake",
        "What is to listen for the toy's name does not work; what listened before still does.",
        {**_REASON, "models": Field(str, "names of models, apart by spaces; may be empty")},
    ),
    EventSpec("speech.started", "audio", "The recording holds speech now."),
    EventSpec("speech.ended", "audio", "Speech was heard and has been followed by silence."),
    EventSpec("microphone.lost", "audio", "The microphone cannot be opened or has gone.", _REASON),
    EventSpec("microphone.back", "audio", "The microphone works (again)."),
    EventSpec("speaker.lost", "audio", "The speaker cannot be opened or has gone.", _REASON),
    EventSpec("speaker.back", "audio", "The speaker works (again)."),
    EventSpec("link.connecting", "link", "The toy calls the server."),
    EventSpec("link.up", "link", "The server has answered the handshake.", {"session": Field(str, "an id")}),
    EventSpec("link.down", "link", "The connection failed or was lost.", _REASON),
    EventSpec("identity.missing", "toy", "Nobody has told the toy yet who it is and where its server is."),
    EventSpec("reply.started", "cloud", "The first piece of the answer to this turn is here."),
    EventSpec("reply.finished", "cloud", "The answer has been played to its end."),
    EventSpec("reply.stalled", "cloud", "The answer stopped coming in the middle.", _REASON),
    EventSpec(
        "reply.failed",
        "cloud",
        "The server says it cannot answer this turn.",
        {"code": Field(str, "AUDIO_ERROR"), "message": Field(str, "a sentence")},
    ),
    EventSpec("answer.ready", "toy", "The answer that the toy makes on board is ready to be spoken."),
    EventSpec(
        "reply.blocked",
        "safety",
        "The server's answer to this turn has words in it that are not for this child.",
        {"category": Field(str, "scary")},
    ),
    EventSpec("toy.loaded", "toy", "The toy's configuration is here and in force.", _TOY),
    EventSpec("toy.load_failed", "toy", "The toy's configuration cannot be had.", {**_TOY, **_REASON}),
    EventSpec("toy.switch", "toy", "The server asks to become another toy.", {**_TOY, **_REASON}),
    EventSpec("config.offered", "cloud", "The server says what calls the toy and how it answers to that."),
    EventSpec(
        "safety.pause",
        "safety",
        "A grown-up or the server pauses the toy.",
        {"seconds": Field(float, "1.0..86400.0"), "message": Field(str, "a sentence, may be empty")},
        vital=True,
    ),
    EventSpec("safety.resume", "safety", "A grown-up or the server lets the toy go on.", vital=True),
    EventSpec(
        "safety.alert",
        "safety",
        "Something was said that a grown-up should know of.",
        {
            "severity": Field(str, "low, medium, high or urgent"),
            "reason": Field(str, "a sentence"),
            "transcript": Field(str, "what was said, may be empty"),
        },
        vital=True,
    ),
    EventSpec(
        "volume.asked", "cloud", "A grown-up wants the toy louder or softer.", {"percent": Field(float, "0.0..100.0")}
    ),
    EventSpec("stop.asked", "cloud", "The server wants the toy to be quiet."),
    EventSpec(
        "play.asked", "cloud", "The server wants to hear one of the toy's own sounds.", {"sound": Field(str, "hello")}
    ),
    EventSpec("reload.asked", "cloud", "The server wants the toy to ask anew who it is."),
    EventSpec("restart.asked", "cloud", "The server wants the toy to end and begin again."),
    EventSpec("reset.asked", "cloud", "The server, which has signed that, wants all to be forgotten.", vital=True),
    EventSpec("reset.failed", "toy", "Forgetting could not be begun, so nothing was forgotten.", _REASON, vital=True),
    EventSpec(
        "error.action",
        "error",
        "An action of the chart raised an exception.",
        {"action": Field(str, "its name"), "error": Field(str, "a sentence")},
        vital=True,
    ),
    EventSpec(
        "error.activity",
        "error",
        "An activity of the chart raised an exception.",
        {"activity": Field(str, "its name"), "error": Field(str, "a sentence")},
        vital=True,
    ),
)

EVENTS: Mapping[str, EventSpec] = MappingProxyType({spec.name: spec for spec in _ALL})
"""Every event that exists, by name."""

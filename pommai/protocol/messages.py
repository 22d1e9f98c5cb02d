"""Every message of the wire, as a value. `pommai.protocol.wire` turns them into bytes and back.

Field names are ours; where the wire spells one differently, the annotation says so (`Wire`). A field that has a
default may be missing on the wire, or null. Times are text, UTC, ISO 8601; nothing is ever ordered by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Struct, field

from pommai.protocol.limits import MAX_INTEGER, MAX_NUMBER, PROTOCOL_VERSION
from pommai.protocol.schema import Identified, Pattern, Range, Wire

Number = Annotated[int, Range(0, MAX_NUMBER)]
"""Turn and sequence numbers. A turn's frames count from 0."""
Id = Annotated[str, Pattern(r"[A-Za-z0-9_-]{1,128}", "an id of letters, digits, - and _")]
DeviceId = Annotated[str, Pattern(r"[A-Za-z0-9_.:-]{1,128}", "an id of letters, digits, - _ . and :")]
"""Wider than Id, for many a device goes by its MAC address or host name."""
Version = Annotated[int, Range(0, MAX_INTEGER)]
"""Of an update bundle."""
Open = Mapping[str, object]
"""An object whose keys the protocol leaves open: JSON values, checked only for depth and size of numbers."""

# -- sound ---------------------------------------------------------------------------------


class UpAudio(Struct, frozen=True):
    """20 ms of the child's turn. `packet` is one Opus packet; empty only on a final frame, which then just marks the
    end."""

    turn: int
    sequence: int
    packet: bytes
    final: bool = False


class DownAudio(Struct, frozen=True):
    """20 ms of the answer to `turn`. `packet` is one Opus packet; it may be empty on a final frame, which then just
    marks the end, and on one with `conceal`: the server has lost this frame, the player makes up for it."""

    turn: int
    sequence: int
    packet: bytes
    final: bool = False
    conceal: bool = False


class AudioResponse(Struct, frozen=True):
    """Frames of an answer in the hex form, several in one message, with words about them."""

    turn: int
    chunks: tuple[DownAudio, ...]
    """All of this turn."""
    transcript: str | None = None
    """The answer as text."""
    emotion: str | None = None


# -- meeting -------------------------------------------------------------------------------


class Handshake(Struct, frozen=True):
    """The toy introduces itself: the first message of a connection."""

    device_id: Annotated[DeviceId, Wire("deviceId")]
    toy_id: Annotated[Id, Wire("toyId")]
    protocol: Number = PROTOCOL_VERSION
    capabilities: Mapping[str, bool] = field(default_factory=dict)
    """audio, wake_word, offline_mode, toy_switching, guardian_mode, binary_audio."""
    challenge: Annotated[str | None, Pattern(r"[0-9a-f]{32}", "32 hex digits")] = None
    """Random, new for each connection, of a toy that has keys of its server: what is signed is signed for it."""


class HandshakeAck(Struct, frozen=True):
    """The server's answer: from now on the toy may talk."""

    session_id: Annotated[str, Wire("sessionId")]
    capabilities: Mapping[str, bool] = field(default_factory=dict)
    server_time: Annotated[str | None, Wire("serverTime")] = None


class Ping(Struct, frozen=True):
    """Are you there? Above WebSocket's own ping, so that it tests whoever handles messages."""

    timestamp: str


class Pong(Struct, frozen=True):
    """The answer: the ping's `timestamp` again."""

    timestamp: str
    server_time: str | None = None


class ErrorMessage(Struct, frozen=True):
    """The server cannot do what was asked. `code`: AUTH_FAILED, TOY_NOT_FOUND, RATE_LIMITED, AUDIO_ERROR,
    SAFETY_VIOLATION, BAD_MESSAGE, or one that is newer than this toy."""

    code: str
    message: str
    details: Open = field(default_factory=dict)
    """`retry_after`: seconds. `turn`: the turn that failed, when it was one."""


# -- talking -------------------------------------------------------------------------------


class TextResponse(Struct, frozen=True):
    """The answer's words, and what the server understood the child to say."""

    turn: Number
    text: str
    user_text: str | None = None


class Abort(Struct, frozen=True):
    """The toy wants no (more) answer to `turn`. `reason`: barge-in, safe mode, switching."""

    turn: Number
    reason: str


# -- who the toy is ------------------------------------------------------------------------


class VoiceSettings(Struct, frozen=True):
    """`speed` and `pitch` are factors, 1.0 is the voice as it is."""

    voice_id: str = ""
    speed: Annotated[float, Range(0.25, 4.0)] = 1.0
    pitch: Annotated[float, Range(0.25, 4.0)] = 1.0


class GuardianSettings(Struct, frozen=True):
    """What grown-ups allow. Strict where nothing is said."""

    content_filter_level: str = "strict"
    allowed_topics: tuple[str, ...] = ()
    blocked_topics: tuple[str, ...] = ()
    retention_days: Mapping[str, Annotated[int, Range(0, 3650)]] = field(default_factory=dict)
    """How long the toy keeps conversations, safety_events and metrics. Where nothing is said, its own default."""
    allow_uploads: bool = False
    """Whether recordings of the child may be kept anywhere beyond the toy's memory."""


class ToyProfile(Struct, frozen=True):
    """A toy's character. For kids and strict where nothing is said."""

    toy_id: Annotated[Id, Wire("toyId")]
    name: str
    personality_prompt: str = ""
    voice_settings: VoiceSettings = VoiceSettings()
    is_for_kids: bool = True
    safety_level: str = "strict"
    wake_word: str | None = None
    wake_word_alternatives: tuple[str, ...] = ()
    """Tried in this order when the speech model does not know a word of `wake_word`."""
    wake_engine: str = "vosk"
    """vosk, microwakeword, openwakeword or none."""
    wake_models: tuple[str, ...] = ()
    """Models of the engines that have one for each phrase: built in ones by name, or files of the toy by bare name."""
    wake_sensitivity: Annotated[float, Range(0.0, 1.0)] = 0.5
    """0.0 hardly ever wakes, 1.0 wakes easily."""
    acknowledgements: tuple[str, ...] = ()
    """Sounds of the toy, one of which answers the wake word. None: the wake earcon does."""
    led_theme: Mapping[str, str] = field(default_factory=dict)
    """Light patterns shown in place of others, by name: breathing_blue: breathing_amber."""
    knowledge_base: object = None
    """The server's own; the toy keeps it as it is (any JSON)."""
    guardian_settings: GuardianSettings = GuardianSettings()


class Signature(Struct, frozen=True):
    """A server's word that it means a message: Ed25519, over the bytes that `pommai.protocol.signing` makes of it."""

    key: Annotated[str, Pattern(r"[0-9a-f]{8,64}", "hex")]
    """The first bytes of the SHA-256 of the public key."""
    number: Annotated[int, Range(1, MAX_NUMBER)]
    """Higher than any before it on this connection."""
    expires: Annotated[int, Range(0, MAX_INTEGER)]
    """Milliseconds since 1970."""
    value: Annotated[str, Pattern(r"[0-9a-f]{128}", "128 hex digits")]


class GetToyConfig(Struct, frozen=True):
    """The toy asks who it is."""

    toy_id: Annotated[Id, Wire("toyId")]


class ToyConfig(Struct, frozen=True):
    """The answer to GetToyConfig. What it allows to be uploaded may ask for a signature."""

    config: ToyProfile
    signature: Signature | None = None


class ToyConfigUpdate(Struct, frozen=True):
    """The current toy was changed."""

    config: ToyProfile
    signature: Signature | None = None


class SwitchToy(Struct, frozen=True):
    """Become another toy."""

    toy_id: Annotated[Id, Wire("toyId")]
    reason: str = ""


class PiConfigUpdate(Struct, frozen=True):
    """Settings of the device: HOTWORD_MODELS, HOTWORD_THRESHOLD, ACKNOWLEDGEMENT_AUDIO_FILES. Untrusted: whoever
    applies it checks key by key."""

    payload: Open


class RefusedSetting(Struct, frozen=True):
    """A setting that the toy does not take, wholly or in part, and why."""

    key: str
    reason: str


class PiConfigReport(Struct, frozen=True):
    """The toy's answer to PiConfigUpdate."""

    applied: Open = field(default_factory=dict)
    """What is in force now of what the server has ever set, by its keys."""
    refused: tuple[RefusedSetting, ...] = ()


class Command(Struct, frozen=True):
    """Do something now. `name`: stop, volume, restart, reload, play, update, reset."""

    name: str
    args: Open = field(default_factory=dict)
    signature: Signature | None = None
    """A toy that has keys of its server asks for one where the command changes it."""


class SoftwareReport(Struct, frozen=True):
    """Which software the toy runs, where somebody else than the toy installs it. It has versions of its own."""

    version: Version = 0
    """In force; 0: what it was installed with."""
    trial: bool = False
    """It has not proved itself yet."""
    waiting: Version = 0
    """Taken, and in force from the next rest on, once it is installed; 0: none."""
    installed: bool = False
    """What waits is installed."""
    failed: tuple[Version, ...] = ()
    """Versions that did not work on this toy, the latest of them."""
    undone: Version = 0
    """The version that was taken back last, and `reason` why; 0: none since anything was installed."""
    reason: str = ""


class UpdateReport(Struct, frozen=True):
    """Which update bundle the toy runs, and what has become of the one it was offered last. Toys that take bundles say
    so on every connect, and whenever it changes."""

    version: Version
    """In force; 0: what came with the software."""
    device_type: Id
    """The kind of toy it is, and `fleet` the fleet it is of, as bundles name them."""
    fleet: Id
    trial: bool = False
    """It has not proved itself yet."""
    waiting: Version = 0
    """Taken, and in force from the next rest on; 0: none."""
    failed: tuple[Version, ...] = ()
    """Versions that did not work on this toy, the latest of them."""
    offer: Annotated[str | None, Pattern(r"[0-9a-f]{64}", "a SHA-256 in hexadecimal")] = None
    """SHA-256 of the file that was offered last, since the toy was started, or could not be installed before that."""
    outcome: Literal["", "taking", "taken", "refused"] = ""
    """What came of that offer, and `reason` why, when it was refused."""
    reason: str = ""
    software: SoftwareReport | None = None
    """None: it says nothing of that, as older toys do."""
    undone: Version = 0
    """The version that the toy took back last, and `why`; 0: none since any was taken."""
    why: str = ""


# -- safety --------------------------------------------------------------------------------


class GuardianAlert(Struct, frozen=True):
    """Something a grown-up should know."""

    severity: str
    reason: str
    timestamp: str
    transcript: str | None = None
    id: str | None = None
    """Of the safety event that the toy keeps of it and syncs: by it the server knows the two for one."""


class SafetyOverride(Struct, frozen=True):
    """A grown-up or the server pauses the toy, or lets it go on."""

    action: Literal["pause_interaction", "resume"]
    duration: Annotated[float, Range(0.0, 86_400.0)] = 0.0
    """Seconds; 0 with pause_interaction means until resume. Of two pauses the one that lasts longer counts."""
    message: str = ""
    signature: Signature | None = None
    """A toy that has keys of its server asks for one with `resume`."""


NOTE = "note"
"""Severity of a safety event that is kept for whoever wants to read it, and alarms nobody."""

# -- keeping -------------------------------------------------------------------------------


class Conversation(Struct, frozen=True):
    """One exchange. `id` is made by the toy and unique."""

    id: str
    toy_id: Id
    user_input: str
    toy_response: str
    timestamp: str
    was_offline: bool


class SaveConversation(Struct, frozen=True):
    """Keep this exchange."""

    conversation: Conversation


Items = tuple[Annotated[Open, Identified()], ...]
"""Objects with a unique `id` (text, made by the toy)."""


class SyncBatch(Struct, frozen=True):
    """What happened while the toy was offline. The toy keeps the items until they are acknowledged."""

    batch: str
    conversations: Items = ()
    safety_events: Items = ()
    metrics: Items = ()
    logs: Items = ()


class Rejected(Struct, frozen=True):
    """An item the server does not take, and why."""

    id: str
    reason: str


class SyncAck(Struct, frozen=True):
    """Which items of a batch the server has. An item it had already counts as accepted."""

    batch: str
    accepted: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()


class Unknown(Struct, frozen=True):
    """A message of a type this end has never heard of: log it once, go on."""

    type: str


Message = (
    Handshake
    | HandshakeAck
    | Ping
    | Pong
    | ErrorMessage
    | TextResponse
    | Abort
    | GetToyConfig
    | ToyConfig
    | ToyConfigUpdate
    | SwitchToy
    | PiConfigUpdate
    | PiConfigReport
    | Command
    | UpdateReport
    | GuardianAlert
    | SafetyOverride
    | SaveConversation
    | SyncBatch
    | SyncAck
)
"""Any message but sound."""

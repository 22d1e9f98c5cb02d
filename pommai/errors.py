"""Every error Pommai raises on purpose.

PommaiError
├── SourceError            a file that people edit is wrong; carries every Problem found in it
│   ├── ChartError         statechart.yaml
│   ├── LightsError        led_patterns.yaml
│   ├── PersonasError      personas.yaml
│   ├── ResponsesError     offline_responses.yaml
│   ├── EnginesError       gateway.yaml
│   ├── ScriptError        a conversation for `pommai demo`
│   ├── ProfileError       a profile of `pommai fuzz`
│   └── ReplayError        a replay file: cut off, edited, of another format or another chart
├── TableError             a compiled chart cannot be used: damaged, of another format
├── SettingsError          a setting has a wrong value; names the setting and where it came from
├── ProtocolError          the other end of the wire sent what the protocol does not allow
├── LinkError              the server cannot be reached, or does not want us
│   ├── AuthenticationError   it refused our token, or the device's secret
│   └── CertificateError      whoever answers there is not who it should be
├── CloudError             a cloud function did not do what it was asked for
│   ├── CloudUnreachableError   no answer, or none that can be understood: another time it may do
│   └── CloudFunctionError      it answered with an error, whose code says what to do
├── SecretError            a secret cannot be read, or by too many
├── DeviceError            a device is missing, busy or gone
│   └── AudioDeviceError   no such sound device; lists those there are
├── DemoError              a demo did not go as its script says
├── CodecError             audio that cannot be encoded or decoded
├── SoundError             a sound file is missing or in a format the toy does not play
├── ModelError             a speech model is missing, damaged, or lacks a word it is asked for
├── RecognitionError       speech cannot be understood on board: no model, or it cannot be loaded
├── SpeechError            text cannot be spoken: no voice, or it failed
├── ChatError              a language model cannot be reached, refuses, or writes nothing that can be used
├── FleetError             the gateways of a fleet cannot hear each other now
├── RegistryError          a device is not registered, or is already
├── BundleError            an update bundle cannot be made, trusted or used
└── StoreError             what the toy remembers cannot be read or written
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class Problem(Struct, frozen=True, order=True):
    """One thing that is wrong in a file people edit.

    `line` and `column` count from 1, as editors do. `hint` says how to put it right and may be empty.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        words = f"{self.file}:{self.line}:{self.column}: error: {self.message}"
        return f"{words} ({self.hint})" if self.hint else words

    def as_json(self) -> dict[str, str | int]:
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "severity": "error",
            "message": self.message,
            "hint": self.hint,
        }


class PommaiError(Exception):
    """Base of all errors Pommai raises on purpose. `str()` is a sentence for a person."""


class SourceError(PommaiError):
    """A file that people edit is wrong. `problems` holds all that was found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ChartError(SourceError):
    """statechart.yaml is wrong."""


class LightsError(SourceError):
    """led_patterns.yaml is wrong."""


class PersonasError(SourceError):
    """personas.yaml is wrong."""


class ResponsesError(SourceError):
    """offline_responses.yaml is wrong."""


class EnginesError(SourceError):
    """gateway.yaml is wrong."""


class ScriptError(SourceError):
    """A script of `pommai demo` is wrong."""


class ProfileError(SourceError):
    """A profile of `pommai fuzz` is wrong."""


class ReplayError(SourceError):
    """A replay file is cut off, wrong, of another format, or of another chart."""


class TableError(PommaiError):
    """A compiled chart cannot be used: damaged, or written in another format."""


class SettingsError(PommaiError):
    """A setting has a wrong value. The message names the setting and its origin."""


class ProtocolError(PommaiError):
    """The other end sent something that the wire protocol does not allow.

    `code` is one of the protocol's error codes, so that a server can answer with it.
    """

    def __init__(self, message: str, code: str = "BAD_MESSAGE") -> None:
        self.code = code
        super().__init__(message)


class LinkError(PommaiError):
    """The server cannot be reached, or does not want us."""


class AuthenticationError(LinkError):
    """The server refused the toy's token, or the secret it asks for tokens with."""


class CertificateError(LinkError):
    """Who answers at the server's address does not show that it is the toy's server."""


class CloudError(PommaiError):
    """A cloud function did not do what it was asked for."""


class CloudUnreachableError(CloudError):
    """The cloud does not answer, or not as it should. `again`: whether the same call may go well soon."""

    def __init__(self, message: str, *, again: bool = True) -> None:
        self.again = again
        super().__init__(message)


class CloudFunctionError(CloudError):
    """A cloud function answered with an error.

    `code` is one of docs/cloud.md's, or SERVER_ERROR where the server gave none. `retry_after`: seconds to wait before
    the next call, None when the server does not say.
    """

    def __init__(self, message: str, code: str, retry_after: float | None = None) -> None:
        self.code = code
        self.retry_after = retry_after
        super().__init__(message)


class SecretError(PommaiError):
    """A secret cannot be read, or too many can read it. Never shows the secret."""


class DeviceError(PommaiError):
    """A device is missing, busy or gone."""


class AudioDeviceError(DeviceError):
    """There is no such sound device. The message lists the devices there are."""


class DemoError(PommaiError):
    """A demo did not go as its script says, or a process it started has ended."""


class CodecError(PommaiError):
    """Audio that cannot be encoded or decoded."""


class SoundError(PommaiError):
    """A sound file is missing, or in a format the toy does not play."""


class ModelError(PommaiError):
    """A speech model is missing or damaged, cannot be loaded, or does not know a word it is asked to listen for."""


class RecognitionError(PommaiError):
    """Speech cannot be understood on board: there is no model, or it cannot be loaded."""


class SpeechError(PommaiError):
    """Text cannot be spoken: there is no voice, or it failed."""


class ChatError(PommaiError):
    """A language model cannot be reached, refuses, or writes nothing that can be used."""


class FleetError(PommaiError):
    """The gateways of a fleet cannot hear each other now. Nothing was changed, unless the words say so."""


class RegistryError(PommaiError):
    """A device is not registered, is registered already, or cannot be called so."""


class BundleError(PommaiError):
    """An update bundle cannot be made, trusted or used; what was in force still is."""


class StoreError(PommaiError):
    """What the toy remembers cannot be read or written."""

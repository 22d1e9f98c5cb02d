"""The mixers of both HATs as `amixer scontents` writes them: names, ranges and layout of alsa-utils 1.2 and of the
kernel's wm8960.c and tlv320aic3x.c."""

from __future__ import annotations

V1_LEVELS = {"Playback": (255, 100), "Speaker": (127, 85), "Headphone": (127, 80), "ADC PCM": (255, 76)}
V1_SWITCHES = (
    *("Left Output Mixer PCM", "Right Output Mixer PCM", "Left Input Mixer Boost", "Right Input Mixer Boost"),
    *("Left Boost Mixer LINPUT1", "Right Boost Mixer RINPUT1"),
)
V1_BOOSTS = ("Left Input Boost Mixer LINPUT1", "Right Input Boost Mixer RINPUT1")
V2_LEVELS = {"PCM": (127, 100), "Line DAC": (118, 85), "HP DAC": (118, 80), "HPCOM DAC": (118, 80)}
V2_SWITCHES = (
    *("Left Line Mixer DACL1", "Right Line Mixer DACR1", "Left HP Mixer DACL1", "Right HP Mixer DACR1"),
    *("Left PGA Mixer Line1L", "Right PGA Mixer Line1R"),
)


def _level(name: str, top: int, percent: int, *, switch: bool | None = None, way: str = "Playback") -> str:
    value = round(top * percent / 100)
    letter = {"Playback": "p", "Capture": "c"}[way]
    state = "" if switch is None else f" [{'on' if switch else 'off'}]"
    channel = f"{way} {value} [{percent}%] [-18.75dB]{state}"
    has_switch = "" if switch is None else f" {letter}switch"
    return (
        f"Simple mixer control '{name}',0\n  Capabilities: {letter}volume{has_switch}\n"
        f"  {way} channels: Front Left - Front Right\n  Limits: {way} 0 - {top}\n  Mono:\n"
        f"  Front Left: {channel}\n  Front Right: {channel}\n"
    )


def _switch(name: str, on: bool) -> str:
    return (
        f"Simple mixer control '{name}',0\n  Capabilities: pswitch pswitch-joined\n  Playback channels: Mono\n"
        f"  Mono: Playback [{'on' if on else 'off'}]\n"
    )


def _boost(name: str, percent: int) -> str:
    value = round(3 * percent / 100)
    return (
        f"Simple mixer control '{name}',0\n  Capabilities: volume volume-joined\n  Playback channels: Mono\n"
        f"  Capture channels: Mono\n  Limits: 0 - 3\n  Mono: {value} [{percent}%] [20.00dB]\n"
    )


def wm8960(**changes: int | bool) -> str:
    """Version 1. A number changes a level (in percent), a truth a switch."""
    text = ""
    for name, (top, percent) in V1_LEVELS.items():
        given = changes.get(name, percent)
        text += _level(name, top, int(given))
    capture = changes.get("Capture", 76)
    on = capture if isinstance(capture, bool) else True
    text += _level("Capture", 63, 76 if isinstance(capture, bool) else capture, switch=on, way="Capture")
    for name in V1_SWITCHES:
        text += _switch(name, bool(changes.get(name, True)))
    for name in V1_BOOSTS:
        text += _boost(name, int(changes.get(name, 67)))
    text += "Simple mixer control 'DAC Mono Mix',0\n  Capabilities: enum\n  Items: 'Stereo' 'Mono'\n  Item0: 'Stereo'\n"
    return text + _level("Speaker DC", 5, 0)


def aic3104(**changes: int | bool) -> str:
    """Version 2, likewise."""
    text = ""
    for name, (top, percent) in V2_LEVELS.items():
        text += _level(name, top, int(changes.get(name, percent)))
    for name in V2_SWITCHES:
        text += _switch(name, bool(changes.get(name, True)))
    text += _level("Line", 9, 0, switch=bool(changes.get("Line", True)))
    text += _level("HP", 9, 0, switch=False)
    pga = changes.get("PGA", 45)
    on = pga if isinstance(pga, bool) else True
    text += _level("PGA", 119, 45 if isinstance(pga, bool) else pga, switch=on, way="Capture")
    return text + _switch("AGC", bool(changes.get("AGC", False)))


WM8960 = wm8960()

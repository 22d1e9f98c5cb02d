"""The reference page of the settings, docs/settings.md: made of the table that they are read with."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from pommai.toy.settings import CONFIG_ENVIRONMENT, CONFIG_NAME, Settings, environment_name, flag

_INTRODUCTION: Final = f"""\
# Settings of the toy

Written by `pommai schema --settings`; do not change it by hand.

A setting may be given in three places. The later one counts:

1. the settings file {CONFIG_NAME}: the one that `--config` or {CONFIG_ENVIRONMENT} names, else the one in the working
   directory; /etc/pommai/{CONFIG_NAME} on an installed toy
2. an environment variable, unless it is empty
3. a flag of `pommai run`

A relative path in the file starts at the file's folder, any other at the working directory. Durations are written as
250ms, 30s, 10m or 1m30s. A value that is wrong, or a name that no setting has, ends `pommai run` with exit code 2 and a
line for each that says where it stands and what is allowed.

## Secrets

A secret comes from a file that its owner alone can read (`token_file = "/etc/pommai/token"`,
`device_secret = "file:/etc/pommai/secret"`), from systemd (`"credential:pommai-token"`, `"credential:pommai-secret"`:
the toy's unit loads these from /etc/credstore, where they are there), or from a TPM. A secret itself is taken from no
setting, flag or environment variable: every user of the machine can read flags, a settings file is copied, and an
environment is handed on to every program that the toy starts. A file that others than its owner can read, or that
belongs to another user, is refused. A toy that has neither a token nor a device's secret, or cannot read what it has,
runs, says with lights and voice that it must be set up, and why in its log.

## From the boot partition

A file {CONFIG_NAME} on the boot partition of an installed toy is taken at its next start, and wiped: see
deploy/provision.example.toml. It may hold
{{keys}}.

## All settings
"""


def page() -> str:
    """The page, as Markdown."""
    from pommai.toy.provision import KEYS

    keys = ", ".join(f"`{key}`" for key in KEYS)
    parts = [_INTRODUCTION.replace("{keys}", keys)]
    for row in fields(Settings):
        about, default = row.metadata["about"], row.metadata["shown_default"]
        lines = [f"### {row.name}", "", f"{about[0].upper()}{about[1:]}.", ""]
        lines.append(f"- default: {default}")
        lines.append(f"- environment: `{environment_name(row.name)}`")
        lines.append(f"- flag: `{flag(row.name)}`")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)

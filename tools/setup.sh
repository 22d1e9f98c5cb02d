#!/bin/sh
# Makes the machine ready for `make run` and `make test`: system packages through apt where that is
# permitted, and the Python environment in .venv. `make` calls it when pyproject.toml or this file has
# changed, so a second `make` does not come here.
set -eu
cd "$(dirname "$0")/.."

# Package, what it is for. python3-venv, python3-dev and gcc are added below, where Python needs them.
PACKAGES='
libopus0            Opus, the voice on the wire; nothing speaks or listens without it
portaudio19-dev     microphones and speakers; without it sound goes from and to WAV files only
alsa-utils          names of sound cards, and their volume
libasound2-plugins  sound cards made of pipes, so that sound can be tried on a machine that has none
espeak-ng           speaks where no recording does: the toy without a server, examples, tests
libsoxr0            changes sample rates: what espeak-ng says to what the toy plays
libspeexdsp1        lets a sound card keep its own sample rate
libopusfile0        reads sound files that are Opus; those that are WAV play without it
sox                 converts recordings; error messages name it, and the tests try what they say
graphviz            pictures of the chart
systemd             systemd-analyze, which judges how little the toy may do as a service
device-tree-compiler  compiles what describes the HAT; the tests do
redis-tools         holds a redis-server under another name: the tests of a fleet of gateways start it
'

say() { printf 'setup: %s\n' "$*"; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs a command quietly; shows what it said only when it fails.
quietly() {
    if "$@" >"$log" 2>&1 </dev/null; then
        return 0
    fi
    sed 's/^/    /' "$log" >&2
    return 1
}

is_installed() {
    dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

# The newest Python from 3.11 on that can make environments; nothing when there is none.
find_python() {
    for name in python3.13 python3.12 python3.11 python3; do
        if "$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
}

python_headers() {
    "$python" -c 'import sysconfig; print(sysconfig.get_path("include"))'
}

# PyAudio is built from source: compiler, Python's headers and PortAudio's must all be there.
can_build_audio() {
    printf '#include <Python.h>\n#include <portaudio.h>\n' | gcc -E -I"$(python_headers)" - >/dev/null 2>&1
}

install_packages() {
    wanted=$(printf '%s\n' "$PACKAGES" | awk 'NF { print $1 }')
    missing=
    for package in $wanted; do
        is_installed "$package" || missing="$missing $package"
    done
    python=$(find_python)
    if [ -z "$python" ]; then
        missing="$missing python3 python3-venv python3-dev"
    elif [ ! -e "$(python_headers)/Python.h" ]; then
        missing="$missing python3-dev"
    fi
    command -v gcc >/dev/null || missing="$missing gcc libc6-dev"
    [ -n "$missing" ] || return 0

    say "missing system packages:"
    for package in $missing; do
        why=$(printf '%s\n' "$PACKAGES" | sed -n "s/^$package  *//p")
        say "  $package - ${why:-Python and what builds its packages}"
    done
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            say "no permission to install them. Somebody who has it must run:"
            say "  sudo apt-get update && sudo apt-get install --no-install-recommends$missing"
            say "and then \`make setup\`. Going on without them."
            return 0
        fi
        as_root=sudo
    fi
    say "installing them with apt-get"
    apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y"
    # shellcheck disable=SC2086 # these are lists of words
    if ! $apt install --no-install-recommends $missing >/dev/null 2>&1 </dev/null; then
        # The lists of packages are absent or old, as on every fresh machine.
        if ! { quietly $apt update && quietly $apt install --no-install-recommends $missing; }; then
            say "apt-get could not install them (see above). Going on without them."
        fi
    fi
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    install_packages
else
    say "this machine has no apt-get. Where they are missing, install by hand:"
    printf '%s\n' "$PACKAGES" | sed -n 's/^[^ ]/setup:   &/p'
fi

python=$(find_python)
if [ -z "$python" ]; then
    say "Python 3.11 or newer, with its venv module, is needed and was not found (tried python3.13 to python3.11, python3)."
    say "On Debian 12 or newer and Raspberry Pi OS: sudo apt-get install python3 python3-venv"
    exit 1
fi

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    say "making .venv with $python ($("$python" -V 2>&1))"
    quietly "$python" -m venv --clear .venv
fi

extras=dev
if can_build_audio; then
    extras="$extras,audio"
else
    say "PyAudio cannot be built (needs gcc, python3-dev, portaudio19-dev): sound goes from and to WAV files only."
fi
if grep -qs 'Raspberry Pi' /proc/device-tree/model; then
    extras="$extras,pi"
fi

say "installing Python packages into .venv"
quietly .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
if ! .venv/bin/python -c 'import ctypes.util, sys; sys.exit(ctypes.util.find_library("opus") is None)'; then
    say "libopus is missing: the toy and the gateway will not run before libopus0 is installed."
fi
say "ready"

#!/bin/sh
# Runs deploy/install.sh for real, in a fresh system of each Debian release in a folder of its own: install, install again
# (nothing may change), uninstall (nothing may be left). Needs root, debootstrap, and the archives of Debian and PyPI.
# The systems are kept as archives in out/, so that the next run is quick. No board, so no sound and no lights here.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "make install-test needs root: it makes whole systems in out/"; exit 1; }
command -v debootstrap >/dev/null || { echo "make install-test needs debootstrap: apt-get install debootstrap"; exit 1; }
mkdir -p out/install
fresh=$(pwd)/out/install

unmount() {
    if mountpoint -q "$system/proc"; then umount "$system/proc"; fi
}

inside() { chroot "$system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }

# Every file with its contents, but for what systems write for themselves.
inventory() {
    (cd "$system" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./work -o -path ./var/lib/apt \
        -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/dpkg -o -path ./tmp -o -path ./var/tmp -o -path ./root \) -prune \
        -o \( -type f ! -name '*.pyc' ! -path './etc/*-' -exec cksum {} + \) -o -type l -print | LC_ALL=C sort -k 3)
}

check() {
    if "$@" >"$fresh/said" 2>&1; then return 0; fi
    cat "$fresh/said"
    echo "install-test: $release: failed: $*"
    exit 1
}

for release in ${RELEASES:-bookworm trixie}; do
    system=$fresh/$release
    trap unmount EXIT
    unmount
    rm -rf --one-file-system "$system"
    if [ ! -e "$system.tar" ]; then
        echo "install-test: $release: making a fresh system"
        check debootstrap --variant=minbase --include=systemd "$release" "$system"
        tar -C "$system" --one-file-system -cf "$system.tar.part" . && mv "$system.tar.part" "$system.tar"
    else
        mkdir "$system" && tar -C "$system" -xf "$system.tar"
    fi
    mount -t proc proc "$system/proc"
    # No bind of /dev: whoever deletes this folder by hand must not delete the machine's devices with it.
    for device in null:3 zero:5 full:7 random:8 urandom:9; do
        [ -e "$system/dev/${device%:*}" ] || mknod -m 666 "$system/dev/${device%:*}" c 1 "${device#*:}"
    done
    # The way out of this machine: its resolver, its authorities, its mirrors of PyPI.
    cp /etc/resolv.conf "$system/etc/resolv.conf"
    # Every Raspberry Pi has it; a minimal system does not, and a package that writes it never takes it away.
    [ -e "$system/etc/hosts" ] || echo "127.0.0.1 localhost" >"$system/etc/hosts"
    mkdir -p "$system/boot/firmware/overlays" "$system/work"
    cp /etc/ssl/certs/ca-certificates.crt "$system/work/authorities"
    touch "$system/boot/firmware/overlays/wm8960-soundcard.dtbo"
    printf 'dtparam=audio=on\n[cm5]\ndtoverlay=dwc2' >"$system/boot/firmware/config.txt"
    tar -cf - --exclude=__pycache__ pommai deploy examples ./*.yaml pyproject.toml README.md LICENSE | tar -C "$system/work" -xf -
    set -- inside env PIP_CERT=/work/authorities PIP_INDEX_URL="${PIP_INDEX_URL:-https://pypi.org/simple}" \
        /work/deploy/install.sh --force
    inventory >"$fresh/before"
    cp "$system/etc/passwd" "$fresh/passwd"

    echo "install-test: $release: what it would do"
    check "$@" --hat v1 --no-models --dry-run
    inventory | diff "$fresh/before" - || { echo "install-test: a dry run has changed something"; exit 1; }

    echo "install-test: $release: installing"
    check "$@" --hat v1 --no-models
    cp "$fresh/said" "$fresh/$release.installed"
    check inside /opt/pommai/venv/bin/pommai check
    check inside /opt/pommai/venv/bin/python -c 'import pyaudio, opuslib, vosk, websockets, httpcore, spidev'
    check inside test -e /etc/systemd/system/multi-user.target.wants/pommai.service
    check inside test "$(chroot "$system" id -Gn pommai)" = "pommai audio gpio spi"
    # Who it is, from the boot partition, to a file that the toy alone can read.
    cp deploy/provision.example.toml "$system/boot/firmware/pommai.toml"
    check inside sh -c 'umask 0077; exec /opt/pommai/venv/bin/pommai provision' # as its unit has it
    check inside test "$(chroot "$system" stat -c '%U %a' /etc/pommai/token)" = "pommai 600"
    check inside test "$(chroot "$system" stat -c '%U %a' /etc/pommai/pommai.toml)" = "root 644"
    check inside test ! -e /boot/firmware/pommai.toml
    rm "$system/boot/firmware/pommai-says.txt"
    inside /opt/pommai/venv/bin/pommai --version
    du -sh "$system/opt/pommai" | sed "s|$system||"

    echo "install-test: $release: an update of the software, by the toy's hand and root's"
    pommai=/opt/pommai/venv/bin/pommai
    mkdir -p "$system/tmp/desk/wheels"
    cp "$system"/opt/pommai/wheels/pommai-*.whl "$system/tmp/desk/wheels/"
    check inside $pommai bundle keygen /tmp/desk/maker
    check inside $pommai bundle build /tmp/desk --version 1 --key /tmp/desk/maker.key -o /tmp/desk/1.pommai-bundle
    check inside install -m 644 /tmp/desk/maker.pub /etc/pommai/update_keys
    check inside install -d -o pommai -m 700 /var/lib/pommai
    printf 'update_keys = "/etc/pommai/update_keys"\nupdate_trial = "1s"\n' >>"$system/etc/pommai/pommai.toml"
    # As sudo -u pommai has it: of the service's folders it knows nothing.
    as_toy() { inside setpriv --reuid pommai --regid pommai --init-groups env HOME=/var/lib/pommai "$@"; }
    as_root() { inside env XDG_DATA_HOME=/var/lib /opt/pommai/proven/bin/pommai bundle install-software "$@"; }
    check as_toy $pommai bundle apply --config /etc/pommai/pommai.toml /tmp/desk/1.pommai-bundle
    check as_root
    check inside test "$(readlink "$system/opt/pommai/venv")" = venvs/installed
    check as_root --starting
    name=$(basename "$(readlink "$system/opt/pommai/venv")")
    check inside test "$name" != installed
    check inside test "$(readlink "$system/opt/pommai/proven")" = venvs/installed
    check inside $pommai check
    sleep 2 # its trial, as long as the settings say
    check as_toy "/opt/pommai/venvs/$name/bin/python" -c "
from pathlib import Path
from pommai.bundle.hatch import Hatch, Note
Hatch(Path('/var/lib/pommai/updates')).note(Note('$name', 1, rested=True, reached=True))"
    check as_root
    check inside test "$(readlink "$system/opt/pommai/proven")" = "venvs/$name"
    du -sh "$system/opt/pommai" | sed "s|$system||; s|$| (two that share what did not change)|"
    rm -r "$system/run/pommai-software" # systemd's to make and to remove

    echo "install-test: $release: installing again"
    inventory >"$fresh/after"
    check "$@" --no-models
    grep -q 'nothing was changed' "$fresh/said" || { cat "$fresh/said"; echo "install-test: the second run has changed something"; exit 1; }
    inventory | diff "$fresh/after" - || { echo "install-test: the second run has changed something"; exit 1; }

    echo "install-test: $release: uninstalling"
    check "$@" --uninstall
    cp "$fresh/said" "$fresh/$release.uninstalled"
    inventory | diff "$fresh/before" - || { echo "install-test: $release: this is left over"; exit 1; }

    if [ "$release" = trixie ]; then
        echo "install-test: $release: the stage of the image, as pi-gen runs it"
        check tools/stage_test.sh "$system"
        cp "$fresh/said" "$fresh/$release.stage"
    fi
    unmount
    rm -rf --one-file-system "$system"
    echo "install-test: $release: good"
done

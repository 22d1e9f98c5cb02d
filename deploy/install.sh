#!/bin/sh
# Makes a toy of a fresh Raspberry Pi: packages, sound card, lights, the software, and the service that runs it.
# Again is harmless: what is there stays, and a second run says that nothing was to do. `install.sh --help` tells more.
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(dirname "$here")
# shellcheck source=deploy/install_tools.sh
. "$here/install_tools.sh"

# Package, what it is for. python3-lgpio, which drives the button, comes in step_packages where it is to be had.
PACKAGES='
libopus0         Opus, the voice on the wire
libportaudio2    microphones and speakers
portaudio19-dev  PyAudio is built with it
alsa-utils       names of sound cards, and their mixer
espeak-ng        speaks where no recording does
libsoxr0         changes sample rates
libspeexdsp1     lets a sound card keep its own sample rate
libopusfile0     reads sound files that are Opus
python3-venv     keeps the Python packages of the toy apart
python3-dev      PyAudio is built with it
gcc              PyAudio is built with it
libc6-dev        PyAudio is built with it
python3-spidev   the LEDs of the HAT
device-tree-compiler  describes the second version of the HAT to the system
'
# Source packages without a wheel; everything else comes as wheels, so that nothing big is ever built on a small board.
BUILT='pyaudio opuslib srt'
GROUPS_WANTED='audio gpio spi'

usage() {
    cat <<'END'
usage: sudo deploy/install.sh --hat v1|v2|none [options]

Makes a talking toy of a Raspberry Pi (Zero 2 W or better) with Raspberry Pi OS Lite 64-bit or DietPi, Bookworm or
Trixie. Run it again whenever you like: it changes what is missing or old, and nothing else.

  --hat VERSION       the ReSpeaker 2-Mics HAT: v1 (chip WM8960), v2 (chip TLV320AIC3104), or none. It is printed on the
                      board: "v2.0" on the second version. Said once, it is remembered.
  --wake KIND         what the toy is called by, which decides how much memory it may take: micro (default), vosk, or
                      none (its button alone)
  --no-models         do not fetch the speech model (41 MB), with which it understands without a network
  --wheels DIR        install from the wheels in this folder, without a network
  --dry-run           show every step and what it would change, and change nothing
  --uninstall         put everything back, also what the toy remembers
  --read-only-advice  say how to make the card read-only, so that pulling the plug harms nothing
  --root DIR          the toy is a card mounted at DIR; its commands are run with chroot
  --force             go on although this is not a Raspberry Pi, or not one of these systems
END
}

hat='' wake='' models=yes wheels='' dry='' mode=install root='' force=''
while [ $# -gt 0 ]; do
    case $1 in
        --hat | --wake | --wheels | --root)
            [ $# -ge 2 ] || die "$1 needs a value; see --help"
            case $1 in
                --hat) hat=$2 ;;
                --wake) wake=$2 ;;
                --wheels) wheels=$(cd "$2" && pwd) || die "--wheels: there is no folder $2" ;;
                --root) root=$(cd "$2" && pwd) || die "--root: there is no folder $2" ;;
            esac
            shift
            ;;
        --no-models) models= ;;
        --dry-run) dry=yes ;;
        --uninstall) mode=uninstall ;;
        --read-only-advice) mode=advice ;;
        --force) force=yes ;;
        -h | --help) usage && exit 0 ;;
        *) die "there is no option $1; see --help" ;;
    esac
    shift
done
[ "$root" != / ] || root=

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# -- may it begin? ------------------------------------------------------------------------

read_only_advice() {
    cat <<'END'
A read-only card: pulling the plug harms nothing, and the card lasts for years.

The toy keeps its memory in RAM (/run/pommai) and copies it to /var/lib/pommai every ten minutes and when it is switched
off properly. So only two folders must stay writable: /var/lib/pommai and /var/cache/pommai (speech models, the
compiled chart). With everything else read-only:

1. Make a small third partition (1 GB is plenty), `mkfs.ext4 -L pommai-data`, and in /etc/fstab:
     LABEL=pommai-data  /var/lib/pommai    ext4   noatime,nosuid,nodev,noexec,commit=60  0 2
     /var/lib/pommai/cache  /var/cache/pommai  none  bind                                0 0
     tmpfs  /tmp      tmpfs  nosuid,nodev,size=64M          0 0
     tmpfs  /var/tmp  tmpfs  nosuid,nodev,size=16M          0 0
     tmpfs  /var/log  tmpfs  nosuid,nodev,noexec,size=16M   0 0
   and give the root and boot lines the option ro.
2. Journal in RAM: a file /etc/systemd/journald.conf.d/ram.conf with
     [Journal]
     Storage=volatile
     RuntimeMaxUse=8M
3. A file pommai.toml on the boot partition is taken and wiped at the next start: for that start the boot partition and
   /etc must be writable. `sudo mount -o remount,rw /boot/firmware; sudo mount -o remount,rw /` before, `ro` after.

raspi-config's overlay file system (Performance, Overlay File System) is simpler, and forgets everything at power-off,
also what the toy remembers, unless /var/lib/pommai is a partition of its own as above.
END
}

release_says() { sed -n "s/^$1=//p" "$root/etc/os-release" 2>/dev/null | tr -d '"'; }

look_at_the_machine() {
    trouble=
    codename=$(release_says VERSION_CODENAME)
    case $codename in
        bookworm | trixie) ;;
        *) trouble="this system is ${codename:-unknown} ($(release_says PRETTY_NAME)); Bookworm or Trixie is needed" ;;
    esac
    if [ -z "$root" ] && ! grep -qs 'Raspberry Pi' /proc/device-tree/model; then
        trouble="${trouble:+$trouble; and }this machine is no Raspberry Pi"
    fi
    bits=$(ask_toy dpkg --print-architecture || :)
    if [ "$bits" != arm64 ]; then
        trouble="${trouble:+$trouble; and }it is ${bits:-unknown}, and the toy needs the 64-bit system (arm64)"
    fi
    if [ -n "$trouble" ]; then
        [ -n "$force" ] || die "$trouble. Nothing was changed. (--force goes on all the same.)"
        say "$trouble. Going on, as you said."
    fi
    boot=
    for place in /boot/firmware /boot; do
        [ -z "$boot" ] && [ -f "$root$place/config.txt" ] && boot=$place
    done
    if [ -z "$boot" ] && [ "$hat" != none ]; then
        [ -n "$force" ] || die "there is no config.txt in /boot/firmware or /boot: is the boot partition mounted?"
    fi
}

# -- the steps ----------------------------------------------------------------------------

# shellcheck disable=SC2016 # the words in ${} are those of dpkg-query
is_installed() { ask_toy dpkg-query -W -f='${Status}' "$1" | grep -q '^install ok installed$'; }
# shellcheck disable=SC2016
all_installed() {
    ask_toy dpkg-query -W -f='${Package} ${Status}\n' | sed -n 's/ install ok installed$//p' | LC_ALL=C sort -u
}

step_packages() {
    step "1. System packages"
    missing=
    for package in $(printf '%s\n' "$PACKAGES" | awk 'NF { print $1 }') python3-lgpio; do
        is_installed "$package" || missing="$missing $package"
    done
    if [ "${missing:- python3-lgpio}" != " python3-lgpio" ]; then
        change "install$missing"
    elif [ -z "$missing" ] || done_before "without python3-lgpio"; then
        same "all are installed"
        return 0
    fi
    [ -z "$dry" ] || return 0
    on_toy apt-get -q -y update || say "  the lists of packages could not be fetched; trying with those there are"
    # Debian has it from Trixie on; for Bookworm it is in the archive of Raspberry Pi OS alone.
    if ! ask_toy apt-cache show python3-lgpio >/dev/null; then
        missing=$(echo "$missing" | sed 's/ python3-lgpio//')
        note "without python3-lgpio"
        say "  python3-lgpio is not to be had here: without it the button and plain LEDs do not work"
        [ -n "$missing" ] || return 0
    fi
    all_installed >"$scratch/before"
    # shellcheck disable=SC2086 # a list of words
    on_toy env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $missing || die "apt-get could not install$missing (see above)"
    all_installed >"$scratch/after"
    for package in $(comm -13 "$scratch/before" "$scratch/after"); do
        note "package $package"
    done
}

step_user() {
    step "2. User and groups, and what they may touch"
    put_file "$here/70-pommai.rules" /etc/udev/rules.d/70-pommai.rules 644
    for group in pommai $GROUPS_WANTED; do
        grep -q "^$group:" "$root/etc/group" && continue
        change "add the group $group"
        note "group $group"
        on_toy groupadd --system "$group"
    done
    if grep -q '^pommai:' "$root/etc/passwd"; then
        for group in $GROUPS_WANTED; do
            grep -q "^$group:.*[:,]pommai\(,\|\$\)" "$root/etc/group" && continue
            change "put pommai into the group $group"
            note "member $group"
            on_toy usermod -aG "$group" pommai
        done
        same "the user pommai is there"
    else
        change "add the user pommai, in the groups $GROUPS_WANTED"
        note "user pommai"
        on_toy useradd --system --gid pommai --home-dir /var/lib/pommai --no-create-home \
            --shell /usr/sbin/nologin --groups "$(echo "$GROUPS_WANTED" | tr ' ' ,)" pommai
    fi
}

step_boot() {
    step "3. Sound card and lights in config.txt"
    case $hat in
        v1) overlay=wm8960-soundcard ;; # comes with Raspberry Pi OS
        v2) overlay=pommai-hat-v2 ;;    # comes with this script
        none)
            if [ -n "$boot" ] && grep -qs '^# pommai begins' "$root$boot/config.txt"; then # there was one before
                without_block "$root$boot/config.txt" >"$scratch/config.txt"
                put_file "$scratch/config.txt" "$boot/config.txt" 755
            else
                same "no HAT, nothing to set"
            fi
            return 0
            ;;
    esac
    if [ -z "$boot" ]; then
        say "  there is no config.txt; leaving it"
        return 0
    fi
    [ "$hat" != v2 ] || put_overlay "$overlay"
    without_block "$root$boot/config.txt" >"$scratch/config.txt"
    if [ -z "$dry" ] && ! [ -e "$root$boot/overlays/$overlay.dtbo" ]; then
        say "  mind: $boot/overlays/$overlay.dtbo is not there (yet?)"
    fi
    rivals=$(sed -n 's/^dtoverlay=\(.*\(voicecard\|soundcard\|respeaker\|dac\|codec\).*\)/\1/p' "$scratch/config.txt" | tr '\n' ' ')
    [ -z "$rivals" ] || say "  mind: config.txt has another sound card already: $rivals- two on the same pins do not work"
    # A last line without an end would swallow the first of ours.
    [ -z "$(tail -c 1 "$scratch/config.txt")" ] || echo >>"$scratch/config.txt"
    {
        echo "# pommai begins: written by install.sh, taken out by install.sh --uninstall"
        echo "[all]"
        echo "dtparam=spi=on"
        echo "dtparam=i2s=on"
        echo "dtoverlay=$overlay"
        echo "# pommai ends"
    } >>"$scratch/config.txt"
    put_file "$scratch/config.txt" "$boot/config.txt" 755
}

# Compiles what describes a HAT, on the toy, and puts it where the firmware looks.
put_overlay() {
    if [ -n "$dry" ]; then
        [ -e "$root$boot/overlays/$1.dtbo" ] || change "write $boot/overlays/$1.dtbo"
        return 0
    fi
    cp "$here/overlays/$1.dts" "$root$state_dir/$1.dts"
    on_toy dtc -@ -I dts -O dtb -o "$state_dir/$1.dtbo" "$state_dir/$1.dts" || die "$1.dts could not be compiled (see above)"
    put_file "$root$state_dir/$1.dtbo" "$boot/overlays/$1.dtbo" 755
    rm -f "$root$state_dir/$1.dts" "$root$state_dir/$1.dtbo"
}

step_sound() {
    step "4. Sound: the HAT is the system's choice, at any rate; its mixer is set at each start"
    case $hat in
        v1) card=wm8960soundcard ;;
        v2) card=seeed2micvoicec ;;
        none)
            put_back /etc/asound.conf
            return 0
            ;;
    esac
    sed "s/@CARD@/$card/" "$here/asound.conf" >"$scratch/asound.conf"
    put_file "$scratch/asound.conf" /etc/asound.conf 644
    put_file "$here/pommai-mixer" /opt/pommai/bin/pommai-mixer 755
    put_file "$here/pommai-mixer.service" /etc/systemd/system/pommai-mixer.service 644
}

pip() { on_toy env TMPDIR=/var/tmp PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    CFLAGS='-O1 -g0' MAKEFLAGS=-j1 /opt/pommai/venvs/installed/bin/python -m pip "$@"; }

step_software() {
    step "5. The software, in /opt/pommai/venvs/installed; /opt/pommai/venv leads there, until an update comes"
    python=$(ask_toy python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])' || :)
    sum="$(sum_of_software) $python"
    if [ "$(cat "$root/opt/pommai/installed" 2>/dev/null)" = "$sum" ]; then
        same "this version is installed"
        return 0
    fi
    change "make the environment and install the software, from wheels; built here: $BUILT and nothing else"
    [ -z "$dry" ] || return 0
    put_folder /opt
    # An environment, and what was built for it, are for one Python. After a new release of the system it is another.
    if [ -d "$root/opt/pommai/venvs/installed/lib" ] && [ ! -d "$root/opt/pommai/venvs/installed/lib/$python" ]; then
        rm -rf "$root/opt/pommai/venvs/installed" "$root/opt/pommai/wheels"
    fi
    mkdir -p "$root/opt/pommai"
    rm -rf "$root/opt/pommai/source" "$root/opt/pommai/installed"
    mkdir -p "$root/opt/pommai/source" "$root/opt/pommai/wheels"
    (cd "$checkout" && tar -cf - --exclude=__pycache__ pommai examples ./*.yaml pyproject.toml README.md LICENSE) |
        tar -xf - --no-same-owner -C "$root/opt/pommai/source"
    offline=
    if [ -n "$wheels" ]; then
        cp "$wheels"/*.whl "$root/opt/pommai/wheels/"
        offline=--no-index
    fi
    # With the system's packages, because lgpio and spidev come from there.
    on_toy python3 -m venv --system-site-packages /opt/pommai/venvs/installed || die "the environment could not be made (see above)"
    for package in $BUILT; do
        # Built one at a time and kept, for a second run and a second try.
        set -- "$root/opt/pommai/wheels/$package"-*.whl
        [ -e "$1" ] || [ -n "$(find "$root/opt/pommai/wheels" -iname "$package-*.whl")" ] ||
            pip wheel --quiet --use-pep517 $offline --no-deps --wheel-dir /opt/pommai/wheels "$package" ||
            die "$package could not be built (see above)"
    done
    rm -f "$root"/opt/pommai/wheels/pommai-*.whl
    if [ -n "$wheels" ] && [ -n "$(find "$wheels" -name 'pommai-*.whl')" ]; then
        cp "$wheels"/pommai-*.whl "$root/opt/pommai/wheels/"
    else
        pip wheel --quiet $offline --find-links /opt/pommai/wheels --no-deps --wheel-dir /opt/pommai/wheels \
            /opt/pommai/source || die "the software could not be packed (see above)"
    fi
    wheel=$(cd "$root/opt/pommai/wheels" && ls pommai-*.whl)
    pip install --quiet $offline --only-binary :all: --find-links /opt/pommai/wheels \
        "/opt/pommai/wheels/${wheel}[audio,cloud]" || die "the software could not be installed (see above)"
    # The same version may have come with other contents.
    pip install --quiet --no-index --no-deps --force-reinstall "/opt/pommai/wheels/$wheel" ||
        die "the software could not be installed (see above)"
    rm -rf "$root/opt/pommai/source"
    on_toy /opt/pommai/venvs/installed/bin/pommai --version || die "the software does not start (see above)"
    # Whatever update is on trial: what a person with root installs has the last word.
    rm -f "$root/var/lib/pommai-software/unsettled"
    point_link proven
    point_link venv
    sync
    printf '%s\n' "$sum" >"$root/opt/pommai/installed"
}

step_service() {
    step "6. Settings and service"
    put_folder /etc/pommai
    if [ -e "$root/etc/pommai/pommai.toml" ]; then
        same "/etc/pommai/pommai.toml is there, and yours"
    else
        cp "$here/pommai.toml" "$scratch/pommai.toml"
        # Its button alone calls it, and no speech model is to take the memory of one that has little.
        [ "$wake" != none ] || echo 'vosk_model = "none"' >>"$scratch/pommai.toml"
        put_file "$scratch/pommai.toml" /etc/pommai/pommai.toml 644
    fi
    put_file "$here/pommai.service" /etc/systemd/system/pommai.service 644
    put_file "$here/pommai-provision.service" /etc/systemd/system/pommai-provision.service 644
    put_file "$here/memory/$wake.conf" /etc/systemd/system/pommai.service.d/memory.conf 644
    for unit in pommai-software.service pommai-software-start.service pommai-software.timer; do
        put_file "$here/$unit" "/etc/systemd/system/$unit" 644
    done
    units="pommai.service pommai-provision.service pommai-software.timer"
    [ "$hat" = none ] || units="$units pommai-mixer.service"
    enabled=
    for unit in $units; do
        done_before "enabled $unit" && continue
        enabled=yes
        change "enable $unit"
        note "enabled $unit"
        on_toy systemctl enable "$unit"
    done
    [ -n "$enabled" ] || same "enabled: $units"
    if [ -z "$root" ] && [ "$changes" -gt 0 ]; then
        on_toy systemctl daemon-reload || : # nobody listens in a chroot
    fi
}

step_models() {
    step "7. The speech model, with which it understands without a network"
    if [ -z "$models" ] || [ "$wake" = none ]; then
        same "not wanted"
    elif [ -n "$(find "$root/var/cache/pommai/models" -maxdepth 1 -name 'vosk-*' 2>/dev/null)" ]; then
        same "there is one in /var/cache/pommai/models"
    else
        change "fetch Vosk's small model for English (41 MB)"
        [ -z "$dry" ] || return 0
        mkdir -p "$root/var/cache/pommai"
        if on_toy env XDG_CACHE_HOME=/var/cache /opt/pommai/venv/bin/pommai models get; then
            on_toy chown -R pommai:pommai /var/cache/pommai
        else
            say "  it could not be fetched (see above). The toy works without it; later: sudo XDG_CACHE_HOME=/var/cache"
            say "  /opt/pommai/venv/bin/pommai models get && sudo chown -R pommai: /var/cache/pommai"
        fi
    fi
}

summary() {
    if [ -n "$dry" ]; then
        printf '\n%s changes would be made; nothing was changed.\n' "$changes"
        return 0
    fi
    if [ "$changes" -eq 0 ]; then
        printf '\nEverything was as it should be; nothing was changed.\n'
        return 0
    fi
    log "done, $changes changes"
    cat <<END

Done: $changes changes, written down in $state_dir/log.

Next:
  1. Tell the toy who it is, unless its card says so already: a file pommai.toml on the boot partition
     (${boot:-/boot/firmware}). On the computer with the gateway: pommai devices add NAME --data FILE --boot-file FILE
  2. sudo reboot, wait a minute, and look at the HAT: its lights breathe blue. Press the button and talk.
  3. When something is missing: \`sudo -u pommai /opt/pommai/venv/bin/pommai doctor\` and \`journalctl -u pommai\`;
     docs/a-toy-of-your-own.md says what its lights mean.
What no script can see: the version printed on the HAT ($hat was said), that sound comes out of the plug you use, how loud
it is at a child's ear. \`arecord -l\` must name the card; $0 --read-only-advice tells how to protect its card.
END
}

# -- all together -------------------------------------------------------------------------

[ "$mode" != advice ] || { read_only_advice && exit 0; }
[ -n "$dry" ] || [ "$(id -u)" -eq 0 ] || die "this changes the system: run it with sudo (or look first: --dry-run)"
if [ "$mode" = uninstall ]; then
    step "Putting everything back"
    undo_all
    printf '\n'
    if [ -n "$dry" ]; then
        say "$changes changes would be made; nothing was changed"
    else
        say "done. After a reboot the Raspberry Pi is as it was."
    fi
    exit 0
fi
[ -n "$hat" ] || hat=$(cat "$root$state_dir/hat" 2>/dev/null || :)
case $hat in
    v1 | v2 | none) ;;
    '') die "which ReSpeaker 2-Mics HAT is it? --hat v1 or --hat v2 (printed on the board), or --hat none" ;;
    *) die "--hat is v1, v2 or none, not $hat" ;;
esac
[ -n "$wake" ] || wake=$(cat "$root$state_dir/wake" 2>/dev/null || echo micro)
[ -f "$here/memory/$wake.conf" ] || die "--wake is micro, vosk or none, not $wake"
look_at_the_machine
if [ -z "$dry" ]; then
    mkdir -p "$root$state_dir"
    printf '%s\n' "$hat" >"$root$state_dir/hat"
    printf '%s\n' "$wake" >"$root$state_dir/wake"
    # The last two are made by systemd, at the first start.
    for folder in /opt/pommai /etc/pommai /var/lib/pommai /var/lib/pommai-software /var/cache/pommai; do
        note_tree "$folder"
    done
fi
step_packages
step_user
step_boot
step_sound
step_software
step_service
step_models
summary

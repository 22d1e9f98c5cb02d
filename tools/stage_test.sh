#!/bin/bash -e
# Runs the stage of deploy/image in a system, as RPi-Distro/pi-gen's build.sh and scripts/common do: prerun.sh and
# 00-run.sh, executable, in their own folders, with ROOTFS_DIR, and an on_chroot that reads commands. From install_test.sh.
ROOTFS_DIR=$(realpath "$1")
export ROOTFS_DIR POMMAI=$PWD HAT=v2 WAKE=none

copy_previous() { echo "stage_test: there is a system already; nothing is to be copied" >&2 && false; }
on_chroot() {
    chroot "$ROOTFS_DIR" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        PIP_CERT=/work/authorities PIP_INDEX_URL="${PIP_INDEX_URL:-https://pypi.org/simple}" /bin/bash -e "$@"
}
export -f copy_previous on_chroot

stage=$PWD/deploy/image/stage-pommai
(cd "$stage" && ./prerun.sh)
(cd "$stage/00-install" && ./00-run.sh)

test -L "$ROOTFS_DIR/etc/systemd/system/multi-user.target.wants/pommai.service"
test -L "$ROOTFS_DIR/etc/systemd/system/multi-user.target.wants/pommai-provision.service"
test -s "$ROOTFS_DIR/boot/firmware/overlays/pommai-hat-v2.dtbo"
grep -qx 'dtoverlay=pommai-hat-v2' "$ROOTFS_DIR/boot/firmware/config.txt"
test ! -e "$ROOTFS_DIR/var/tmp/pommai"
test ! -e "$ROOTFS_DIR/etc/pommai/token" && test ! -e "$ROOTFS_DIR/etc/pommai/secret"
# shellcheck source=/dev/null
(. "$stage/EXPORT_IMAGE" && test -z "$IMG_SUFFIX")

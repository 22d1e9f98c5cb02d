#!/bin/bash -e
# Begins where stage2, Raspberry Pi OS Lite, ends.
if [ ! -d "${ROOTFS_DIR}" ]; then
    copy_previous
fi

#!/bin/bash -e
# Runs the installer in the image; --force, because what builds it is no Raspberry Pi.
checkout=${POMMAI:?the folder of the checkout of pommai}
install -d "${ROOTFS_DIR}/var/tmp/pommai"
(cd "${checkout}" && tar -cf - --exclude=__pycache__ pommai deploy examples ./*.yaml pyproject.toml README.md LICENSE) |
    tar -C "${ROOTFS_DIR}/var/tmp/pommai" -xf - --no-same-owner
on_chroot <<END
/var/tmp/pommai/deploy/install.sh --force --hat ${HAT:?v1 or v2, the HAT that the toys have} --wake ${WAKE:-micro}
rm -rf /var/tmp/pommai
END

#!/bin/bash -e
# Untried: see ../../README.md. Runs the installer in the image; --force, because what builds it is no Raspberry Pi.
checkout=${POMMAI:?the folder of the checkout of pommai}
install -d "${ROOTFS_DIR}/var/tmp/pommai"
tar -C "${checkout}" -cf - --exclude=__pycache__ pommai deploy examples pyproject.toml README.md LICENSE \
    statechart.yaml led_patterns.yaml offline_responses.yaml personas.yaml gateway.yaml |
    tar -C "${ROOTFS_DIR}/var/tmp/pommai" -xf - --no-same-owner
on_chroot <<END
/var/tmp/pommai/deploy/install.sh --force --hat ${HAT:-v1} --wake ${WAKE:-micro}
rm -rf /var/tmp/pommai
END

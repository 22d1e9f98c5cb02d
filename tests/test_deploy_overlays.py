"""What describes the second version of the HAT to the system: compiled as on a toy, and laid over a tree that has of a
Raspberry Pi what it asks for."""

from __future__ import annotations

import subprocess
from pathlib import Path

OVERLAY = Path(__file__).resolve().parent.parent / "deploy" / "overlays" / "pommai-hat-v2.dts"
PI = """\
/dts-v1/;
/ {
    compatible = "raspberrypi,model-zero-2-w", "brcm,bcm2837";
    sound: sound { status = "disabled"; };
    soc {
        i2c1: i2c@7e804000 { status = "disabled"; };
        i2s_clk_producer: i2s_clk_consumer: i2s: i2s@7e203000 { status = "disabled"; };
    };
};
"""
"""The labels that arch/arm/boot/dts/broadcom/bcm270x-rpi.dtsi of raspberrypi/linux gives."""


def test_the_overlay_compiles_and_fits_a_raspberry_pi(tmp_path: Path) -> None:
    def run(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "pi.dts").write_text(PI)
    run("dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", "pi.dtb", "pi.dts")
    run("dtc", "-@", "-I", "dts", "-O", "dtb", "-o", "hat.dtbo", OVERLAY)
    run("fdtoverlay", "-i", "pi.dtb", "-o", "both.dtb", "hat.dtbo")

    def told(place: str, name: str) -> str:
        return run("fdtget", "both.dtb", place, name).strip()

    codec, i2s = "/soc/i2c@7e804000/audio-codec@18", "/soc/i2s@7e203000"
    assert told(codec, "compatible") == "ti,tlv320aic3104"
    assert told(codec, "reg") == str(0x18)
    assert told("/soc/i2c@7e804000", "status") == told(i2s, "status") == told("/sound", "status") == "okay"
    assert told("/sound", "simple-audio-card,name") == "seeed2micvoicec"  # as asound.conf and the doctor call it
    assert told("/sound/simple-audio-card,cpu", "sound-dai") == told(i2s, "phandle")
    assert told("/sound/simple-audio-card,codec", "sound-dai") == told(codec, "phandle")
    assert told("/sound", "simple-audio-card,frame-master") == told("/sound/simple-audio-card,codec", "phandle")
    assert told("/hat-clock", "clock-frequency") == "24576000"

"""What a soak came to, in words."""

from __future__ import annotations

from soak_sights import a_recovery, a_soak

from pommai.qa.soak_report import as_markdown, as_text, findings


def test_a_soak_that_went_well_says_so_with_its_figures() -> None:
    text = as_text(a_soak())
    assert text.startswith("30 min 0 s, seed 1, 2 faults, 1 still moments")
    assert "nothing went wrong" in text
    assert [line.split() for line in text.splitlines() if line.startswith("card lost")] == [
        ["card", "lost", "1", "1.0", "60", "0.5", "20"]
    ]
    assert ["gateway", "open", "files", "18.0", "18.0"] in [line.split() for line in text.splitlines()]


def test_what_went_wrong_is_told_last_and_loudly() -> None:
    soak = a_soak(memory_mb=40.0)
    soak.recoveries.append(a_recovery(3, "clock", rest_s=None))
    text = as_text(soak)
    assert "WRONG: the toy grew" in text
    assert "WRONG: fault 3, clock" in text
    assert "TOO MUCH" in text
    assert "never" in text
    assert "nothing went wrong" not in text


def test_a_soak_without_anything_is_told_nevertheless() -> None:
    soak = a_soak(seconds=30.0)
    soak.looks, soak.recoveries, soak.interrupted = [], [], True
    assert "it was too short to say whether anything grows" in findings(soak)
    assert as_text(soak).splitlines()[-1] == "nothing went wrong"


def test_a_machine_that_others_kept_busy_is_told_of() -> None:
    soak = a_soak()
    assert not any("busy" in words for words in findings(soak))
    soak.stills, soak.busy = [40.0, 80.0, 120.0], 2
    assert any("busy at 2 of 3 still moments" in words for words in findings(soak))
    assert soak.as_json()["still_moments"] == {"all": 3, "machine_busy": 2}


def test_a_machine_that_mounts_nothing_is_told_of() -> None:
    soak = a_soak()
    assert not any("EFBIG" in words for words in findings(soak))
    soak.no_disks = "Operation not permitted"
    assert any("EFBIG" in words and "Operation not permitted" in words for words in findings(soak))
    assert soak.as_json()["no_disks"] == "Operation not permitted"


def test_the_report_for_a_file_has_tables_the_picture_and_who_did_what() -> None:
    soak = a_soak()
    soak.did = {"child": {"talked": 1200, "called": 2}, "designer": {}}
    report = as_markdown(soak, ["soak.svg", "soak.png"])
    assert "![What they take, over time](soak.svg)" in report
    assert "| card lost | 1 | 1.0 | 60 | 0.5 | 20 |" in report
    assert "- child: called 2 ×, talked 1,200 ×" in report
    assert "- designer: nothing" in report

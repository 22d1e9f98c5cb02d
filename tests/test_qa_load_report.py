"""A load in words."""

from __future__ import annotations

from collections import Counter

from load_material import a_step

from pommai.qa.load_figures import Usage
from pommai.qa.load_report import About, as_json, as_markdown, as_text
from pommai.qa.load_run import Load

ABOUT = About("ws://127.0.0.1:8765/", "30 s a step", 7, own=False)
USAGE = Usage(0.42, 50_000_000, 53_000_000)


def test_a_load_is_a_table_that_says_what_was_measured() -> None:
    text = as_text(Load(0.25, [a_step(10, gateway=USAGE)]), ABOUT)
    heading, _, names, units, row, *_ = text.splitlines()
    assert heading == "ws://127.0.0.1:8765/, 30 s a step, seed 7"
    assert names.split()[:6] == ["toys", "turns", "p50", "p95", "p99", "max"]
    assert units.split() == ["ms", "ms", "ms", "ms", "%", "MB", "kB", "ms"]
    assert row.split() == ["10", "3", "20", "300", "300", "300", "0", "0", "42", "53", "300", "1"]
    assert "the very first answer took 250 ms" in text
    assert text.endswith("no errors")


def test_what_went_wrong_is_told_with_how_often_and_with_how_many_toys() -> None:
    step = a_step(300, errors=Counter(AUDIO_ERROR=1200), failures=Counter({"connection lost: it broke": 2}), dry=4)
    text = as_text(Load(0.1, [a_step(1), step], ended="the gateway was ended by SIGKILL"), ABOUT)
    assert "with 300 toys: 1,200 × error AUDIO_ERROR" in text
    assert "with 300 toys: 2 × connection lost: it broke" in text
    assert "with 300 toys: 4 silences in answers" in text
    assert "ended early: the gateway was ended by SIGKILL" in text
    assert "no errors" not in text


def test_a_slow_generator_says_that_it_is_not_to_be_trusted() -> None:
    text = as_text(Load(0.1, [a_step(300, lag=0.034)]), ABOUT)
    assert "with 300 toys: DO NOT TRUST the latencies: this generator was itself late by 34 ms (p99)" in text


def test_other_programs_that_take_a_share_of_the_machine_are_told() -> None:
    told = "with 10 toys: other programs took 1.3 processors meanwhile; alone, the gateway may be quicker"
    assert told in as_text(Load(0.1, [a_step(gateway=USAGE, others=1.3)]), ABOUT)
    assert "other programs" not in as_text(Load(0.1, [a_step(gateway=USAGE, others=0.1)]), ABOUT)


def test_what_was_not_measured_is_a_dash() -> None:
    row = as_text(Load(0.1, [a_step(latencies=())]), ABOUT).splitlines()[4]
    assert row.split() == ["10", "0", "–", "–", "–", "–", "0", "0", "–", "–", "–", "1"]


def test_an_interrupted_load_says_so() -> None:
    text = as_text(Load(0.1, [a_step()], interrupted=True), ABOUT)
    assert "interrupted; these are the figures so far" in text
    assert "no errors" not in text


def test_one_that_was_interrupted_before_the_first_step_has_nothing_to_tell() -> None:
    text = as_text(Load(0.0, interrupted=True), ABOUT)
    assert text.splitlines()[-1] == "interrupted; these are the figures so far"
    assert "very first answer" not in text


def test_the_file_has_the_picture_the_table_and_what_it_means() -> None:
    load = Load(0.1, [a_step(10, gateway=USAGE), a_step(20, gateway=USAGE)])
    text = as_markdown(load, ABOUT, ["load.svg", "load.png"])
    assert "![Latency over toys](load.svg)" in text
    assert "| 20 | 3 | 20 | 300 |" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1, "every row has as many columns as the head"
    assert "100 % is one processor" in text
    assert "![" not in as_markdown(load, ABOUT, [])


def test_machines_get_all_of_it() -> None:
    told = as_json(Load(0.25, [a_step(10)], ended="it broke"), ABOUT)
    assert told["first_answer_ms"] == 250.0
    assert (told["well"], told["ended"], told["interrupted"]) == (False, "it broke", False)
    assert [step["toys"] for step in told["steps"]] == [10]

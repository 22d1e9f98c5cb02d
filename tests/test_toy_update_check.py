"""Is what a bundle brings fit for this toy? Asked of right ones, and of ones that are wrong in one place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from update_material import ROOT

from pommai.bundle.manifest import CHART, CHART_SOURCE
from pommai.chart.table import DecisionTable, dump
from pommai.errors import BundleError
from pommai.responses import load_responses
from pommai.toy.settings import RESOURCES, Settings
from pommai.toy.update_check import MANDATORY, as_shipped, check_update, demanded


@cache
def compiled() -> DecisionTable:
    from pommai.cli.compile import read_behaviour

    return read_behaviour(ROOT / CHART_SOURCE)


def refused(folder: Path, table: DecisionTable | str) -> str:
    text = table if isinstance(table, str) else dump(table)
    (folder / CHART).write_text(text)
    with pytest.raises(BundleError) as caught:
        check_update(as_shipped(folder))
    return str(caught.value)


def test_what_came_with_the_software_is_fit_for_it(tmp_path: Path) -> None:
    (tmp_path / CHART).write_text(dump(compiled()))
    shutil.copy(ROOT / CHART_SOURCE, tmp_path)
    fitness = check_update(as_shipped(tmp_path))
    assert fitness.proof.holds
    assert sum(verdict.id.endswith("(demanded by the toy)") for verdict in fitness.proof.verdicts) == len(MANDATORY)


def test_what_is_demanded_is_read_from_the_softwares_own_chart() -> None:
    floor = demanded()
    assert [claim.id for claim in floor.claims] == list(MANDATORY)
    assert floor.resting == {"idle", "safe_mode"}


def test_files_of_a_bundle_stand_for_those_that_came_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    (tmp_path / "desk" / "statechart.yaml").write_text("states: none")
    (tmp_path / "led_patterns.yaml").touch()
    settings = as_shipped(tmp_path)
    assert settings.led_patterns == tmp_path / "led_patterns.yaml"
    assert settings.chart == ROOT / CHART_SOURCE
    assert settings.sounds == RESOURCES / "sounds"
    assert isinstance(settings, Settings)


# -- promises --------------------------------------------------------------------------------


def changed_source(folder: Path, *changes: tuple[str, str]) -> str:
    """Compile a chart that was changed here and there, and have it refused."""
    from pommai.cli.compile import read_behaviour

    text = (ROOT / CHART_SOURCE).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    source = folder / "source"
    source.mkdir()
    (source / CHART_SOURCE).write_text(text)
    shutil.copy(ROOT / "led_patterns.yaml", source)
    return refused(folder, read_behaviour(source / CHART_SOURCE))


def test_a_bundle_cannot_drop_a_promise_and_then_break_it(tmp_path: Path) -> None:
    """The chart listens in safe mode, and says nowhere that it does not."""
    text = (ROOT / CHART_SOURCE).read_text()
    promise = text[text.index("  safe_mode_hears_nothing:") : text.index("  safe_mode_is_private:")]
    words = changed_source(
        tmp_path, (promise, ""), ("            do: wait_for_resume", "            do: [wait_for_resume, hear]")
    )
    assert "safe_mode_hears_nothing (demanded by the toy) (In safe mode nobody listens to the child.)" in words


def test_a_bundle_cannot_weaken_a_promise_under_its_own_name(tmp_path: Path) -> None:
    listens = "never: {in: safe_mode, doing: [hear, record, stream_speech, await_wake_word]}"
    words = changed_source(
        tmp_path,
        (listens, "never: {in: safe_mode, doing: record}"),
        ("do: wait_for_resume", "do: [wait_for_resume, hear]"),
    )
    assert "safe_mode_hears_nothing (demanded by the toy)" in words


def test_a_state_of_another_name_keeps_no_promise(tmp_path: Path) -> None:
    """Of a state that does not exist everything can be promised."""
    text = dump(compiled()).replace('"safe_mode"', '"quiet_time"')
    text = text.replace('"call","quiet_time"', '"call","safe_mode"').replace(
        '{"sound":"quiet_time"}', '{"sound":"safe_mode"}'
    )
    assert "the chart has no state safe_mode, of which a toy must keep promises" in refused(tmp_path, text)


def test_what_may_be_assumed_is_no_matter_of_a_chart(tmp_path: Path) -> None:
    """A chart that assumes what it should prove proves nothing."""
    text = (ROOT / CHART_SOURCE).read_text()
    line = "always: {from: listening, on: button.released, not_to: listening}"
    assert line in text
    words = changed_source(
        tmp_path,
        (line, "always: {from: listening, on: button.released, if: heard_speech, not_to: listening}"),
        (
            "                  - {event: button.released, target: idle, on: [{abort_turn: nothing said}, "
            "{play: nothing_heard}]}\n                  - {event: speech.ended",
            "                  - {event: speech.ended",
        ),
        ("assumptions:\n", "assumptions:\n  all_is_well:\n    because: I say so.\n    holds: heard_speech\n"),
    )
    assert "release_ends_listening (demanded by the toy)" in words


CALM = "                  - {event: button.pressed, target: being_let_go}\n"
STUCK = "                        - {target: playing, on: hush}\n"


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        (
            CALM,
            CALM + "                  - {event: button.triple_pressed, target: forgetting}\n",
            "a_hold_alone_forgets",
        ),
        (STUCK, "                        - {target: forgetting}\n", "a_button_that_is_stuck_forgets_nothing"),
        ("{cond: held_at_power_up, target: resetting}", "{target: resetting}", "only_a_hold_counts"),
        (
            "              - {event: reset.asked, target: forgetting}\n              - {event: restart",
            "              - {event: restart",
            "a_reset_that_is_asked_for_is_done",
        ),
    ],
)
def test_a_chart_cannot_have_a_toy_forget_without_the_hold_or_the_command_nor_refuse_the_command(
    tmp_path: Path, old: str, new: str, broken: str
) -> None:
    assert broken in changed_source(tmp_path, (old, new))


@pytest.mark.parametrize("resting", [[], ["idle", "safe_mode", "listening"], ["toy"]])
def test_a_toy_rests_where_its_software_says(tmp_path: Path, resting: list[str]) -> None:
    table = compiled()
    specification = replace(table.specification, resting=frozenset(resting))
    assert "the chart rests in" in refused(tmp_path, replace(table, specification=specification))


def test_a_promise_of_the_charts_own_that_does_not_hold_is_found(tmp_path: Path) -> None:
    table = compiled()
    claims = tuple(
        replace(claim, within=0.001) if claim.id == "an_error_passes" else claim for claim in table.specification.claims
    )
    words = refused(tmp_path, replace(table, specification=replace(table.specification, claims=claims)))
    assert "the chart breaks 1 of its promises: an_error_passes" in words


# -- names -----------------------------------------------------------------------------------


def edited(change: Callable[[dict[str, Any]], object]) -> str:
    document = json.loads(dump(compiled()))
    change(document)
    return json.dumps(document)


def operation(kind: str, name: str, args: dict[str, Any], seconds: float = 0.0) -> Callable[[dict[str, Any]], object]:
    """The first operation of this kind becomes another one."""

    def change(document: dict[str, Any]) -> None:
        index = next(i for i, one in enumerate(document["operations"]) if one[0] == kind or kind == "*")
        old = document["operations"][index]
        document["operations"][index] = [old[0] if kind != "*" else name, name, args, old[3], seconds or old[4]]

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (operation("call", "format_disk", {}), "action format_disk"),
        (operation("start", "mine_coins", {}), "activity mine_coins"),
        (operation("stop", "mine_coins", {}), "activity mine_coins"),
        (operation("led", "strobe", {}), "light pattern strobe"),
        (operation("call", "play", {"sound": "siren"}), "play with sound: 'siren'"),
        (operation("call", "play", {}), "play without sound"),
        (operation("call", "play", {"sound": 7}), "play with sound: 7"),
        (operation("call", "play", {"sound": ["hello"]}), "play with sound"),
        (operation("call", "play", {"sound": "hello", "loud": True}), "play with loud: True"),
        (operation("timer", "timer.x", {}, 5.0), "timer 'timer.x'"),
        (operation("timer", "timer.listening.listen_limit", {}, 1e9), "a timer of 1000000000.0 s"),
        (operation("timer", "timer.listening.listen_limit", {}, float("nan")), "a timer of nan s"),
        (operation("*", "exec", {}), "operation 'exec'"),
    ],
)
def test_a_name_that_this_toy_does_not_know_is_found(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    assert words in refused(tmp_path, edited(change))


def guard(document: dict[str, Any]) -> None:
    text = json.dumps(document["nodes"]).replace('"microphone_works"', '"is_christmas"')
    document["nodes"] = json.loads(text)


def led(document: dict[str, Any]) -> None:
    document["nodes"][3]["led"] = "strobe"


@pytest.mark.parametrize(("change", "words"), [(guard, "guard is_christmas"), (led, "light pattern strobe")])
def test_guards_and_lights_are_looked_up_too(tmp_path: Path, change: Callable[[Any], object], words: str) -> None:
    assert words in refused(tmp_path, edited(change))


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"format": 99}', '{"format": 2}', '{"format":2,"operations":' + "[" * 5000],
)
def test_a_damaged_table_is_no_chart(tmp_path: Path, text: str) -> None:
    assert "compiled chart" in refused(tmp_path, text)


def test_a_table_is_of_the_source_beside_it(tmp_path: Path) -> None:
    (tmp_path / CHART_SOURCE).write_text((ROOT / CHART_SOURCE).read_text() + "# harmless\n")
    assert "was not compiled from the statechart.yaml beside it" in refused(tmp_path, compiled())


# -- the other files -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("led_patterns.yaml", "patterns: {}\n", "not fit for this toy"),
        ("offline_responses.yaml", "commands: 7\n", "offline_responses.yaml:1"),
        ("personas.yaml", "personas: [\n", "personas.yaml:"),
        ("sounds/hello.wav", "no sound at all", "hello.wav"),
    ],
)
def test_a_file_that_the_toy_could_not_load_is_found(tmp_path: Path, name: str, text: str, words: str) -> None:
    if "/" in name:
        shutil.copytree(RESOURCES / "sounds", tmp_path / "sounds")
    (tmp_path / name).write_text(text)
    with pytest.raises(BundleError, match=words):
        check_update(as_shipped(tmp_path))


def test_answers_of_before_a_child_could_ask_for_others_are_as_good_as_ever(tmp_path: Path) -> None:
    text = (ROOT / "offline_responses.yaml").read_text("utf-8")
    before, _, after = text.partition("persona_change:\n")
    older = before + after[after.index("\ntoys:\n") :]
    (tmp_path / "offline_responses.yaml").write_text(older)
    assert load_responses(tmp_path / "offline_responses.yaml").persona_change is None
    assert check_update(as_shipped(tmp_path)).proof.holds
    (tmp_path / "offline_responses.yaml").write_text(text.replace("be <name>,", "be <nmae>,"))
    line = text[: text.index("be <name>,")].count("\n") + 1
    with pytest.raises(BundleError, match=rf"offline_responses.yaml:{line}:.* 'be <nmae>' has '<nmae>' in it"):
        check_update(as_shipped(tmp_path))


def test_a_bundle_of_sounds_has_all_that_the_toy_plays(tmp_path: Path) -> None:
    shutil.copytree(RESOURCES / "sounds", tmp_path / "sounds")
    (tmp_path / "sounds" / "sorry.wav").unlink()
    with pytest.raises(BundleError, match="sounds are missing that the toy plays: sorry"):
        check_update(as_shipped(tmp_path))

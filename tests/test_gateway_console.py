from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from gateway_material import desk, run, toy_at

from pommai.gateway.archive import Alert
from pommai.gateway.console import COMMANDS, Console, alert_line
from pommai.gateway.orders import Orders
from pommai.gateway.server import Gateway
from pommai.protocol import messages as m

PERSONAS = Path(__file__).parents[1] / "personas.yaml"


@asynccontextmanager
async def operated(personas: Path = PERSONAS) -> AsyncIterator[tuple[Gateway, Console]]:
    """A gateway and its console."""
    async with desk() as gateway:
        yield gateway, Console(Orders(gateway, personas), lambda: None)


def test_what_is_no_command_is_answered_with_those_there_are() -> None:
    wrong = (
        "dance",
        "switch",
        "switch a b c",
        "volume",
        "volume 3 desk-1 now",
        "sessions please",
        "resume desk-1",
        "reset",
        "restart",
    )

    async def test() -> None:
        async with operated() as (_, console):
            for line in wrong:
                assert await console.obey(line) == f"known: {', '.join(COMMANDS)}"
            assert await console.obey("  ") == ""

    run(test())


def test_quit_quits() -> None:
    async def test() -> None:
        async with desk() as gateway:
            asked = []
            console = Console(Orders(gateway, PERSONAS), lambda: asked.append("quit"))
            assert await console.obey("quit") == "bye"
            assert asked == ["quit"]

    run(test())


def test_the_volume_is_set_for_all_or_for_one() -> None:
    async def test() -> None:
        async with operated() as (gateway, console), toy_at(gateway, "desk-1") as one, toy_at(gateway, "desk-2") as two:
            assert await console.obey("volume 040") == "told 2 toys: volume 40"
            assert await console.obey("volume 0 desk-2") == "told 1 toy: volume 0"
            assert await one.expect(m.Command) == m.Command("volume", {"percent": 40})
            assert await two.expect(m.Command) == m.Command("volume", {"percent": 40})
            assert await two.expect(m.Command) == m.Command("volume", {"percent": 0})

    run(test())


def test_one_toy_is_restarted_or_reset_and_never_all() -> None:
    async def test() -> None:
        async with operated() as (gateway, console), toy_at(gateway, "desk-1") as one, toy_at(gateway, "desk-2") as two:
            assert await console.obey("restart desk-1") == "asked 1 toy to begin again"
            assert await console.obey("reset desk-2") == "asked 1 toy to forget everything"
            assert await console.obey("reset desk-3") == "asked 0 toys to forget everything"
            assert await one.expect(m.Command) == m.Command("restart")
            assert await two.expect(m.Command) == m.Command("reset")

    run(test())


@pytest.mark.parametrize("percent", ["101", "-1", "loud", "4.5", "٤", "½"])
def test_what_is_no_volume_is_not_sent(percent: str) -> None:
    async def test() -> None:
        async with operated() as (_, console):
            words = f"{percent} is no volume; write a whole number from 0 to 100"
            assert await console.obey(f"volume {percent}") == words

    run(test())


def test_alerts_and_counts_are_one_line_each() -> None:
    async def test() -> None:
        async with operated() as (gateway, console):
            assert await console.obey("alerts") == "no alerts"
            assert await console.obey("archive") == "nothing is kept yet"
            for device in ("desk-1", "desk-2"):
                for reason in ("asked for help", "cried"):
                    await gateway.archive.alert(device, "robo-rex", m.GuardianAlert("high", reason, "now"))
            log = {"id": "l1"}
            await gateway.archive.take("desk-1", "robo-rex", m.SyncBatch("b1", logs=(log,)))
            assert await console.obey("archive") == "desk-1: logs 1, safety_events 2\ndesk-2: safety_events 2"
            lines = (await console.obey("alerts")).splitlines()
            assert [words.partition(" ")[2] for words in lines] == [
                "desk-1 high asked for help",
                "desk-1 high cried",
                "desk-2 high asked for help",
                "desk-2 high cried",
            ]

    run(test())


def test_an_alert_is_a_line_that_others_can_wait_for() -> None:
    assert alert_line(Alert("now", "desk-1", "high", "asked for help")) == "alert desk-1 high asked for help"


def test_an_archive_that_cannot_be_read_is_a_sentence() -> None:
    async def test() -> None:
        async with operated() as (gateway, console):
            await gateway.archive.close()
            assert await console.obey("alerts") == "the archive is closed"

    run(test())


def test_what_a_toy_says_of_its_settings_is_shown_and_cannot_disturb_the_terminal() -> None:
    async def test() -> None:
        async with desk() as gateway:
            console = Console(Orders(gateway, PERSONAS), lambda: None)
            assert await console.obey("config") == "no toy is connected"
            async with toy_at(gateway) as toy:
                assert await console.obey("config") == "desk-1 has not said yet what it took"
                refused = (m.RefusedSetting("HOTWORD_THRESHOLD", "too\nmuch \x1b[2J" + "!" * 1000),) * 50
                for applied, words in (({}, "nothing set"), ({"A": [1, "b"], "\x1b": 2}, 'A [1, "b"], ? 2')):
                    await toy.send(m.PiConfigReport(applied, refused))
                    await toy.send(m.Ping("now"))
                    await toy.expect(m.Pong)
                    first, *rest = (await console.obey("config")).splitlines()
                    assert first == f"desk-1 has {words}"
                    assert len(rest) == 20
                    assert rest[0].startswith("  refused HOTWORD_THRESHOLD: too?much ?[2J!!!")
                    assert len(rest[0]) < 400

    run(test())


def test_a_reload_tells_the_toys_whose_persona_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "personas.yaml"
    text = PERSONAS.read_text()
    file.write_text(text)

    async def test() -> None:
        async with (
            operated(file) as (gateway, console),
            toy_at(gateway, "desk-1", "pommai-bear") as bear,
            toy_at(gateway, "desk-2", "robo-rex") as rex,
            toy_at(gateway, "desk-3", "new-one") as newcomer,
        ):
            assert await console.obey("reload") == f"read {file}; told 0 toys of changes"
            rewrite(file, text.replace("semitones: -5", "semitones: -7"))
            assert await console.obey("reload") == f"read {file}; told 0 toys of changes"
            assert gateway.persona("robo-rex").answers.semitones == -7.0
            rewrite(file, text.replace("wake_word: okay nabu", "wake_word: hey rex"))
            assert await console.obey("reload") == f"read {file}; told 1 toy of changes"
            assert (await rex.expect(m.ToyConfigUpdate)).config.wake_word == "hey rex"

            rewrite(file, text.replace("robo-rex:", "new-one:"))
            assert await console.obey("reload") == f"read {file}; told 1 toy of changes"
            assert (await newcomer.expect(m.ToyConfigUpdate)).config.name == "Robo Rex"
            for toy in (bear, rex, newcomer):
                await toy.send(m.Ping("now"))
                assert await toy.expect(m.Pong)

    run(test())


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with operated(tmp_path / "personas.yaml") as (gateway, console):
            assert "personas.yaml:1:1: error: cannot be read" in await console.obey("reload")
            assert gateway.persona("robo-rex")

    run(test())


def test_a_broken_file_changes_nothing_and_is_told_with_its_places(tmp_path: Path) -> None:
    file = tmp_path / "personas.yaml"
    text = PERSONAS.read_text()
    file.write_text(text)

    async def test() -> None:
        async with operated(file) as (gateway, console), toy_at(gateway, "desk-2", "robo-rex") as rex:
            rewrite(file, text.replace("wake_engine: micro", "wake_engine: macro").replace("speed: 0.95", "speed: 95"))
            first, second, last = (await console.obey("reload")).splitlines()
            assert first.startswith(f"{file}:")
            assert "speed of voice_settings of 'pommai-bear' must be in 0.5..2, not '95'" in first
            assert "did you mean 'microwakeword'?" in second
            assert last == "the toys stay as they were"
            assert "toys stay as they were" in await console.obey("reload")
            await rex.send(m.GetToyConfig("robo-rex"))
            assert (await rex.expect(m.ToyConfig)).config.wake_engine == "microwakeword"

    run(test())


def rewrite(file: Path, text: str) -> None:
    assert text != file.read_text(), "the test changes nothing"
    file.write_text(text)

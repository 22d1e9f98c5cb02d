"""`pommai bundle offer`, `offers` and `withdraw`, against a gateway's HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bundle_material import bundle_bytes
from gateway_material import run
from offer_material import BUNDLE, HASH, kept, says
from test_gateway_offers_web import Shop, shop
from update_material import pommai
from web_material import OPERATOR

from pommai.cli.bundle_offer import MOST_SHOWN
from pommai.gateway.offers_file import FileOffers

Asked = tuple[int, str, str]
Command = Callable[..., Asked]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POMMAI_OPERATOR_TOKEN", OPERATOR)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "toy-12.pommai-bundle"
    path.write_bytes(BUNDLE)
    return path


async def ask(here: Shop, *words: object) -> Asked:
    return await asyncio.to_thread(pommai, "bundle", *words, "--gateway", here.web.url)


def test_one_command_brings_a_bundle_and_offers_it_and_another_shows_who_has_it(tmp_path: Path, file: Path) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            assert await ask(here, "offers") == (0, "no bundle is offered; `pommai bundle offer` brings one\n", "")
            await here.offers.hear({"bear": says(12), "rex-2": says(11, failed=(12,))})
            code, said, _ = await ask(here, "offer", "--device=bear", "--device", "rex-2", "--device", "cat", file)
            assert code == 0
            assert said.splitlines() == [
                f"version 12 for pommai, 1 kB, {HASH[:12]}",
                "offered to 3 toys: 1 in force, 1 silent, 1 undone",
                "  cat    silent: it takes no bundles, or has not been here",
                "  rex-2  undone: it did not work on this toy",
                "  bear   in force",
            ]
            assert (await ask(here, "offers"))[1] == said
            code, said, _ = await ask(here, "offer", file, "--all", "--json")
            assert json.loads(said)["all"]
            assert "offered to all toys that it is for: 1 in force" in (await ask(here, "offers"))[1]
            assert json.loads((await ask(here, "offers", "--json"))[1])["bundles"][0]["version"] == 12

    run(test())


def test_a_bundle_is_withdrawn_by_its_version_or_by_its_hash_when_two_have_one(tmp_path: Path, file: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(bundle_bytes({"led_patterns.yaml": b"patterns: {} \n"}))

    async def test() -> None:
        async with shop(tmp_path) as here:
            await ask(here, "offer", file, "--all")
            await ask(here, "offer", other, "--all")
            code, _, errors = await ask(here, "withdraw", "12")
            assert code == 2
            assert "there are 2 bundles 12 here; `pommai bundle offers` lists them" in errors
            words = "version 12 is withdrawn; toys that have taken it keep it\n"
            assert await ask(here, "withdraw", HASH[:12]) == (0, words, "")
            assert await ask(here, "withdraw", "12") == (0, words, "")
            code, _, errors = await ask(here, "withdraw", "12")
            assert (code, "there is no bundle" in errors) == (2, True)

    run(test())


def test_of_many_toys_those_are_shown_that_do_not_have_it(tmp_path: Path, file: Path) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            reports = {f"toy-{number:03}": says(12 if number % 2 else 11) for number in range(100)}
            await here.offers.hear(reports)
            _, said, _ = await ask(here, "offer", file, "--all")
            lines = said.splitlines()
            assert lines[1] == "offered to all toys that it is for: 50 in force, 50 waits"
            assert len(lines) == 2 + MOST_SHOWN + 1
            assert all(line.endswith("waits") for line in lines[2:-1])
            assert lines[-1] == "  ... and 60 more (--json lists up to 1,000)"

    run(test())


def test_what_toys_say_cannot_disturb_a_terminal(tmp_path: Path, file: Path) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            await here.offers.keep(kept())
            await here.offers.offer(kept().sha256, ["bear"])
            await here.offers.hear({"bear": says(offer=kept().sha256, outcome="refused", reason="\x1b[2Jgone")})
            assert "  bear  refused: ?[2Jgone\n" in (await ask(here, "offers"))[1]

    run(test())


def test_a_bundle_that_no_toy_would_take_does_not_leave_the_desk(tmp_path: Path) -> None:
    unsigned, broken = tmp_path / "unsigned", tmp_path / "broken"
    unsigned.write_bytes(bundle_bytes(signers=()))
    broken.write_bytes(BUNDLE[:-1] + b"?")
    for path, words in (
        (unsigned, "nobody has signed it, so no toy would take it: `pommai bundle sign`"),
        (broken, "is not what was signed"),
        (tmp_path / "none", "No such file"),
    ):
        code, _, errors = pommai("bundle", "offer", path, "--all", "--gateway", "http://127.0.0.1:9")
        assert code == 1
        assert words in errors


def test_a_gateway_that_refuses_or_is_not_there_is_said_in_a_sentence(tmp_path: Path, file: Path) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            for version in range(20, 28):
                await here.offers.keep(kept(version))
            code, _, errors = await ask(here, "offer", file, "--all")
            assert code == 1
            assert "8 bundles are kept already (withdraw one first)" in errors

    run(test())
    code, _, errors = pommai("bundle", "offers", "--gateway", "http://127.0.0.1:9")
    assert (code, "no gateway listens" in errors) == (1, True)


def test_a_list_that_lacks_what_other_gateways_know_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with shop(tmp_path) as here:
            monkeypatch.setattr(FileOffers, "missing", "Redis at home cannot be reached")
            assert (await ask(here, "offers"))[1] == (
                "no bundle is offered; `pommai bundle offer` brings one\n\n"
                "missing is what other gateways know: Redis at home cannot be reached\n"
            )

    run(test())


def test_to_whom_must_be_said(file: Path) -> None:
    for words in ((), ("--all", "--device", "bear"), ("--device",)):
        code, _, errors = pommai("bundle", "offer", file, *words)
        assert code == 2
        assert "--device" in errors

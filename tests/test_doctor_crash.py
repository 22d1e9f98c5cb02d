"""A check that fails itself is told of so that makers can mend it, and in no words that could hold a secret."""

from __future__ import annotations

import asyncio
import http.client
import json
from pathlib import Path
from typing import Any

from doctor_material import world

from pommai.cli.doctor_table import as_json, summary
from pommai.doctor.crash import crashed, one_line
from pommai.doctor.finding import Check, Finding, Mark
from pommai.doctor.round import examine
from pommai.doctor.surroundings import Surroundings

TOKEN, WORDS = "eyJ-a-planted-token", "my name is Mia and I live in Bath"


def raised(*errors: BaseException) -> Exception:
    """The last of these, each raised while the one before it was being handled."""
    before: BaseException | None = None
    for error in errors:
        try:
            try:
                if before is not None:
                    raise before
            finally:
                raise error
        except BaseException as caught:
            before = caught
    assert isinstance(before, Exception)
    return before


class CarelessError(Exception):
    """Tells all that it knows wherever it can."""

    def __str__(self) -> str:
        return f"careless: {TOKEN} {WORDS}"

    __repr__ = __str__


def errors_of(finding: Finding) -> list[dict[str, Any]]:
    told = finding.figures["errors"]
    assert isinstance(told, list)
    return told


def everything(finding: Finding) -> str:
    return f"{finding.words} {finding.next_step} {json.dumps(dict(finding.figures))}"


def test_nothing_that_an_error_says_is_told_nor_what_it_came_from_and_holds() -> None:
    errors = [
        raised(ValueError(f"wss://x.example/?token={TOKEN}")),
        raised(OSError(2, f"{WORDS}", f"/home/{TOKEN}")),
        raised(KeyError(TOKEN), RuntimeError(WORDS)),
        raised(ExceptionGroup(TOKEN, [ValueError(WORDS), CarelessError(TOKEN)])),
        raised(http.client.InvalidURL(f"bad: {TOKEN}"), CarelessError()),
        raised(UnicodeDecodeError("ascii", TOKEN.encode(), 0, 1, WORDS)),
    ]
    for error in errors:
        error.add_note(TOKEN)
        told = everything(crashed(error, "server")) + one_line(error)
        assert not [word for word in (TOKEN, WORDS, "careless", "/home") if word in told], told


def test_the_kinds_of_errors_and_all_their_places_are_told() -> None:
    grouped = raised(KeyError(TOKEN), ExceptionGroup("", [CarelessError()]))
    finding = crashed(grouped, "server")
    assert finding.mark is Mark.WRONG
    told = errors_of(finding)
    assert [each["kind"] for each in told] == ["ExceptionGroup", "test_doctor_crash.CarelessError", "KeyError"]
    assert told[0]["places"][-1].startswith("test_doctor_crash, line ")
    assert told[0]["places"][-1].endswith(", raised")


def test_what_the_system_says_of_its_errors_is_told_in_its_own_words() -> None:
    finding = crashed(raised(PermissionError(13, TOKEN)), "disk")
    assert "PermissionError (Permission denied)" in finding.words
    assert "PermissionError (Permission denied)" in one_line(raised(PermissionError(13, TOKEN)))
    assert "OSError" in crashed(raised(OSError(TOKEN)), "disk").words


def test_an_error_that_goes_round_in_a_circle_is_told_once() -> None:
    first, second = ValueError(TOKEN), KeyError(TOKEN)
    first.__cause__, second.__cause__ = second, first
    assert len(errors_of(crashed(first, "disk"))) == 2


def test_of_an_error_deep_down_the_end_of_the_way_is_told() -> None:
    def down(floors: int) -> None:
        if not floors:
            raise CarelessError
        down(floors - 1)

    try:
        down(200)
    except CarelessError as caught:
        (told,) = errors_of(crashed(caught, "disk"))
    assert len(told["places"]) == 40
    assert told["places"][-1].endswith("down")


def test_the_person_learns_where_in_pommai_it_was_and_what_to_do(tmp_path: Path) -> None:
    async def bad(surroundings: Surroundings) -> Finding:
        surroundings.text(7)  # type: ignore[arg-type]
        raise AssertionError

    surroundings = world(tmp_path)
    results = asyncio.run(examine(surroundings, [Check("board", "Group", "the board", bad)]))
    finding = results[0].finding
    assert "AttributeError in pommai.doctor.surroundings, line " in finding.words
    assert finding.words.endswith(", Surroundings.text")
    assert finding.next_step.splitlines()[0] == "pommai doctor --only board --json"
    shown = json.loads(as_json(surroundings, results))
    (error,) = shown["checks"][0]["figures"]["errors"]
    assert error["kind"] == "AttributeError"
    assert [place.partition(",")[0] for place in error["places"]][-1] == "pommai.doctor.surroundings"
    assert "1 to mend" in "".join(summary(results))

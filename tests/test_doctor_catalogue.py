"""The list of checks."""

from __future__ import annotations

import re

from pommai.doctor.catalogue import CHECKS, NAMES


def test_names_are_short_words_each_once() -> None:
    assert len(set(NAMES)) == len(NAMES) > 20
    assert all(re.fullmatch(r"[a-z]{3,9}", name) for name in NAMES)


def test_a_check_comes_after_those_it_stands_on() -> None:
    for at, check in enumerate(CHECKS):
        assert set(check.after) <= set(NAMES[:at]), check.id


def test_the_groups_are_not_torn_apart() -> None:
    groups = [check.group for check in CHECKS]
    changes = [group for at, group in enumerate(groups) if at == 0 or groups[at - 1] != group]
    assert len(changes) == len(set(groups))


def test_the_clock_is_looked_at_when_the_servers_have_spoken() -> None:
    assert NAMES.index("clock") > NAMES.index("gateway")
    assert NAMES.index("clock") > NAMES.index("cloud")


def test_who_makes_noise_and_who_asks_is_known() -> None:
    assert [check.id for check in CHECKS if check.sounds] == ["loop"]
    assert [check.id for check in CHECKS if check.asks] == ["lights", "button"]

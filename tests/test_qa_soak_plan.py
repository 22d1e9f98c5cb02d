"""What goes wrong, and when."""

from __future__ import annotations

from itertools import islice

from pommai.qa.soak_plan import HASTE, KINDS, faults


def test_the_same_seed_breaks_the_same_things_in_the_same_order() -> None:
    assert list(islice(faults(7), 100)) == list(islice(faults(7), 100))
    assert list(islice(faults(7), 100)) != list(islice(faults(8), 100))


def test_every_kind_comes_as_often_as_every_other() -> None:
    for first in range(0, 5 * len(KINDS), len(KINDS)):
        bag = islice(faults(1), first, first + len(KINDS))
        assert {fault.kind for fault in bag} == set(KINDS)


def test_where_kinds_are_named_no_others_come() -> None:
    first = list(islice(faults(1, kinds=("clock", "card lost")), 20))
    assert {fault.kind for fault in first} == {"clock", "card lost"}
    assert {fault.kind for fault in islice(faults(1, kinds=["clock"]), 20)} == {"clock"}


def test_a_fault_lasts_as_long_as_its_kind_may() -> None:
    for fault in islice(faults(3), 300):
        assert KINDS[fault.kind].least <= fault.seconds <= KINDS[fault.kind].most


def test_a_hasty_soak_has_the_same_faults_and_each_is_short() -> None:
    for slow, quick in zip(islice(faults(3), 50), faults(3, hasty=True), strict=False):
        assert (slow.number, slow.kind, slow.dose) == (quick.number, quick.kind, quick.dose)
        assert quick.seconds == slow.seconds * HASTE

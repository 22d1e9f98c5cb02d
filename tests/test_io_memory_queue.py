"""What waits to be written: in order, bounded, and put back when it could not be written."""

from __future__ import annotations

from memory_material import incident, said

from pommai.io.memory_items import TRUSTED, Item, ItemMaker, Moment
from pommai.io.memory_queue import MOST_ITEMS, Pending

WHEN = Moment(0, TRUSTED, "boot", 0.0)


def made(item: Item | None) -> Item:
    assert item is not None
    return item


def test_what_is_put_back_comes_before_what_came_meanwhile() -> None:
    maker = ItemMaker()
    earlier, later = Pending(), Pending()
    earlier.add(made(maker.conversation(said("one"), WHEN)))
    earlier.facts["safe_mode"] = "on"
    earlier.facts["volume"] = "3"
    earlier.settled["zero"] = None
    later.add(made(maker.conversation(said("two"), WHEN)))
    later.facts["safe_mode"] = None
    later.put_back(earlier)
    assert list(later.items) == ["one", "two"]
    assert later.facts == {"safe_mode": None, "volume": "3"}
    assert later.settled == {"zero": None}


def test_the_least_important_is_dropped_first_then_the_oldest_and_counted() -> None:
    maker, pending = ItemMaker(), Pending()
    pending.add(made(maker.safety_event(incident("danger"), WHEN)))
    pending.add(made(maker.metric("noise", 1, WHEN)))
    for number in range(MOST_ITEMS):
        pending.add(made(maker.conversation(said(f"{number}"), WHEN)))
    assert len(pending.items) == MOST_ITEMS
    assert pending.dropped == {"metrics": 1, "conversations": 1}
    assert list(pending.items)[:2] == ["danger", "1"]


def test_nothing_waits_in_a_new_one_and_everything_counts() -> None:
    assert not Pending()
    for pending in (Pending(facts={"a": None}), Pending(settled={"a": None}), Pending(retention={"metrics": 1})):
        assert pending

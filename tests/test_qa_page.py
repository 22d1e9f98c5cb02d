"""The page of a campaign: figures that are right, and nothing that a name could break."""

from __future__ import annotations

from html.parser import HTMLParser

from qa_material import ground, shipped_table

from pommai.qa.coverage import Coverage
from pommai.qa.page import COLD, SHOWN, page, state_colours, warmth


def some() -> Coverage:
    coverage = Coverage(ground())
    coverage.merge({leaf.number: 9 for leaf in ground().leaves[:100]}, set())
    return coverage


def test_more_visits_are_warmer_and_none_is_told_from_one() -> None:
    assert warmth(0, 100) == COLD
    colours = [warmth(count, 1_000_000) for count in (1, 10, 1_000, 1_000_000)]
    assert len({COLD, *colours}) == 5
    assert colours == sorted(colours, reverse=True)


def test_each_state_that_a_toy_stays_in_has_a_colour() -> None:
    colours = state_colours(some())
    assert colours.keys() == {state.id for state in shipped_table().states} - {"waking_up"}
    assert COLD in colours.values()
    assert warmth(900, 900) == colours["toy"]


def test_the_page_says_what_was_run_and_what_is_missing() -> None:
    text = page(some(), "<?xml?><!DOCTYPE svg><svg><g/></svg>", "9 events <here>", "a & b")
    assert "<svg><g/></svg>" in text
    assert "<!DOCTYPE svg>" not in text
    assert "9 events &lt;here&gt;" in text
    assert "<b>Failed:</b> a &amp; b" in text
    assert f"and {len(ground().leaves) - 100 - SHOWN:,} more, in coverage.json" in text
    for measure, (done, there_are) in some().figures().items():
        assert f"{measure}</span><b>{100 * done / there_are:.1f} %" in text


def test_all_visited_leaves_nothing_to_list() -> None:
    coverage = Coverage(ground())
    coverage.merge({leaf.number: 1 for leaf in ground().leaves}, set())
    text = page(coverage, "no drawing", "")
    assert "class=never" not in text, "what is taken at the start alone is no event's"
    assert "Nothing: every event has come in every configuration" in text
    assert "no drawing" in text
    HTMLParser().feed(text)

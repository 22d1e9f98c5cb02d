"""docs/security.md names files that are there, and says of each provision what is to be found where."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_file_that_the_page_names_is_there() -> None:
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = set(re.findall(r"`((?:pommai|tests|deploy|docs|cloud)/[\w./-]+)`", text))
    assert len(named) > 30
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_page_that_it_leads_to_is_there() -> None:
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    linked = set(re.findall(r"\]\(([\w.-]+\.md)\)", text))
    assert "privacy-notice.md" in linked
    assert {name for name in linked if not (ROOT / "docs" / name).exists()} == set()


def test_every_clause_and_rule_has_its_line_with_something_that_meets_it_or_that_a_maker_must_do() -> None:
    rows = [
        [cell.strip() for cell in line.strip()[1:-1].split("|")]
        for line in (ROOT / "docs" / "security.md").read_text("utf-8").splitlines()
        if re.match(r"\| (?:[56](?:\.\d+)? |312\.)", line)
    ]
    clauses = [row[0].split()[0] for row in rows if not row[0].startswith("312.")]
    assert clauses == [*(f"5.{number}" for number in range(14)), "6"]
    for name, here, maker in rows:
        assert here, name
        assert "`" in here or ".md" in here or maker, name
